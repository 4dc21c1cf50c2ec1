/** Downloads of the conversation, and programs that repeat it. */

import { snippets } from "../export/snippets.js";
import { srt, webvtt } from "../export/subtitles.js";
import { saidTrack, speechTrack } from "../export/tracks.js";
import { byId, html } from "./element.js";

const COPIED_MS = 1_500;

export class TakeHome {
  #conversation;
  #names;
  #chosen = "Python";

  constructor(conversation, names) {
    this.#conversation = conversation;
    this.#names = names;
    byId("copy").onclick = () => this.#copy();
  }

  /** Offers what there is now. `settings`: the `session` object of the last session. */
  show(model, settings) {
    const { utterances, languages } = this.#conversation;
    if (utterances.length === 0) return;
    byId("downloads").replaceChildren(
      ...languages.map((language) => this.#ofLanguage(language)),
      this.#row("What was said", [
        ["WAV", "said.wav", () => saidTrack(utterances)],
        ["SRT", "said.srt", () => text(srt(utterances, ({ said }) => said))],
        ["VTT", "said.vtt", () => text(webvtt(utterances, ({ said }) => said))],
      ]),
      this.#row("Everything", [["Events as JSON lines", "events.jsonl", () => this.#events()]]),
    );
    this.#offerSnippets(snippets(model, settings));
    byId("take-home").hidden = false;
  }

  #ofLanguage(language) {
    const { utterances } = this.#conversation;
    const pick = (utterance) => utterance.translations.get(language);
    const speaks = utterances.some(({ speech }) => speech.has(language));
    return this.#row(this.#names.of(language), [
      ...(speaks ? [["WAV", `translation.${language}.wav`, () => speechTrack(utterances, language)]] : []),
      ["SRT", `translation.${language}.srt`, () => text(srt(utterances, pick))],
      ["VTT", `translation.${language}.vtt`, () => text(webvtt(utterances, pick))],
    ]);
  }

  #events() {
    return text(this.#conversation.log.map((event) => `${JSON.stringify(event)}\n`).join(""));
  }

  #row(title, files) {
    const buttons = files.map(([label, name, make]) => {
      const button = html("button", { type: "button", "aria-label": `${title}: ${label}`, "data-file": name }, label);
      button.onclick = () => save(name, make());
      return button;
    });
    return html("div", {}, html("b", {}, title), ...buttons);
  }

  #offerSnippets(programs) {
    const list = byId("code").querySelector("[role=tablist]");
    const show = (program, focus) => {
      this.#chosen = program.name;
      byId("snippet").textContent = program.text;
      for (const tab of list.children) {
        const selected = tab.textContent === program.name;
        tab.setAttribute("aria-selected", String(selected));
        tab.tabIndex = selected ? 0 : -1;
        if (selected && focus) tab.focus();
        if (selected) byId("snippet").setAttribute("aria-labelledby", tab.id);
      }
    };
    list.replaceChildren(...programs.map((program, index) => {
      const id = `tab-${program.name}`;
      const tab = html("button", { type: "button", role: "tab", id, "aria-controls": "snippet" }, program.name);
      tab.onclick = () => show(program);
      tab.onkeydown = ({ key }) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
        if (step) show(programs.at((index + step) % programs.length), true);
      };
      return tab;
    }));
    show(programs.find(({ name }) => name === this.#chosen));
  }

  async #copy() {
    byId("copy").textContent = (await copied(byId("snippet"))) ? "Copied" : "Selected: copy it yourself";
    setTimeout(() => (byId("copy").textContent = "Copy"), COPIED_MS);
  }
}

/**
 * Copies what an element says; resolves to whether it did. Browsers give the clipboard to https pages and to localhost
 * only: elsewhere the text is selected, and copied as by the person.
 */
async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}

function text(content) {
  return new Blob([content], { type: "text/plain;charset=utf-8" });
}

function save(name, blob) {
  const link = html("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
