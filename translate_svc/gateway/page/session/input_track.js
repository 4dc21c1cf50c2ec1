/** What was sent to one session: the audio itself, as long as an utterance may need it, and when it was sent. */

import { RATE_HZ } from "../audio/pcm.js";

const MAX_TIMES = 8_000; // ten minutes of parts of 80 ms
const KEPT_MS = 120_000; // longer than an utterance and its padding can be

export class InputTrack {
  #parts = []; // {start, pcm}, in samples from the session's beginning
  #times = []; // {endMs, atMs}
  #samples = 0;
  #whole = false;

  /** All of it is kept: a recording may be sent long before the server says where its utterances are. */
  keepWhole() {
    this.#whole = true;
  }

  /** Adds a part that is sent now. */
  append(pcm, atMs) {
    this.#parts.push({ start: this.#samples, pcm });
    this.#samples += pcm.length;
    this.#times.push({ endMs: this.durationMs, atMs });
    if (this.#times.length > MAX_TIMES) this.#times.shift();
    while (!this.#whole && this.durationMs - (this.#parts[0].start * 1000) / RATE_HZ > KEPT_MS) this.#parts.shift();
  }

  /** How much was sent. */
  get durationMs() {
    return (this.#samples * 1000) / RATE_HZ;
  }

  /** When the sample at `ms` was sent, by `performance.now()`; null if this is not known. */
  sentAtMs(ms) {
    return this.#times.find(({ endMs }) => endMs >= ms)?.atMs ?? this.#times.at(-1)?.atMs ?? null;
  }

  /** A copy of the audio between two times; silence where it is no longer there. */
  slice(startMs, endMs) {
    const from = Math.round((startMs * RATE_HZ) / 1000);
    const to = Math.min(this.#samples, Math.round((endMs * RATE_HZ) / 1000));
    const result = new Int16Array(Math.max(0, to - from));
    for (const { start, pcm } of this.#parts) {
      const first = Math.max(from, start);
      const last = Math.min(to, start + pcm.length);
      if (first < last) result.set(pcm.subarray(first - start, last - start), first - from);
    }
    return result;
  }
}
