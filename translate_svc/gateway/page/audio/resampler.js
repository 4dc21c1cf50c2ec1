/** Resamples a stream, without a seam between its blocks. Also runs inside an AudioWorklet. */

const ZERO_CROSSINGS = 16;
const TABLE_STEPS = 512;

/** A sinc under a Blackman window, sampled `TABLE_STEPS` times between two zero crossings. */
function windowedSinc() {
  const table = new Float32Array(ZERO_CROSSINGS * TABLE_STEPS + 2);
  for (let i = 0; i < table.length; i += 1) {
    const x = i / TABLE_STEPS;
    const phase = Math.min(1, x / ZERO_CROSSINGS) * Math.PI;
    const window = 0.42 + 0.5 * Math.cos(phase) + 0.08 * Math.cos(2 * phase);
    table[i] = x === 0 ? 1 : (window * Math.sin(Math.PI * x)) / (Math.PI * x);
  }
  return table;
}

export class Resampler {
  #table = windowedSinc();
  #ratio; // input samples for each output sample
  #cutoff; // of the filter, 1: half the input's rate
  #reach; // input samples on either side that one output sample needs
  #kept; // the end of the input so far
  #next; // place of the next output sample in `#kept`

  /** Rates in hertz. The first sample of the output is the first one of the input. */
  constructor(fromHz, toHz) {
    this.#ratio = fromHz / toHz;
    this.#cutoff = Math.min(1, toHz / fromHz) * (fromHz === toHz ? 1 : 0.94);
    this.#reach = Math.ceil(ZERO_CROSSINGS / this.#cutoff);
    this.#kept = new Float32Array(this.#reach);
    this.#next = this.#reach;
  }

  /** The output that the input so far determines. */
  push(block) {
    const input = new Float32Array(this.#kept.length + block.length);
    input.set(this.#kept);
    input.set(block, this.#kept.length);
    const available = input.length - this.#reach;
    const count = Math.max(0, Math.ceil((available - this.#next) / this.#ratio));
    const output = new Float32Array(count);
    for (let i = 0; i < count; i += 1) output[i] = this.#sample(input, this.#next + i * this.#ratio);
    this.#next += count * this.#ratio;
    const dropped = Math.max(0, Math.floor(this.#next) - this.#reach);
    this.#kept = input.slice(dropped);
    this.#next -= dropped;
    return output;
  }

  #sample(input, center) {
    if (this.#ratio === 1) return input[Math.round(center)];
    const first = Math.ceil(center - this.#reach);
    const last = Math.floor(center + this.#reach);
    let sum = 0;
    for (let i = Math.max(0, first); i <= last; i += 1) {
      const at = Math.abs(i - center) * this.#cutoff * TABLE_STEPS;
      const step = Math.floor(at);
      if (step + 1 >= this.#table.length) continue;
      sum += input[i] * (this.#table[step] + (at - step) * (this.#table[step + 1] - this.#table[step]));
    }
    return sum * this.#cutoff;
  }
}
