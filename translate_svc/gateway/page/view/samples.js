/** The recordings that ship with the page. */

import { getBytes, httpUrl } from "../session/server.js";
import { byId, html, icon } from "./element.js";

const PLAY = "M7 4.5v15l12-7.5z";

/** Shows a button for each recording in a language that the model hears; `play(sample)` is called for it. */
export async function showSamples(languages, play) {
  const samples = await (await fetch(httpUrl("page/samples.json"))).json();
  const heard = new Set(languages.filter((each) => each.speech_in).map(({ language }) => language));
  const usable = samples.filter(({ language }) => heard.has(language));
  const buttons = usable.map((sample) => {
    const sentence = sample.text.split(/(?<=[.?!])\s/)[0];
    const button = html("button", { type: "button", lang: sample.language, title: sample.text }, icon(PLAY));
    button.append(html("span", {}, sentence));
    button.onclick = () => play(sample);
    return button;
  });
  byId("samples").append(...buttons);
  byId("samples").hidden = buttons.length === 0;
}

/** The bytes of a recording. Rejects with a Refusal. */
export function sampleData({ file }) {
  return getBytes(`page/samples/${file}`);
}
