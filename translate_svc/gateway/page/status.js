/** The operator's corner: the numbers of `translate-svc top`, once a second. */

import { byId, html, svg } from "./view/element.js";
import { getJsonWithKey } from "./view/key_dialog.js";

const PATH = "status.json";
const INTERVAL_MS = 1_000;
const HISTORY = 120; // readings that the small charts show
const CHART = { width: 240, height: 44 };

/** What is shown with its recent history: {title, unit, value(load, rates, limits), of(load, limits)}. */
const TILES = [
  { title: "Streams", value: ({ load }) => load.live_streams, of: ({ limits }) => `of ${limits.max_streams}` },
  { title: "Slots in use", value: ({ load }) => load.busy_slots, of: ({ load }) => `of ${load.slots}` },
  { title: "Waiting", value: ({ load }) => load.waiting_requests, of: ({ load }) => `of ${load.live_requests} in the engine` },
  { title: "Text tokens", value: ({ rates }) => rates?.textTokens, of: () => "a second" },
  { title: "Real-time factor", value: ({ rates }) => rates?.sourceS, of: () => "source seconds a second" },
  { title: "Speech", value: ({ rates }) => rates?.speechS, of: () => "seconds a second" },
  { title: "Engine steps", value: ({ rates }) => rates?.steps, of: () => "a second" },
];

const TOTALS = [
  ["Admitted", "admitted"], ["Rejected", "rejected"], ["Finished", "finished_requests"], ["Failed", "failed_requests"],
];

const tiles = TILES.map(addTile);
let before = null;

function addTile(tile) {
  const number = html("span", { class: "number" }, "–");
  const of = html("span", { class: "of" });
  const line = svg("path");
  const chart = svg("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, line);
  byId("tiles").append(html("div", {}, html("dt", {}, tile.title), html("dd", {}, number, of, chart)));
  return { ...tile, number, of, line, label: tile.of, history: [] };
}

/** Rates by the server's own clock; null if there is no earlier reading, or the server was started again. */
function ratesBetween(former, load) {
  const elapsedS = former ? (load.uptime_ms - former.uptime_ms) / 1000 : 0;
  if (elapsedS <= 0 || load.steps < former.steps) return null;
  const rate = (name) => (load[name] - former[name]) / elapsedS;
  return { steps: rate("steps"), textTokens: rate("text_tokens"), sourceS: rate("source_ms") / 1000, speechS: rate("speech_ms") / 1000 };
}

function show({ version, model, limits, load }) {
  const reading = { load, limits, rates: ratesBetween(before, load) };
  before = load;
  byId("model").textContent = `${model.name} on ${model.device} in ${model.dtype}, version ${version}`;
  for (const tile of tiles) {
    const value = tile.value(reading);
    tile.number.textContent = value === undefined ? "–" : shown(value);
    tile.of.textContent = tile.label(reading);
    tile.history.push(value ?? 0);
    if (tile.history.length > HISTORY) tile.history.shift();
    tile.line.setAttribute("d", path(tile.history));
  }
  const totals = [["Up", uptime(load.uptime_ms)], ...TOTALS.map(([title, name]) => [title, load[name].toLocaleString("en")])];
  byId("totals").replaceChildren(...totals.map(([title, value]) => html("div", {}, html("dt", {}, title), html("dd", {}, value))));
}

function shown(value) {
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 0);
}

/** The newest reading is on the right. */
function path(history) {
  const top = Math.max(1, ...history);
  const points = history.map((value, index) => {
    const x = CHART.width - ((history.length - 1 - index) * CHART.width) / (HISTORY - 1);
    return `${x.toFixed(1)} ${(CHART.height - 2 - (value / top) * (CHART.height - 6)).toFixed(1)}`;
  });
  return `M${points.join("L")}`;
}

function uptime(ms) {
  const whole = Math.floor(ms / 1000);
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two((whole / 60) % 60)}:${two(whole % 60)}`;
}

async function read() {
  if (!document.hidden) {
    try {
      show(await getJsonWithKey(PATH));
      byId("reachable").textContent = "";
    } catch (error) {
      before = null;
      byId("reachable").textContent = `${error.message} Trying again.`;
    }
  }
  setTimeout(read, INTERVAL_MS);
}

show(await getJsonWithKey(PATH));
setTimeout(read, INTERVAL_MS);
