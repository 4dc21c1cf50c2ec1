// What the contract promises a client that was made of it alone. Prints one JSON object, a key a scenario.
import { readFile } from 'node:fs/promises';
import { ask, connect, explain } from '../../../examples/node/client.mjs';
import { readWav } from '../../../examples/node/wav.mjs';

const [address, clipPath] = process.argv.slice(2);
const clip = readWav(await readFile(clipPath));
const client = connect(address);

const config = (settings = {}) => ({
  config: {
    input: { encoding: 'ENCODING_PCM_S16LE', sample_rate_hz: clip.sampleRateHz },
    settings: { targets: [{ language: 'spa' }], source_language: 'eng', ...settings },
  },
});
const audio = { audio: { data: clip.data.subarray(0, 32000) } };

/** Everything a call answers: the kinds of its events and how it ended. */
async function outcome(call, onEvent = () => {}) {
  const events = [];
  try {
    for await (const response of call) {
      events.push(response);
      onEvent(response);
    }
    return { events, ended: { code: 'OK' } };
  } catch (error) {
    return { events, ended: explain(error) };
  }
}

/** A stream of exactly these messages, half-closed after them. */
function stream(...messages) {
  const call = client.StreamingTranslate();
  for (const message of messages) call.write(message);
  call.end();
  return outcome(call);
}

const scenarios = {
  info: () => ask(client, 'GetServerInfo'),
  languages: () => ask(client, 'ListLanguages'),

  unknown_language: () => stream(config({ targets: [{ language: 'tlh' }] })),
  audio_before_config: () => stream(audio),
  config_twice: () => stream(config(), config()),
  wrong_total: () => stream(config(), audio, { end: { total_samples: 7 } }),
  uncounted: () => stream(config(), audio, { end: {} }),
  half_close: () => stream(config(), audio),

  async cancel_in_the_middle() {
    const call = client.StreamingTranslate();
    call.write(config());
    for (let at = 0; at < clip.data.length; at += 32000) {
      call.write({ audio: { data: clip.data.subarray(at, at + 32000) } });
    }
    call.write({ finalize: {} });
    return outcome(call, (response) => {
      if (response.event === 'translation') call.cancel();
    });
  },

  translate_text: () =>
    outcome(
      client.Translate({
        text: 'Where is the station?',
        source_language: 'eng',
        targets: [{ language: 'spa' }],
      }),
    ),
  translate_nothing: () => outcome(client.Translate({ targets: [{ language: 'spa' }] })),
};

const results = {};
for (const [name, run] of Object.entries(scenarios)) results[name] = await run();
client.close();
// Buffers as their lengths: what matters here is that they came
console.log(JSON.stringify(results, (key, value) => (value?.type === 'Buffer' ? value.data.length : value)));
