/** The acoustic units of a speech, under the characters that they speak. Each lasts 20 ms. */

import { svg } from "./element.js";

const UNIT_WIDTH = 7;
const UNIT_HEIGHT = 22;
const TEXT_HEIGHT = 20;
const GOLDEN_ANGLE = 137.508; // neighbouring indices get colours far apart

/** An SVG; `text` is what was spoken. */
export function unitsFigure({ units, durations }, text, name) {
  const width = units.length * UNIT_WIDTH;
  const height = TEXT_HEIGHT + UNIT_HEIGHT;
  const label = `${units.length} units of 20 ms, the speech in ${name}`;
  return svg("svg", { class: "units-figure", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    ...characters(durations, text), ...units.map(unit));
}

function unit(value, index) {
  const hue = (value * GOLDEN_ANGLE) % 360;
  const box = { x: index * UNIT_WIDTH, y: TEXT_HEIGHT, width: UNIT_WIDTH - 1, height: UNIT_HEIGHT, rx: 1.5, fill: `oklch(0.72 0.115 ${hue.toFixed(0)})` };
  return svg("rect", box, svg("title", {}, `unit ${value}, at ${(index * 0.02).toFixed(2)} s`));
}

/** Each character over its units. Nothing if the durations are not those of a space and the text. */
function characters(durations, text) {
  const spoken = [" ", ...text];
  if (spoken.length !== durations.length) return [];
  let at = 0;
  return durations.map((duration, index) => {
    const x = (at + duration / 2) * UNIT_WIDTH;
    at += duration;
    const title = `${duration} units, ${duration * 20} ms`;
    return svg("text", { class: "character", x, y: TEXT_HEIGHT - 6, "text-anchor": "middle" }, spoken[index], svg("title", {}, title));
  });
}
