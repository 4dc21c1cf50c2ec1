// Translates a recording, live: node translate.mjs localhost:50051 talk.wav --from eng --to spa --out talk.spa.wav
import { access, constants, readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { explain } from './client.mjs';
import { stream } from './resuming.mjs';
import { makeWav, readWav } from './wav.mjs';

const USAGE = 'usage: translate.mjs HOST:PORT[,...] CLIP.wav --to LANGUAGE [--from LANGUAGE] [--out OUT.wav] [--json EVENTS.json]';
const OUTPUT_RATE_HZ = 24000;

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
  for (const output of [values.out, values.json]) {
    if (output) await access(dirname(resolve(output)), constants.W_OK); // before a minute of work, not after it
  }
  const clip = readWav(await readFile(path));
  const settings = { targets: [{ language: values.to }] };
  if (values.from) Object.assign(settings, { source_language: values.from, include: ['INSPECT_TRANSCRIPT'] });

  const config = {
    input: { encoding: 'ENCODING_PCM_S16LE', sample_rate_hz: clip.sampleRateHz },
    output: { encoding: 'ENCODING_PCM_S16LE', sample_rate_hz: OUTPUT_RATE_HZ },
    settings,
  };
  const responses = [];
  const speech = [];
  const texts = new Map();
  for await (const response of stream(address.split(','), config, clip.data)) {
    responses.push(response);
    if (response.event === 'audio') speech.push(response.audio.data);
    const text = line(response, texts);
    if (text) console.log(text);
  }
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
