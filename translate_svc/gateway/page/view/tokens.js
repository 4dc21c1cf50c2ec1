/** Tokens of a text: how sure the model was of them, as colour, as a line and as a table. */

import { html } from "./element.js";

const SURE = 0.05; // -log probability that gets the calmest colour
const UNSURE = 2; // and the strongest one

/** 0 for a sure token, 1 for a doubtful one. On a logarithmic scale: differences between sure tokens count too. */
export function doubt({ logprob }) {
  const share = Math.log(Math.max(-logprob, 1e-3) / SURE) / Math.log(UNSURE / SURE);
  return Math.min(1, Math.max(0, share));
}

/** What a token is, in words. */
export function tokenTitle(token, startMs) {
  const percent = (Math.exp(token.logprob) * 100).toFixed(0);
  const heard = token.source_ms === null ? "not heard, it followed from the text" : `heard at ${at(token, startMs)} s`;
  return `“${token.token.trim()}”  log-probability ${token.logprob.toFixed(2)} (${percent} %), ${heard}`;
}

/** Gives an element the colour of a token. */
export function paint(element, token) {
  element.style.setProperty("--doubt", doubt(token).toFixed(3));
  return element;
}

/** The text, token by token. The first brings the space after the utterance before, which is not shown. */
export function tokenLine({ language, tokens }, startMs) {
  const spans = tokens.map((token, index) => {
    const text = index === 0 ? token.token.trimStart() : token.token;
    const unheard = token.source_ms === null ? "token unheard" : "token";
    return paint(html("span", { class: unheard, title: tokenTitle(token, startMs) }, text), token);
  });
  return html("p", { class: "token-line", lang: language, dir: "auto" }, ...spans);
}

/** The same as a table, for those who read numbers or do not see colours. */
export function tokenTable({ language, tokens }, startMs, name) {
  const rows = tokens.map((token) =>
    html("tr", {},
      html("td", { lang: language }, token.token.trim() || "␣"),
      html("td", {}, token.logprob.toFixed(3)),
      html("td", {}, token.source_ms === null ? "–" : at(token, startMs))));
  const head = ["Token", "Log-probability", "Heard at (s)"].map((title) => html("th", { scope: "col" }, title));
  return html("table", {},
    html("caption", {}, name),
    html("thead", {}, html("tr", {}, ...head)),
    html("tbody", {}, ...rows));
}

function at(token, startMs) {
  return ((token.source_ms - startMs) / 1000).toFixed(2);
}
