// Translates a recording, live: node translate.mjs localhost:50051 talk.wav --from eng --to spa --out talk.spa.wav
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { connect, explain } from './client.mjs';
import { makeWav, readWav } from './wav.mjs';

const USAGE = 'usage: translate.mjs HOST:PORT CLIP.wav --to LANGUAGE [--from LANGUAGE] [--out OUT.wav] [--json EVENTS.json]';
const OUTPUT_RATE_HZ = 24000;
const CHUNK_MS = 100;

/** Sends a whole clip, at the speed at which the server takes it, and says how long it was. */
async function send(call, clip, settings) {
  const say = async (message) => {
    if (!call.write(message)) await once(call, 'drain');
  };
  await say({
    config: {
      input: { encoding: 'ENCODING_PCM_S16LE', sample_rate_hz: clip.sampleRateHz },
      output: { encoding: 'ENCODING_PCM_S16LE', sample_rate_hz: OUTPUT_RATE_HZ },
      settings,
    },
  });
  const chunkBytes = 2 * Math.trunc((clip.sampleRateHz * CHUNK_MS) / 1000);
  for (let at = 0; at < clip.data.length; at += chunkBytes) {
    await say({ audio: { data: clip.data.subarray(at, at + chunkBytes) } });
  }
  await say({ end: { total_samples: clip.data.length / 2 } });
  call.end();
}

/** One line for a person; nothing for what a person need not see. `texts` keeps what is still growing. */
function line(response, texts) {
  const event = response[response.event];
  switch (response.event) {
    case 'transcript':
    case 'translation': {
      const key = `${event.utterance_id} ${event.language}`;
      texts.set(key, (texts.get(key) ?? '') + event.delta);
      return event.final && `${event.language}  ${texts.get(key).trim()}`;
    }
    case 'utterance_done':
      return `utterance ${event.utterance_id}: ${event.status}, ${event.usage.speech_ms} ms of speech`;
    case 'warning':
      return `warning: ${event.message}`;
    default:
      return '';
  }
}

/** For JSON.stringify: bytes become their number. */
const withoutBytes = (key, value) => (value?.type === 'Buffer' ? value.data.length : value);

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      to: { type: 'string' },
      from: { type: 'string' },
      out: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const [address, path] = positionals;
  if (!path || !values.to) throw new Error(USAGE);
  const clip = readWav(await readFile(path));
  const settings = { targets: [{ language: values.to }] };
  if (values.from) Object.assign(settings, { source_language: values.from, include: ['INSPECT_TRANSCRIPT'] });

  const client = connect(address);
  const call = client.StreamingTranslate();
  // When the server ends the call early, what is still being written fails with it; the reader below says why.
  const sending = send(call, clip, settings).catch(() => {});
  const responses = [];
  const speech = [];
  const texts = new Map();
  for await (const response of call) {
    responses.push(response);
    if (response.event === 'audio') speech.push(response.audio.data);
    const text = line(response, texts);
    if (text) console.log(text);
  }
  await sending;
  client.close();
  if (values.out) await writeFile(values.out, makeWav(Buffer.concat(speech), OUTPUT_RATE_HZ));
  if (values.json) await writeFile(values.json, JSON.stringify(responses, withoutBytes, 1));
}

try {
  await main();
} catch (error) {
  const told = error.metadata ? explain(error) : { code: 'error', message: error.message };
  console.error(`${told.code}: ${told.message}`);
  process.exitCode = 1;
}
