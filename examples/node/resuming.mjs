// A stream that goes on at another server when it loses its own. The clip is in memory, so it can be sent again.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import grpc from '@grpc/grpc-js';
import { connect } from './client.mjs';

const CHUNK_MS = 100;
const TRIES = 20;
const PAUSE_MS = 300;
const ELSEWHERE = new Set([
  grpc.status.UNAVAILABLE, grpc.status.RESOURCE_EXHAUSTED, grpc.status.INTERNAL, grpc.status.UNKNOWN,
]);

/** Hands each response on once. Ids, places in a text and samples of a speech are the same in every call. */
class Once {
  constructor() {
    this.seen = new Set();
    this.texts = new Map();
    this.again = new Map();
    this.samples = new Map();
  }

  /** From here on, what follows the commit point comes again. */
  rewind() {
    this.again.clear();
  }

  /** What of `response` is new; undefined if nothing is. */
  accept(response) {
    const kind = response.event;
    const event = response[kind];
    if (kind === 'transcript' || kind === 'translation') return this.text(response, kind, event);
    if (kind === 'audio') return this.speech(response, event);
    if (kind === 'go_away') return undefined;
    if (!['opened', 'speech_started', 'speech_ended', 'utterance_done'].includes(kind)) return response;
    const key = `${kind} ${event.utterance_id ?? ''}`;
    if (this.seen.has(key)) return undefined;
    this.seen.add(key);
    return response;
  }

  text(response, kind, event) {
    const key = `${kind} ${event.utterance_id} ${event.language}`;
    if (this.seen.has(key)) return undefined;
    const had = this.texts.get(key) ?? '';
    const again = (this.again.get(key) ?? '') + event.delta;
    this.again.set(key, again);
    if (again.length <= had.length && !event.final) return undefined;
    this.texts.set(key, again.length > had.length ? again : had);
    if (event.final) this.seen.add(key);
    return { ...response, [kind]: { ...event, delta: again.slice(had.length) } };
  }

  speech(response, event) {
    const key = `audio ${event.utterance_id} ${event.language}`;
    const had = this.samples.get(key) ?? 0;
    const end = event.start_sample + event.sample_count;
    if (this.seen.has(key) || (end <= had && !event.final)) return undefined;
    if (event.final) this.seen.add(key);
    this.samples.set(key, Math.max(end, had));
    // 16-bit PCM: two bytes a sample
    const data = event.data.subarray(2 * Math.max(0, had - event.start_sample));
    return { ...response, audio: { ...event, start_sample: had, data, sample_count: data.length / 2 } };
  }
}

/** Sends `config` and then the clip (16-bit PCM) from `position` on, at the speed at which the server takes it. */
async function send(call, config, data, position) {
  const say = async (message) => {
    if (!call.write(message)) await once(call, 'drain');
  };
  await say({ config });
  const chunkBytes = 2 * Math.trunc((config.input.sample_rate_hz * CHUNK_MS) / 1000);
  for (let at = 2 * position; at < data.length; at += chunkBytes) {
    await say({ audio: { data: data.subarray(at, at + chunkBytes) } });
  }
  await say({ end: { total_samples: data.length / 2 } });
  call.end();
}

/**
 * The responses to a clip, each once, from the first of `addresses` that serves; the others are asked when it
 * is lost or full. `config` is the stream's first message, `data` the clip in 16-bit PCM.
 */
export async function* stream(addresses, config, data) {
  const delivery = new Once();
  let token;
  let position = 0;
  for (let attempt = 0, tries = 0; ; attempt += 1) {
    const client = connect(addresses[attempt % addresses.length]);
    const call = client.StreamingTranslate();
    call.on('error', () => {}); // the loop below gets it; this one is for what comes after it
    const resumed = token && { resume_token: token, resume_from_sample: position };
    // When the call ends early, what is still being written fails with it; the reader below says why.
    send(call, { ...config, ...resumed }, data, position).catch(() => {});
    try {
      for await (const response of call) {
        if (response.event === 'opened') token = response.opened.resume_token;
        if (response.event === 'progress') {
          tries = 0;
          token = response.progress.resume_token;
          position = response.progress.committed_samples;
        }
        const fresh = delivery.accept(response);
        if (fresh) yield fresh;
        if (response.event === 'closed') return;
      }
      throw Object.assign(new Error('the server ended the call early'), { code: grpc.status.UNAVAILABLE });
    } catch (error) {
      tries += 1;
      const isLost = ELSEWHERE.has(error.code) && (tries < addresses.length || token);
      if (!isLost || tries > TRIES) throw error;
      delivery.rewind();
      await sleep(Math.random() * PAUSE_MS);
    } finally {
      call.cancel();
      client.close();
    }
  }
}
