/** A conversation between two people at one device: a pane for each, in the language of its reader. */

import { LOW_CONFIDENCE } from "../session/utterance.js";
import { byId, html } from "./element.js";

const NARROW = "(max-width: 52rem)"; // a phone or tablet, which lies between the two

export class Panes {
  #names;
  #panes = []; // {language, element, list, lines: utterance -> {element, text, held, doubt}}

  constructor(names) {
    this.#names = names;
    byId("facing").checked = matchMedia(NARROW).matches;
    byId("facing").onchange = () => this.#turn();
    this.#turn();
  }

  /** Shows a pane for each of the two languages, the near one first; null: none. What the same panes hold stays. */
  head(between) {
    const panes = byId("panes");
    panes.hidden = !between;
    if (!between || String(between) === String(this.#panes.map(({ language }) => language))) return;
    this.#panes = between.map((language) => this.#pane(language));
    panes.replaceChildren(...this.#panes.map(({ element }) => element));
  }

  /** Shows an utterance as it is now. */
  show(utterance) {
    for (const pane of this.#panes) {
      pane.element.classList.toggle("speaking", !utterance.done && utterance.said?.language === pane.language);
      const text = utterance.textIn(pane.language);
      if (text?.text || text?.held) this.#showText(pane, utterance, text);
    }
  }

  #turn() {
    byId("panes").classList.toggle("facing", byId("facing").checked);
  }

  #pane(language) {
    const name = this.#names.of(language);
    const list = html("ol", { lang: language, tabindex: 0, "aria-label": name });
    const element = html("section", { class: "pane", "aria-label": name }, html("h3", {}, name), list);
    return { language, element, list, lines: new Map() };
  }

  #showText({ list, lines }, utterance, text) {
    const line = lines.get(utterance) ?? this.#line(list, lines, utterance);
    line.element.className = text === utterance.said ? "own" : "theirs";
    line.text.textContent = text.text;
    line.held.textContent = text.held ? ` ${text.held}` : "";
    const isLow = utterance.warnings.some(
      ({ code, language }) => code === LOW_CONFIDENCE && language === text.language);
    line.doubt.hidden = !isLow;
    list.scrollTop = list.scrollHeight;
  }

  #line(list, lines, utterance) {
    const text = html("span", {});
    const held = html("span", { class: "held", "aria-hidden": "true" });
    const doubt = html("span", { class: "doubt", lang: "en", dir: "ltr", hidden: true }, "unsure");
    const element = html("li", { dir: "auto" }, text, held, doubt);
    list.append(element);
    const line = { element, text, held, doubt };
    lines.set(utterance, line);
    return line;
  }
}
