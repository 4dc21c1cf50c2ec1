/** The drafts of simultaneous translation: what each one sent, what it held back, and why. */

import { html } from "./element.js";

const REASONS = {
  near_end: "its sound may go on",
  disagrees: "the draft before said otherwise",
  incomplete_word: "its word may go on",
  loop: "it repeats itself",
  end_of_text: "the sentence may go on",
};

/** The drafts of one text. */
export function draftTable(drafts, startMs, name) {
  const rows = drafts.map((draft) => {
    const text = html("td", { lang: draft.language, dir: "auto" });
    text.append(
      html("span", { class: "quiet" }, draft.history),
      html("b", {}, `${draft.history && draft.committed ? " " : ""}${draft.committed}`),
      html("i", {}, draft.held ? ` ${draft.held}` : ""));
    const heard = `${((draft.heard_through_ms - startMs) / 1000).toFixed(2)} s`;
    return html("tr", {}, html("td", {}, heard), text, html("td", { class: "quiet" }, REASONS[draft.hold_reason] ?? draft.hold_reason));
  });
  const head = ["Heard", "Sent before, sent now, held back", "Why held"].map((title) => html("th", { scope: "col" }, title));
  return html("table", { class: "drafts-table" },
    html("caption", {}, name),
    html("thead", {}, html("tr", {}, ...head)),
    html("tbody", {}, ...rows));
}
