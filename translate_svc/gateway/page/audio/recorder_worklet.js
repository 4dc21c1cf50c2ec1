/** Runs on the audio thread: takes what the microphone hears, and posts it as 16-bit PCM at the wanted rate. */

import { toPcm16 } from "./pcm.js";
import { Resampler } from "./resampler.js";

const PART_MS = 80;

class Recorder extends AudioWorkletProcessor {
  constructor({ processorOptions: { rateHz } }) {
    super();
    this.resampler = new Resampler(sampleRate, rateHz);
    this.part = new Float32Array((rateHz * PART_MS) / 1000);
    this.filled = 0;
  }

  process([[channel]]) {
    if (!channel) return true; // the microphone is not connected yet
    for (const value of this.resampler.push(channel)) {
      this.part[this.filled] = value;
      this.filled += 1;
      if (this.filled === this.part.length) this.post();
    }
    return true;
  }

  post() {
    let peak = 0;
    for (const value of this.part) peak = Math.max(peak, Math.abs(value));
    const pcm = toPcm16(this.part);
    this.port.postMessage({ pcm, peak }, [pcm.buffer]);
    this.filled = 0;
  }
}

registerProcessor("recorder", Recorder);
