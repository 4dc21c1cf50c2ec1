/** One session of the translation protocol, over a WebSocket. */

import { toBase64 } from "../audio/pcm.js";
import { isThere, openSocket } from "./server.js";

const UNREACHABLE =
  "The server did not accept the connection. It takes pages at an IP address or localhost, and origins given with --http-origins.";

const AWAY = "The server does not answer. It may be starting again: connect again in a moment.";

const LOST = "The connection was lost. What stands below is kept; what was said after it is not translated.";

const NO_CLOSE_FRAME = 1006; // the server did not end it

// The server leaves, is started again, or is full; another connection may work.
const PASSING = [1001, 1012, 1013];

export class TranslationSession {
  #socket;
  #closing = false;
  #opened = false;
  #waiting = []; // messages for a connection that is not open yet

  /**
   * Connects and asks for `settings`.
   * `onEvent(event)` gets every event, `onEnd(problem, {keyRefused, lost})` the end: an empty text, or what went wrong,
   * whether the server wants another key, and whether the connection was lost, or there is no server or no place now.
   */
  constructor(model, settings, { onEvent, onEnd }) {
    this.#socket = openSocket(`v1/realtime/translations?model=${encodeURIComponent(model)}`);
    let last = null; // event. If it is an error, and the server closes then, it says why
    let begun = false;
    let refusal = ""; // of the first settings: nothing that follows is translated
    this.update(settings);
    this.#socket.onopen = () => {
      this.#opened = true;
      this.#flush();
    };
    this.#socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      last = event;
      begun ||= event.type === "session.updated";
      onEvent(event);
      if (event.type !== "error" || begun) return;
      refusal ||= event.error.message; // the further ones are about audio of a session that has not begun
      this.close();
    };
    this.#socket.onclose = async ({ code }) => {
      this.#closing = true;
      const reason = last?.type === "error" && code !== NO_CLOSE_FRAME ? last.error : null;
      const keyRefused = reason?.code === "invalid_api_key";
      if (code === 1000) onEnd(refusal, { keyRefused, lost: false });
      else if (reason) onEnd(reason.message, { keyRefused, lost: PASSING.includes(code) });
      else if (this.#opened) onEnd(LOST, { keyRefused, lost: true });
      else if (await isThere()) onEnd(UNREACHABLE, { keyRefused, lost: false });
      else onEnd(AWAY, { keyRefused, lost: true });
    };
  }

  /** Changes the settings; they hold from the next utterance on. */
  update(settings) {
    this.#send({ type: "session.update", session: settings });
  }

  /** Sends 16-bit PCM at 24 kHz. What comes before the connection is open is sent then. */
  append(pcm) {
    if (!this.#closing) this.#send({ type: "session.input_audio_buffer.append", audio: toBase64(pcm) });
  }

  /** Says that nothing more will be said. The server finishes what was said, then ends the session. */
  close() {
    if (this.#closing) return;
    this.#send({ type: "session.close" });
    this.#closing = true;
  }

  /** Whether the end was asked for, or has come. */
  get isClosing() {
    return this.#closing;
  }

  /** Ends the session at once; what was said last is lost. */
  abandon() {
    this.#closing = true;
    this.#socket.onmessage = null;
    this.#socket.close(1000);
  }

  /** What the network has not taken yet. */
  get backlogBytes() {
    return this.#socket.bufferedAmount + this.#waiting.reduce((sum, text) => sum + text.length, 0);
  }

  #send(event) {
    this.#waiting.push(JSON.stringify(event));
    this.#flush();
  }

  #flush() {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    for (const text of this.#waiting.splice(0)) this.#socket.send(text);
  }
}
