/** What the page remembers of a person's choices in this browser. */

/** The object under this name. Whatever else is found there, such as what another version left: an empty one. */
export function remembered(name) {
  try {
    const found = JSON.parse(localStorage.getItem(name) ?? "{}");
    return found instanceof Object ? found : {};
  } catch {
    return {};
  }
}

/** The strings of a list that was remembered, each once; of anything else: none. */
export function tagsOf(list) {
  return Array.isArray(list) ? [...new Set(list.filter((tag) => typeof tag === "string"))] : [];
}

/** Remembers `value` under this name. */
export function remember(name, value) {
  localStorage.setItem(name, JSON.stringify(value));
}
