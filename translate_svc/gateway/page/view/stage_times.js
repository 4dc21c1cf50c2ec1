/** How long each stage took for an utterance. */

import { html } from "./element.js";

const NAMES = {
  endpointing: "Waiting for the pause",
  encode: "Speech encoder",
  decode: "Text decoder",
  text_to_unit: "Text to units",
  vocode: "Vocoder",
};

/** A table with a bar for each stage. */
export function stageTimes(timings) {
  const longest = Math.max(1, ...timings.map(({ duration_ms: ms }) => ms));
  const rows = timings.map(({ stage, duration_ms: ms, batch_size: batch }) => {
    const bar = html("i", { "aria-hidden": "true" });
    bar.style.setProperty("--share", (ms / longest).toFixed(4));
    return html("tr", {},
      html("th", { scope: "row" }, NAMES[stage] ?? stage),
      html("td", { class: "share" }, bar),
      html("td", {}, `${ms.toFixed(0)} ms`),
      html("td", { class: "quiet" }, batch > 1 ? `with ${batch - 1} more` : "alone"));
  });
  return html("table", { class: "stages" }, html("caption", { class: "hidden" }, "Time of each stage"), html("tbody", {}, ...rows));
}
