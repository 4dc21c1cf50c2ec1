/** What is known of one utterance: its audio, its text and speech in every language, and how they came about. */

import { fromBase64 } from "../audio/pcm.js";

/** Code of the warning of a text that is probably wrong. */
export const LOW_CONFIDENCE = "low_confidence";

/** Status of an utterance whose session ended before it; the others are the server's. */
export const BROKEN_OFF = "broken off";

/** A text that grows. Times are of `performance.now()`. */
class Text {
  tokens = []; // {token, logprob, source_ms}
  held = ""; // what the last draft had beyond `text`
  isFinal = false;
  firstAtMs = null;
  lastAtMs = null;

  #text = "";

  constructor(language) {
    this.language = language;
  }

  get text() {
    return this.#text.trimStart();
  }

  append({ delta, is_final: isFinal, logprobs = [] }, atMs) {
    if (delta.trim()) {
      this.firstAtMs ??= atMs;
      this.lastAtMs = atMs;
    }
    this.#text += delta;
    this.tokens.push(...logprobs);
    if (isFinal) {
      this.isFinal = true;
      this.held = "";
    }
  }
}

/** Speech in one language. Its parts are blobs, which the browser may keep on disk. */
class Speech {
  parts = [];
  units = []; // of the vocoder, 20 ms each
  durations = []; // units of each character of a space and the text
  samples = 0;
  firstAtMs = null;

  append(event, pcm, atMs) {
    this.firstAtMs ??= atMs;
    this.parts.push(new Blob([pcm]));
    this.samples += pcm.length;
    this.units.push(...(event.units ?? []));
    this.durations.push(...(event.character_durations ?? []));
  }
}

export class Utterance {
  said = null; // Text; null: the source language was not given
  detected = null; // the event session.language_detected
  translations = new Map(); // language -> Text
  speech = new Map(); // language -> Speech
  drafts = [];
  audio = null; // Blob of 16-bit PCM from startMs to endMs
  endMs = null;
  reason = "";
  done = null; // the event session.utterance.done
  warnings = [];

  /**
   * Times count from the beginning of its session, which began at `offsetMs` of the conversation.
   * `targets`: tags of the languages, in the order in which they are shown.
   */
  constructor(id, sessionNumber, offsetMs, targets) {
    this.key = `${sessionNumber}-${id}`;
    this.offsetMs = offsetMs;
    this.targets = targets;
    this.startMs = 0;
    this.speechStartMs = null;
  }

  started(event) {
    this.startMs = event.audio_start_ms;
    this.speechStartMs = event.speech_start_ms || event.audio_start_ms;
  }

  /** It has ended; `track` is the input of its session. */
  stopped(event, track) {
    this.startMs = event.audio_start_ms;
    this.reason = event.reason;
    this.#heard(track, event.audio_end_ms);
  }

  /** Its session is over, and it is not: it lasts as long as the input, and its texts do not grow any more. */
  breakOff(track) {
    if (this.endMs === null) this.#heard(track, track.durationMs);
    for (const text of this.texts) text.held = "";
    this.done = { status: BROKEN_OFF };
  }

  #heard(track, endMs) {
    this.endMs = endMs;
    this.audio = new Blob([track.slice(this.startMs, endMs)]);
  }

  /** Returns the Text that has grown. */
  text(event, atMs, isTranscript) {
    const text = this.#textOf(event.language, isTranscript);
    text.append(event, atMs);
    return text;
  }

  /** Returns the samples of the speech that has come. */
  spoken(event, atMs) {
    const pcm = fromBase64(event.delta);
    if (!this.speech.has(event.language)) this.speech.set(event.language, new Speech());
    this.speech.get(event.language).append(event, pcm, atMs);
    return pcm;
  }

  draft(event) {
    this.drafts.push(event);
    const text = this.#textOf(event.language, event.transcript);
    if (!text.isFinal) text.held = event.held;
  }

  /** The languages of its translations, whichever came first. */
  get languages() {
    const found = [...this.translations.keys()];
    return found.sort((one, other) => this.targets.indexOf(one) - this.targets.indexOf(other));
  }

  /** What is read in a language: what was said in it, or the translation into it; null: nothing yet. */
  textIn(language) {
    return this.said?.language === language ? this.said : this.translations.get(language) ?? null;
  }

  /** All texts, the transcript first. */
  get texts() {
    return [...(this.said ? [this.said] : []), ...this.languages.map((tag) => this.translations.get(tag))];
  }

  /** How sure the server is of one of the texts: {confidence, calibrated, isLow}; null: not known yet. */
  surenessOf(text) {
    const isTranscript = text === this.said;
    const known = this.done?.confidences?.find(
      (each) => each.language === text.language && each.transcript === isTranscript);
    if (!known) return null;
    const isLow = this.warnings.some((each) => each.code === LOW_CONFIDENCE && each.language === text.language);
    return { confidence: known.confidence, calibrated: known.calibrated, isLow };
  }

  #textOf(language, isTranscript) {
    if (isTranscript) {
      this.said ??= new Text(language);
      return this.said;
    }
    if (!this.translations.has(language)) this.translations.set(language, new Text(language));
    return this.translations.get(language);
  }
}
