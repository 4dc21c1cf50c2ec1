/** Looks inside an utterance: what was heard, when, how surely, and how long it took. */

import { pcmOf } from "../audio/pcm.js";
import { draftTable } from "./draft_table.js";
import { html, icon, percent, seconds } from "./element.js";
import { sourceFigure } from "./source_figure.js";
import { stageTimes } from "./stage_times.js";
import { tokenLine, tokenTable } from "./tokens.js";
import { unitsFigure } from "./units_figure.js";

const PLAY = "M7 4.5v15l12-7.5z";
const MIN_WIDTH = 560;
const PIXELS_A_SECOND = 110;

export class Inspector {
  #names;
  #play;

  /** `play(pcm)` lets the person hear something. */
  constructor(names, play) {
    this.#names = names;
    this.#play = play;
  }

  /** Fills `panel` with what is known of a finished utterance. */
  async show(utterance, panel) {
    const source = utterance.audio && this.#source(utterance, await pcmOf([utterance.audio]), panel.clientWidth);
    panel.replaceChildren(
      source ?? "",
      this.#texts(utterance),
      this.#speech(utterance),
      this.#times(utterance),
      this.#drafts(utterance),
    );
  }

  #source(utterance, pcm, available) {
    const durationMs = utterance.endMs - utterance.startMs;
    const width = Math.max(MIN_WIDTH, available, (durationMs / 1000) * PIXELS_A_SECOND);
    return section("What was heard", this.#playButton("Play what was said", [utterance.audio]),
      scrolling("The audio and its tokens", sourceFigure(utterance, pcm, width, this.#names)));
  }

  #texts(utterance) {
    const texts = utterance.texts;
    const legend = html("p", { class: "legend" }, html("span", { class: "scale", "aria-hidden": "true" }), "sure to unsure");
    if (texts.some(({ tokens }) => tokens.some((token) => token.source_ms === null))) {
      legend.append(html("span", { class: "token unheard", "aria-hidden": "true" }, "abc"), "not heard: it followed from the text");
    }
    const lines = texts.map((text) =>
      html("div", { class: "line" }, html("h4", {}, this.#names.of(text.language), sureness(utterance, text)), tokenLine(text, utterance.startMs)));
    const tables = texts.map((text) => tokenTable(text, utterance.startMs, this.#names.of(text.language)));
    const details = html("details", {}, html("summary", {}, "As a table"), scrolling("Tokens", html("div", { class: "tables" }, ...tables)));
    return section("How sure each token is", legend, ...lines, details);
  }

  #speech(utterance) {
    const spoken = utterance.languages
      .map((language) => [language, utterance.speech.get(language)])
      .filter(([, speech]) => speech?.units.length);
    if (spoken.length === 0) return "";
    const lines = spoken.map(([language, speech]) => {
      const name = this.#names.of(language);
      const text = utterance.translations.get(language)?.text ?? "";
      const head = html("div", { class: "head" }, html("h4", {}, name), this.#playButton(`Play ${name}`, speech.parts));
      return html("div", { class: "line" }, head, scrolling(`Units of ${name}`, unitsFigure(speech, text, name)));
    });
    return section("How it is spoken", html("p", { class: "legend" }, "Acoustic units of 20 ms; the same unit has the same colour."), ...lines);
  }

  #times({ done }) {
    if (!done?.timings?.length) return "";
    const first = [["text", done.end_to_first_text_ms], ["speech", done.end_to_first_audio_ms]]
      .filter(([, ms]) => ms !== null && ms !== undefined)
      .map(([what, ms]) => (ms > 0 ? `first ${what} ${seconds(ms, 2)} after its end` : `first ${what} before its end`));
    const legend = first.length ? html("p", { class: "legend" }, `The utterance: ${first.join(", ")}.`) : "";
    return section("What it took", stageTimes(done.timings), legend);
  }

  #drafts(utterance) {
    if (utterance.drafts.length === 0) return "";
    const groups = Map.groupBy(utterance.drafts, ({ language }) => language);
    const tables = [...groups].map(([language, drafts]) => draftTable(drafts, utterance.startMs, this.#names.of(language)));
    const details = html("details", {}, html("summary", {}, `${utterance.drafts.length} drafts, made while somebody spoke`));
    details.append(...tables.map((table) => scrolling("Drafts", table)));
    return section("How it came about", details);
  }

  #playButton(label, blobs) {
    const button = html("button", { type: "button", class: "plain play" }, icon(PLAY), label);
    button.onclick = async () => this.#play(await pcmOf(blobs));
    return button;
  }
}

/** How sure the server is of a whole text, in words; empty if it did not say. */
function sureness(utterance, text) {
  const known = utterance.surenessOf(text);
  if (!known) return "";
  return known.calibrated
    ? `, right with a probability of ${percent(known.confidence)}`
    : `, mean probability of a token ${percent(known.confidence)}`;
}

function section(title, ...children) {
  const [first, ...rest] = children;
  const hasButton = first instanceof HTMLButtonElement;
  const head = html("div", { class: "head" }, html("h3", {}, title), hasButton ? first : "");
  return html("section", {}, head, ...(hasButton ? rest : children));
}

/** A part that may be wider than the page. It can be scrolled with the keyboard. */
function scrolling(label, child) {
  return html("div", { class: "scrolling", role: "region", "aria-label": label, tabindex: "0" }, child);
}
