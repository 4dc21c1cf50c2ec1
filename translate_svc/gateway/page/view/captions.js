/** The conversation on the page: a row for each utterance, a column for each language. */

import { BROKEN_OFF, LOW_CONFIDENCE } from "../session/utterance.js";
import { byId, html, icon, percent, seconds } from "./element.js";
import { EndFollower } from "./follow_end.js";

const CHEVRON = "m6 9 6 6 6-6";
const UNSPACED = /[\u3040-\u30ff\u3400-\u9fff\u3002]$/; // no space between words of Chinese and Japanese
const REASONS = { empty: "Nothing was said that can be translated.", failed: "This could not be translated.", cleared: "Not translated.",
  [BROKEN_OFF]: "The session ended before this was translated to its end." };

export class Captions {
  #rows = new Map(); // utterance -> {element, texts, facts, panel, button}
  #heads = []; // the languages above the columns
  #names;
  #inspect;
  #end;

  /** `inspect(utterance, element)` fills the panel of an utterance that was opened. */
  constructor(names, inspect) {
    this.#names = names;
    this.#inspect = inspect;
    const list = byId("captions");
    // not away from a row that somebody looks into, nor from the panes of two people, which follow by themselves
    this.#end = new EndFollower(list, () => byId("panes").hidden && !list.querySelector(":scope > .open"));
    byId("show-drafts").onchange = () => this.#showDrafts();
    this.#showDrafts(); // a browser that goes back to the page checks the box again
  }

  /** A session begins: what comes is shown at the end. */
  begin() {
    this.#end.begin();
  }

  #showDrafts() {
    byId("captions").classList.toggle("drafts", byId("show-drafts").checked);
  }

  /** Shows an utterance as it is now. `expected`: the languages that will come. */
  show(utterance, expected) {
    const row = this.#rows.get(utterance) ?? this.#add(utterance);
    const languages = [...new Set([...expected.targets, ...utterance.translations.keys()])];
    const live = !utterance.done;
    const source = utterance.said?.language ?? expected.source;
    this.#showText(row, "said", utterance.said, source, live && source !== "");
    for (const language of languages) {
      this.#showText(row, language, utterance.translations.get(language) ?? null, language, live);
    }
    if (!live) this.#leaveOut(row, utterance);
    this.#label(row);
    for (const [column, cell] of row.cells) this.#showDoubt(cell, utterance, column);
    row.facts.replaceChildren(row.button, ...this.#facts(utterance));
    row.button.hidden = !utterance.done;
    if (utterance.done && !row.panel.hidden) this.#inspect(utterance, row.panel);
  }

  /** Shows the names of the languages above the columns. */
  head({ source, targets }) {
    const columns = byId("columns");
    const said = source ? `${this.#names.of(source)}, as said` : "As said";
    columns.replaceChildren(...[said, ...targets.map((tag) => this.#names.of(tag))].map((name) => html("span", {}, name)));
    columns.hidden = false;
    for (const element of [columns, byId("captions")]) element.style.setProperty("--columns", 1 + targets.length);
    this.#heads = [source, ...targets];
    for (const row of this.#rows.values()) this.#label(row);
  }

  /** A row in other languages than those above the columns, which have changed since, says its own. */
  #label({ texts, cells }) {
    const differs = String([...cells.values()].map(({ language }) => language)) !== String(this.#heads);
    texts.classList.toggle("labelled", differs);
    texts.style.setProperty("--columns", differs ? cells.size : "inherit");
  }

  /** Takes away the languages that were chosen while it was spoken, too late for this utterance. */
  #leaveOut({ cells }, { translations }) {
    if (translations.size === 0) return;
    for (const [column, { element }] of cells) {
      if (column === "said" || translations.has(column)) continue;
      element.remove();
      cells.delete(column);
    }
  }

  #add(utterance) {
    byId("empty").hidden = true;
    const id = `inspection-${utterance.key}`;
    const panel = html("div", { id, class: "inspection", hidden: true });
    const button = html(
      "button",
      { type: "button", class: "plain", "aria-expanded": "false", "aria-controls": id },
      icon(CHEVRON),
      "Look inside",
    );
    const texts = html("div", { class: "texts" });
    const facts = html("div", { class: "facts" });
    const element = html("li", { class: "utterance" }, texts, facts, panel);
    const row = { element, texts, facts, panel, button, cells: new Map() };
    button.onclick = () => this.#toggle(utterance, row);
    texts.onclick = () => utterance.done && getSelection().isCollapsed && this.#toggle(utterance, row);
    this.#rows.set(utterance, row);
    byId("captions").append(element);
    return row;
  }

  async #toggle(utterance, row) {
    const open = row.panel.hidden;
    for (const [other, each] of this.#rows) if (other !== utterance) this.#setOpen(each, false);
    this.#setOpen(row, open);
    if (open) {
      await this.#inspect(utterance, row.panel);
      row.panel.scrollIntoView({ block: "nearest", behavior: "smooth" });
    }
  }

  #setOpen(row, open) {
    row.panel.hidden = !open;
    row.element.classList.toggle("open", open);
    row.button.setAttribute("aria-expanded", String(open));
  }

  #showText(row, column, text, language, live) {
    let cell = row.cells.get(column);
    if (!cell) {
      cell = { element: html("p", { dir: "auto", class: column === "said" ? "said" : "translation" }), shown: "" };
      cell.label = html("b", { "aria-hidden": "true" });
      cell.held = html("span", { class: "held", "aria-hidden": "true" });
      cell.element.append(cell.label, cell.held);
      row.cells.set(column, cell);
      row.texts.append(cell.element);
    }
    if (cell.language !== language) { // what is spoken may be found out
      cell.language = cell.element.lang = language;
      cell.label.textContent = this.#names.of(language);
    }
    const now = text?.text ?? "";
    if (now.length > cell.shown.length) {
      cell.held.before(html("span", { class: "word" }, now.slice(cell.shown.length)));
      cell.shown = now;
    }
    cell.held.textContent = text?.held ? `${now && !UNSPACED.test(now) ? " " : ""}${text.held}` : "";
    cell.element.classList.toggle("pending", live && !text?.isFinal);
  }

  /** Marks a text that is probably wrong: by words and a line under it, since not everybody sees colours. */
  #showDoubt(cell, utterance, column) {
    const text = column === "said" ? utterance.said : utterance.translations.get(column);
    const sureness = text && utterance.surenessOf(text);
    if (!sureness?.isLow || cell.element.classList.contains("doubted")) return;
    cell.element.classList.add("doubted");
    cell.element.append(html("span", { class: "doubt", lang: "en", dir: "ltr" },
      `unsure: ${percent(sureness.confidence)} likely to be right`));
  }

  #facts(utterance) {
    const { done, delays, warnings } = utterance;
    const facts = [];
    if (done && done.status !== "ok") facts.push(html("span", { class: "passed-over" }, REASONS[done.status] ?? done.status));
    if (delays) {
      facts.push(html("span", {}, `first word after ${seconds(delays.firstWordMs)} of speech`));
      facts.push(html("span", {}, `complete ${seconds(delays.afterEndMs)} after its end`));
    }
    if (utterance.detected && !utterance.detected.sure) {
      facts.push(html("span", { class: "warning" }, "Not sure which language this is"));
    }
    for (const { code, message } of warnings) {
      if (code !== LOW_CONFIDENCE) facts.push(html("span", { class: "warning" }, message)); // that one is at its text
    }
    return facts;
  }
}
