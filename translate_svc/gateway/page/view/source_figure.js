/** The audio of an utterance, where speech was heard in it, and each token at the time when it was heard. */

import { svg } from "./element.js";
import { paint, tokenTitle } from "./tokens.js";

const WAVE_HEIGHT = 84;
const AXIS_HEIGHT = 22;
const LANE_TITLE_HEIGHT = 26;
const ROW_HEIGHT = 25;
const TOKEN_HEIGHT = 21;
const TOKEN_PADDING = 6;
const GAP = 4;
const TICK_MS = 500;
const FONT = "500 13px ui-sans-serif, system-ui, sans-serif";

const measure = document.createElement("canvas").getContext("2d");

/** An SVG of `width` pixels. `pcm`: the audio of the utterance. */
export function sourceFigure(utterance, pcm, width, names) {
  const durationMs = utterance.endMs - utterance.startMs;
  const place = (ms) => ((ms - utterance.startMs) / durationMs) * width;
  const lanes = [];
  let top = WAVE_HEIGHT + AXIS_HEIGHT;
  for (const text of utterance.texts) {
    const lane = tokenLane(text, top, place, width, utterance.startMs, names);
    lanes.push(lane.element);
    top = lane.bottom;
  }
  const summary = `${(durationMs / 1000).toFixed(1)} seconds of audio, with the tokens of ${utterance.texts
    .map(({ language }) => names.of(language)).join(", ")} where they were heard`;
  return svg("svg", { class: "source-figure", width, height: top, viewBox: `0 0 ${width} ${top}`, role: "img", "aria-label": summary },
    activity(utterance, place, width), axis(durationMs, place, utterance.startMs), wave(pcm, width), ...lanes);
}

function activity({ speechStartMs, startMs, endMs }, place, width) {
  const x = place(speechStartMs ?? startMs);
  return svg("g", {},
    svg("rect", { class: "quiet-part", x: 0, y: 0, width, height: WAVE_HEIGHT, rx: 6 }),
    svg("rect", { class: "speech-part", x, y: 0, width: place(endMs) - x, height: WAVE_HEIGHT, rx: 6 },
      svg("title", {}, "Speech was heard here")));
}

function wave(pcm, width) {
  const columns = Math.max(1, Math.floor(width / 2));
  const middle = WAVE_HEIGHT / 2;
  let peak = 1;
  for (const value of pcm) peak = Math.max(peak, Math.abs(value));
  let path = "";
  for (let column = 0; column < columns; column += 1) {
    const from = Math.floor((column * pcm.length) / columns);
    const to = Math.floor(((column + 1) * pcm.length) / columns);
    let loudest = 0;
    for (let i = from; i < to; i += 1) loudest = Math.max(loudest, Math.abs(pcm[i]));
    const half = Math.max(0.6, (loudest / peak) * (middle - 6));
    path += `M${column * 2 + 1} ${(middle - half).toFixed(1)}V${(middle + half).toFixed(1)}`;
  }
  return svg("path", { class: "wave", d: path });
}

function axis(durationMs, place, startMs) {
  const ticks = [];
  for (let ms = 0; ms < durationMs - TICK_MS / 3; ms += TICK_MS) {
    const x = place(startMs + ms);
    ticks.push(svg("line", { class: "tick", x1: x, x2: x, y1: WAVE_HEIGHT, y2: WAVE_HEIGHT + 4 }));
    if (ms % 1000 === 0) {
      ticks.push(svg("text", { class: "tick-label", x: Math.max(1, x), y: WAVE_HEIGHT + 16, "text-anchor": ms ? "middle" : "start" }, `${ms / 1000} s`));
    }
  }
  return svg("g", {}, ...ticks);
}

/** The heard tokens of one text, in as many rows as they need. */
function tokenLane({ language, tokens }, top, place, width, startMs, names) {
  const rowEnds = [];
  const shown = [];
  measure.font = FONT;
  const heard = tokens.filter((token) => token.source_ms !== null && token.token.trim());
  for (const token of heard.sort((one, other) => one.source_ms - other.source_ms)) {
    const label = token.token.trim();
    const size = measure.measureText(label).width + 2 * TOKEN_PADDING;
    const anchor = place(token.source_ms);
    const x = Math.min(anchor, width - size);
    let row = rowEnds.findIndex((end) => end + GAP <= x);
    if (row < 0) row = rowEnds.push(0) - 1;
    rowEnds[row] = x + size;
    const y = top + LANE_TITLE_HEIGHT + row * ROW_HEIGHT;
    const box = paint(svg("rect", { x, y, width: size, height: TOKEN_HEIGHT, rx: 5 }), token);
    const text = svg("text", { x: x + TOKEN_PADDING, y: y + 15, lang: language }, label);
    const stem = svg("line", { class: "stem", x1: anchor, x2: anchor, y1: 0, y2: y });
    shown.push(svg("g", { class: "heard" }, stem, box, text, svg("title", {}, tokenTitle(token, startMs))));
  }
  const title = svg("text", { class: "lane-title", x: 1, y: top + 17 }, names.of(language));
  const bottom = top + LANE_TITLE_HEIGHT + Math.max(1, rowEnds.length) * ROW_HEIGHT + 4;
  const line = svg("line", { class: "lane-line", x1: 0, x2: width, y1: top + 1, y2: top + 1 });
  return { element: svg("g", {}, line, title, ...shown), bottom };
}
