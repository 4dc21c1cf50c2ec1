/** Plays speech as it arrives, without a gap between its parts. */

import { RATE_HZ, toFloats } from "./pcm.js";

const HEAD_START_S = 0.12; // so that the second part arrives before the first one ends
const ORIGINAL_GAIN = 0.5;
const DUCKED_GAIN = 0.12;
const FADE_S = 0.15;

export class Player {
  #context = null;
  #speech;
  #original;
  #sources = new Set();
  #originalSource = null;
  #nextS = 0;

  #gain(value) {
    const node = this.#context.createGain();
    node.gain.value = value;
    node.connect(this.#context.destination);
    return node;
  }

  /** Call it first, and when somebody clicks: browsers play nothing before that. */
  resume() {
    if (!this.#context) {
      // a context at the rate of the speech plays parts as they are: resampled one by one, they would click
      this.#context = new AudioContext({ sampleRate: RATE_HZ });
      this.#speech = this.#gain(1);
      this.#original = this.#gain(ORIGINAL_GAIN);
    }
    return this.#context.resume();
  }

  /** Plays `pcm` after what was given before. */
  enqueue(pcm) {
    if (pcm.length === 0) return;
    const startS = Math.max(this.#nextS, this.#context.currentTime + HEAD_START_S);
    this.#start(toFloats(pcm), this.#speech, startS);
    this.#nextS = startS + pcm.length / RATE_HZ;
    this.#duck(startS);
  }

  /** Plays a recording softly, softer still while a translation is heard. */
  playOriginal(floats) {
    this.stopOriginal();
    this.#originalSource = this.#start(floats, this.#original, this.#context.currentTime);
  }

  /** Ends the recording. */
  stopOriginal() {
    this.#originalSource?.stop();
    this.#originalSource = null;
  }

  /** Drops the speech that has not been played. */
  clear() {
    for (const source of this.#sources) if (source !== this.#originalSource) source.stop();
    this.#nextS = 0;
  }

  #start(floats, node, startS) {
    const buffer = this.#context.createBuffer(1, floats.length, RATE_HZ);
    buffer.copyToChannel(floats, 0);
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(node);
    source.onended = () => this.#sources.delete(source);
    source.start(startS);
    this.#sources.add(source);
    return source;
  }

  #duck(startS) {
    const { gain } = this.#original;
    gain.cancelScheduledValues(startS);
    gain.setTargetAtTime(DUCKED_GAIN, startS, FADE_S);
    gain.setTargetAtTime(ORIGINAL_GAIN, this.#nextS, FADE_S);
  }
}
