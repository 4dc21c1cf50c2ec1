/** The names of languages, and how their texts are marked up. */

export class LanguageNames {
  #names;

  /** `languages`: as `GET /v1/models` lists them. */
  constructor(languages) {
    this.#names = new Map(languages.map(({ language, name }) => [language, name]));
  }

  /** The English name, or the tag of a language that is not listed. */
  of(tag) {
    return this.#names.get(tag) ?? tag;
  }
}
