/** The microphone as a stream of 16-bit PCM at 24 kHz. */

import { RATE_HZ } from "./pcm.js";

const CONSTRAINTS = {
  audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

const GONE = "The microphone was unplugged, or is not allowed any more. What was said until then is translated.";

export class Microphone {
  #context;
  #stream;
  #closed = false;

  /**
   * Asks for the microphone. `onPart(pcm, peak)` gets every part. `onGone(problem)` is called, with a message for
   * people, if it is taken away: unplugged, or not allowed any more. Rejects with a message for people.
   */
  static async open(onPart, onGone) {
    if (!navigator.mediaDevices) {
      throw new Error("Browsers give the microphone to https pages and to localhost only.");
    }
    const microphone = new Microphone();
    try {
      microphone.#stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
    } catch (error) {
      throw new Error(reason(error), { cause: error });
    }
    for (const track of microphone.#stream.getTracks()) track.onended = () => onGone(GONE); // not by our own stop()
    try {
      await microphone.#connect(onPart);
    } catch (error) {
      microphone.close();
      throw error;
    }
    return microphone;
  }

  async #connect(onPart) {
    const context = new AudioContext();
    this.#context = context;
    await context.audioWorklet.addModule(new URL("recorder_worklet.js", import.meta.url));
    const recorder = new AudioWorkletNode(context, "recorder", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions: { rateHz: RATE_HZ },
    });
    recorder.port.onmessage = ({ data: { pcm, peak } }) => this.#closed || onPart(pcm, peak);
    context.createMediaStreamSource(this.#stream).connect(recorder);
    await context.resume();
  }

  /** Switches the microphone off. Idempotent. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.getTracks().forEach((track) => track.stop());
    this.#context?.close();
  }
}

function reason(error) {
  switch (error.name) {
    case "NotAllowedError":
      return "The microphone is not allowed. Allow it in the address bar, then try again.";
    case "NotFoundError":
      return "This device has no microphone.";
    default:
      return `The microphone cannot be used: ${error.message}`;
  }
}
