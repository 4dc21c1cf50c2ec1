/** Who speaks: one person, or two in turns, and the languages of those two. */

import { byId, html } from "./element.js";
import { remember, remembered, tagsOf } from "./remembered.js";

const STORE = "translate-svc talkers";

export class TalkersPicker extends EventTarget {
  #tags; // of the languages that the model can tell by their sound

  /**
   * `languages`: of the model. Dispatches `change`. Two people are offered where the model tells two languages, and
   * translates into both.
   */
  constructor(languages) {
    super();
    const told = languages.filter((each) => each.detected && each.speech_in && each.text && each.translated);
    this.#tags = told.map(({ language }) => language);
    byId("who").hidden = told.length < 2;
    for (const select of this.#selects) {
      select.append(...told.map(({ language, name }) => html("option", { value: language }, name)));
      select.onchange = () => this.#chosen(select);
    }
    this.#restore();
    for (const radio of this.#radios) radio.onchange = () => this.#changed();
    this.#draw();
  }

  /** The tags of the two languages; null: one person speaks. */
  get between() {
    return this.#two ? this.#selects.map(({ value }) => value) : null;
  }

  /** One person speaks from now on. */
  alone() {
    this.#radios[0].checked = true;
    this.#changed();
  }

  /** Whether the choice is open. */
  set enabled(enabled) {
    for (const control of [...this.#radios, ...this.#selects]) control.disabled = !enabled;
  }

  get #two() {
    return this.#radios[1].checked;
  }

  get #radios() {
    return [...byId("who").querySelectorAll("input")];
  }

  get #selects() {
    return [byId("one"), byId("other")];
  }

  /** The two never speak the same language: who chooses the other's swaps with it. */
  #chosen(select) {
    const [other] = this.#selects.filter((each) => each !== select);
    if (other.value === select.value) other.value = select.dataset.former;
    this.#changed();
  }

  #restore() {
    const { two = false, between = ["en", "es"] } = remembered(STORE);
    const usable = tagsOf(between).filter((tag) => this.#tags.includes(tag));
    const pair = [...new Set([...usable, ...this.#tags])].slice(0, 2);
    this.#selects.forEach((select, index) => (select.value = pair[index] ?? ""));
    this.#radios[1].checked = two && pair.length === 2;
  }

  #changed() {
    this.#draw();
    const between = this.#selects.map(({ value }) => value);
    remember(STORE, { two: this.#two, between });
    this.dispatchEvent(new Event("change"));
  }

  #draw() {
    document.body.classList.toggle("two", this.#two);
    for (const select of this.#selects) select.dataset.former = select.value;
  }
}
