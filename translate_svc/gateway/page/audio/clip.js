/** A recording, decoded by the browser and played to the session in real time. */

import { RATE_HZ, toPcm16 } from "./pcm.js";

const TICK_MS = 80;
const BURST_SAMPLES = RATE_HZ; // of one message, when the rest is sent at once
const MAX_BACKLOG_BYTES = 4_000_000;

/** The samples of a file as mono floats at 24 kHz. Takes `data` away. Rejects with a message for people. */
export async function decodeClip(data) {
  let decoded;
  try {
    decoded = await new OfflineAudioContext(1, 1, RATE_HZ).decodeAudioData(data);
  } catch {
    throw new Error("This browser cannot read that file as audio.");
  }
  return oneChannel(Array.from({ length: decoded.numberOfChannels }, (_, number) => decoded.getChannelData(number)));
}

const OUT_OF_PHASE = 16;

/** The mean of channels; half of the difference of two that are out of phase, whose mean would be silence. */
export function oneChannel(channels) {
  const mono = new Float32Array(channels[0].length);
  const sign = channels.length === 2 && areOutOfPhase(...channels) ? -1 : 1;
  channels.forEach((samples, number) => {
    const weight = (number ? sign : 1) / channels.length;
    for (let i = 0; i < mono.length; i += 1) mono[i] += samples[i] * weight;
  });
  return mono;
}

function areOutOfPhase(left, right) {
  let middle = 0;
  let difference = 0;
  for (let i = 0; i < left.length; i += 1) {
    middle += (left[i] + right[i]) ** 2;
    difference += (left[i] - right[i]) ** 2;
  }
  return difference > OUT_OF_PHASE * middle;
}

/** Sends a clip at the pace at which it would be spoken. */
export class ClipFeed {
  #pcm;
  #sent = 0;
  #began = performance.now();
  #timer;
  #hurried = false;
  #onPart;
  #onEnd;
  #backlogBytes;

  /** `onPart(pcm, peak)` gets every part, which is a view of the whole; `onEnd()` comes after the last; `backlogBytes()` holds a hurry back. */
  constructor(floats, { onPart, onEnd, backlogBytes }) {
    this.#pcm = toPcm16(floats);
    this.#onPart = onPart;
    this.#onEnd = onEnd;
    this.#backlogBytes = backlogBytes;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  /** Sends the rest as fast as the server takes it. */
  hurry() {
    this.#hurried = true;
    this.#tick();
  }

  /** Sends nothing more. Idempotent. */
  close() {
    clearInterval(this.#timer);
  }

  #tick() {
    const elapsed = performance.now() - this.#began + TICK_MS;
    const due = this.#hurried ? this.#pcm.length : Math.round((elapsed * RATE_HZ) / 1000);
    const end = Math.min(this.#pcm.length, due);
    while (this.#sent < end && this.#backlogBytes() < MAX_BACKLOG_BYTES) {
      const part = this.#pcm.subarray(this.#sent, Math.min(end, this.#sent + BURST_SAMPLES));
      this.#sent += part.length;
      this.#onPart(part, part.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0) / 32768);
    }
    if (this.#sent === this.#pcm.length) {
      this.close();
      this.#onEnd();
    }
  }
}
