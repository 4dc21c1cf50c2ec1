/** The choice of languages: one that is spoken, some to translate into, and the one that is heard. */

import { byId, html, icon } from "./element.js";
import { remember, remembered, tagsOf } from "./remembered.js";

const LOUD = "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4Zm11.5-1a5 5 0 0 1 0 7m2.5-9.5a8.5 8.5 0 0 1 0 12";
const MUTE = "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4Zm12 .5 5 5m0-5-5 5";
const CROSS = "m7 7 10 10M17 7 7 17";
const STORE = "translate-svc languages";
const FIRST_TARGETS = 2;

export class LanguagePicker extends EventTarget {
  #languages;
  #maxTargets;
  #names;
  #targets = []; // tags
  #heard = null; // tag

  /** `languages`: of the model. `maxTargets`: 0 is no limit. Dispatches `change` and `hear`. */
  constructor(languages, names, maxTargets) {
    super();
    this.#languages = languages;
    this.#names = names;
    this.#maxTargets = maxTargets || Infinity;
    this.#fillSources();
    this.#restore();
    byId("source").onchange = () => this.#sourceChanged();
    this.#draw();
  }

  /** The tag of the spoken language; empty: not known. */
  get source() {
    return byId("source").value;
  }

  /** The tags of the targets. */
  get targets() {
    return this.#targets;
  }

  /** The tag of the language that is played; null: none. */
  get heard() {
    return this.#heard;
  }

  /** Somebody speaks `tag` now. */
  speak(tag) {
    const former = this.source;
    byId("source").value = tag;
    this.#sourceChanged(former);
  }

  #sourceChanged(former = this.#formerSource) {
    const at = this.#targets.indexOf(this.source);
    if (at >= 0) {
      const free = former && !this.#targets.includes(former);
      this.#targets.splice(at, 1, ...(free ? [former] : []));
    }
    this.#targets = this.#targets.filter((tag) => this.#canBeTarget(tag));
    if (this.#targets.length === 0) this.#targets = this.#defaults();
    this.#draw();
    this.#changed();
  }

  #formerSource = "";

  #language(tag) {
    return this.#languages.find(({ language }) => language === tag);
  }

  #canBeTarget(tag) {
    return this.#possibleTargets().some(({ language }) => language === tag);
  }

  /** Into which what is spoken is translated. Where that is none, as of English by Whisper, it is written as it is. */
  #possibleTargets() {
    const written = this.#languages.filter(({ text }) => text);
    const others = written.filter(({ language, translated }) => translated && language !== this.source);
    return others.length > 0 ? others : written.filter(({ language }) => language === this.source);
  }

  #fillSources() {
    const sources = this.#languages.filter(({ speech_in: speechIn }) => speechIn);
    byId("source").append(
      ...sources.map(({ language, name }) => html("option", { value: language }, name)),
      html("option", { value: "" }, "Another (no transcript)"),
    );
  }

  #restore() {
    const { source = "en", targets } = remembered(STORE);
    const select = byId("source");
    select.value = source;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
    this.#targets = tagsOf(targets).filter((tag) => this.#canBeTarget(tag)).slice(0, this.#maxTargets);
    if (this.#targets.length === 0) this.#targets = this.#defaults();
    this.#heard = this.#speaking()[0] ?? null;
  }

  #defaults() {
    const others = this.#possibleTargets();
    const preferred = ["es", "fr", "en"].filter((tag) => others.some(({ language }) => language === tag));
    return [...new Set([...preferred, ...others.map(({ language }) => language)])].slice(0, Math.min(FIRST_TARGETS, this.#maxTargets));
  }

  /** The targets that have speech. */
  #speaking() {
    return this.#targets.filter((tag) => this.#language(tag).speech_out);
  }

  #changed() {
    this.#formerSource = this.source;
    remember(STORE, { source: this.source, targets: this.#targets });
    this.dispatchEvent(new Event("change"));
  }

  #setTargets(tags) {
    this.#targets = tags;
    this.#draw();
    this.#changed();
  }

  #hear(tag) {
    this.#heard = tag;
    this.#draw();
    this.dispatchEvent(new Event("hear"));
  }

  #draw() {
    this.#formerSource ||= this.source;
    if (!this.#targets.includes(this.#heard) && this.#heard !== null) this.#heard = this.#speaking()[0] ?? null;
    const list = byId("targets");
    const focused = list.contains(document.activeElement) ? document.activeElement.ariaLabel : null;
    list.replaceChildren(...this.#targets.map((tag) => this.#chip(this.#language(tag))), ...this.#adder());
    if (focused) (list.querySelector(`[aria-label="${CSS.escape(focused)}"]`) ?? list.querySelector("select, button")).focus();
  }

  #chip({ language, name, speech_out: spoken }) {
    const heard = this.#heard === language;
    const listen = html(
      "button",
      { type: "button", class: "listen", "aria-pressed": String(heard), "aria-label": `Hear ${name}`, title: `Hear ${name}` },
      icon(heard ? LOUD : MUTE),
    );
    listen.onclick = () => this.#hear(heard ? null : language);
    const remove = html("button", { type: "button", "aria-label": `Do not translate into ${name}` }, icon(CROSS));
    remove.disabled = this.#targets.length === 1;
    remove.onclick = () => this.#setTargets(this.#targets.filter((tag) => tag !== language));
    return html("span", { class: "chip" }, name, spoken ? listen : null, remove);
  }

  #adder() {
    const others = this.#possibleTargets().filter(({ language }) => !this.#targets.includes(language));
    if (others.length === 0 || this.#targets.length >= this.#maxTargets) return [];
    const select = html("select", { class: "add", "aria-label": "Add a language" }, html("option", { value: "" }, "Add …"));
    select.append(...others.map(({ language }) => html("option", { value: language }, this.#names.of(language))));
    select.onchange = () => this.#setTargets([...this.#targets, select.value]);
    return [select];
  }
}
