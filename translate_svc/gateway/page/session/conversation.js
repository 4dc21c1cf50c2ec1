/** All that was said and translated since the page was opened, made of the events of its sessions. */

import { InputTrack } from "./input_track.js";
import { Utterance } from "./utterance.js";

export class Conversation extends EventTarget {
  utterances = [];
  log = []; // every event as the server sent it, without the bytes of speech

  targets = []; // tags of the languages of new utterances

  #byId = new Map(); // of the current session
  #sessions = 0;
  #offsetMs = 0;
  #track = new InputTrack();
  #paced = true;

  /** A new session begins. The times of its utterances follow those of the sessions before. */
  begin(targets) {
    this.targets = targets;
    this.#offsetMs += this.#track.durationMs;
    this.#track = new InputTrack();
    this.#byId.clear();
    this.#sessions += 1;
    this.#paced = true;
  }

  /** The session is over. What it has not finished stays as it is. */
  end() {
    for (const utterance of this.#byId.values()) {
      if (utterance.done) continue;
      utterance.breakOff(this.#track);
      this.#tell("change", { utterance });
    }
  }

  /** What will be sent is a recording, which is in memory anyway. */
  recorded() {
    this.#track.keepWhole();
  }

  /** Audio has been sent. */
  heard(pcm) {
    this.#track.append(pcm, performance.now());
  }

  /** From now on audio is sent faster than it was spoken: delays mean nothing any more. */
  hurried() {
    this.#paced = false;
  }

  /** How much was said in all. */
  get durationMs() {
    return this.#offsetMs + this.#track.durationMs;
  }

  /** The languages of all translations, in the order in which they came. */
  get languages() {
    return [...new Set(this.utterances.flatMap((each) => each.languages))];
  }

  /**
   * Takes an event of the server. Dispatches `change` (detail: utterance) where an utterance has changed,
   * `speech` (detail: language, pcm) where it is heard, and `final` (detail: utterance, text) for finished texts.
   */
  take(event) {
    const atMs = performance.now();
    this.#record(event, atMs);
    if (event.utterance_id === undefined || event.utterance_id === null) return;
    const utterance = this.#utterance(event.utterance_id);
    switch (event.type) {
      case "session.utterance.speech_started":
        utterance.started(event);
        break;
      case "session.utterance.speech_stopped":
        utterance.stopped(event, this.#track);
        break;
      case "session.input_transcript.delta":
        this.#text(utterance, event, atMs, true);
        break;
      case "session.output_transcript.delta":
        this.#text(utterance, event, atMs, false);
        break;
      case "session.output_audio.delta":
        this.#tell("speech", { language: event.language, pcm: utterance.spoken(event, atMs) });
        break;
      case "session.language_detected":
        utterance.detected = event;
        break;
      case "session.utterance.draft":
        utterance.draft(event);
        break;
      case "session.utterance.done":
        this.#finish(utterance, event);
        break;
      case "session.warning":
        utterance.warnings.push(event);
        break;
    }
    this.#tell("change", { utterance });
  }

  #text(utterance, event, atMs, isTranscript) {
    const text = utterance.text(event, atMs, isTranscript);
    if (event.is_final && text.text) this.#tell("final", { utterance, text });
  }

  #finish(utterance, event) {
    utterance.done = event;
    utterance.delays = this.#paced ? this.#delays(utterance) : null;
  }

  /** What a listener notices, in milliseconds: the wait for the first word, and after the end of speech. */
  #delays(utterance) {
    const texts = [...utterance.translations.values()].filter((text) => text.firstAtMs !== null);
    if (texts.length === 0 || utterance.endMs === null) return null;
    const firstMs = Math.min(...texts.map((text) => text.firstAtMs));
    const lastMs = Math.max(...texts.map((text) => text.lastAtMs));
    return {
      firstWordMs: firstMs - this.#track.sentAtMs(utterance.speechStartMs ?? utterance.startMs),
      afterEndMs: lastMs - this.#track.sentAtMs(utterance.endMs),
    };
  }

  #record(event, atMs) {
    const row = { at_ms: Math.round(atMs), session: this.#sessions, ...event };
    if (event.type === "session.output_audio.delta") {
      row.bytes = Math.floor((event.delta.length * 3) / 4);
      delete row.delta;
    }
    this.log.push(row);
  }

  #utterance(id) {
    if (!this.#byId.has(id)) {
      const utterance = new Utterance(id, this.#sessions, this.#offsetMs, this.targets);
      this.#byId.set(id, utterance);
      this.utterances.push(utterance);
    }
    return this.#byId.get(id);
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
