// Runs modules of the page that need no browser, and prints what they make as one JSON object.

import { oneChannel } from "../../../translate_svc/gateway/page/audio/clip.js";
import { fromBase64, toBase64, toPcm16, wav } from "../../../translate_svc/gateway/page/audio/pcm.js";
import { Player } from "../../../translate_svc/gateway/page/audio/player.js";
import { Resampler } from "../../../translate_svc/gateway/page/audio/resampler.js";
import { Conversation } from "../../../translate_svc/gateway/page/session/conversation.js";
import { InputTrack } from "../../../translate_svc/gateway/page/session/input_track.js";
import { snippets } from "../../../translate_svc/gateway/page/export/snippets.js";
import { sessionSettings } from "../../../translate_svc/gateway/page/session/settings.js";
import { TranslationSession } from "../../../translate_svc/gateway/page/session/translation_session.js";
import { Controls } from "../../../translate_svc/gateway/page/view/controls.js";
import { srt, webvtt } from "../../../translate_svc/gateway/page/export/subtitles.js";
import { saidTrack, speechTrack } from "../../../translate_svc/gateway/page/export/tracks.js";

const sine = (hz, rateHz, seconds) =>
  Float32Array.from({ length: rateHz * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / rateHz));

function resampled(input, fromHz, toHz, blockSizes) {
  const resampler = new Resampler(fromHz, toHz);
  const output = [];
  for (let at = 0, turn = 0; at < input.length; turn += 1) {
    const size = blockSizes[turn % blockSizes.length];
    output.push(...resampler.push(input.subarray(at, at + size)));
    at += size;
  }
  return output;
}

// a session that is lost 4 s after its beginning, in the midst of an utterance
const torn = new Conversation();
torn.begin(["es"]);
torn.heard(new Int16Array(4 * 24_000).fill(7));
torn.take({ type: "session.utterance.speech_started", utterance_id: 0, audio_start_ms: 1_000, speech_start_ms: 1_200 });
torn.take({ type: "session.output_transcript.delta", utterance_id: 0, language: "es", delta: "palabra ".repeat(20), is_final: false });
torn.take({ type: "session.utterance.draft", utterance_id: 0, language: "es", transcript: false, held: "y" });
let tornRows = 0;
torn.addEventListener("change", () => (tornRows += 1));
torn.end();
torn.end();
const [{ done: tornDone, translations: tornTexts }] = torn.utterances;

const said = (text) => ({ text });
const utterance = (startMs, endMs, text, parts = []) => ({
  offsetMs: 0, startMs, speechStartMs: startMs, endMs, said: said(text), speech: new Map([["es", { parts }]]),
});
const subtitled = [
  utterance(1_000, 5_000, "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty."),
  utterance(61_500, 61_700, "A <short> & sharp one."),
  utterance(62_000, 64_000, "一".repeat(30)),
];
const pick = (each) => each.said;

// five minutes are sent at once, and only then the server says what was said in the first ones
const hurried = new Conversation();
hurried.begin(["es"]);
hurried.recorded();
hurried.hurried();
for (let second = 0; second < 300; second += 1) hurried.heard(new Int16Array(24_000).fill(second));
hurried.take({ type: "session.utterance.speech_started", utterance_id: 0, audio_start_ms: 1_000, speech_start_ms: 1_200 });
hurried.take({ type: "session.utterance.speech_stopped", utterance_id: 0, audio_start_ms: 1_000, audio_end_ms: 3_000 });
const hurriedAudio = new Int16Array(await hurried.utterances[0].audio.arrayBuffer());

const spoken = [
  utterance(1_000, 2_000, "", [new Blob([new Int16Array(48_000).fill(1)])]), // two seconds
  utterance(2_000, 3_000, "", [new Blob([new Int16Array(24_000).fill(2)])]),
  utterance(10_000, 11_000, "", [new Blob([new Int16Array(24_000).fill(3)])]),
];
const track = new Int16Array(await speechTrack(spoken, "es").slice(44).arrayBuffer());

const input = new InputTrack();
for (let part = 0; part < 10; part += 1) input.append(new Int16Array(2_400).fill(part), 1_000 + part * 100);

/** What a player asks a browser for: when each part of speech starts, in samples. */
class SilentContext {
  static last;
  starts = [];
  currentTime = 0;
  constructor() { SilentContext.last = this; }
  resume() {}
  createGain() { return { gain: { cancelScheduledValues() {}, setTargetAtTime() {} }, connect() {} }; }
  createBuffer() { return { copyToChannel() {} }; }
  createBufferSource() {
    return { connect() {}, stop() {}, start: (startS) => this.starts.push(startS * 24_000) };
  }
}
globalThis.AudioContext = SilentContext;
const player = new Player();
player.resume();
for (const samples of [1_000, 777, 24_000]) player.enqueue(new Int16Array(samples));
SilentContext.last.currentTime = 10; // the speaker paused, everything was played
player.enqueue(new Int16Array(100));

/** The elements of the page that the controls hold, as far as they ask. */
const elements = new Map();
globalThis.addEventListener = () => {};
globalThis.sessionStorage = { getItem: () => null };
globalThis.location = new URL("http://translate.example:8080/");
globalThis.document = {
  body: { classList: { toggle() {} } },
  getElementById: (id) => {
    if (!elements.has(id)) {
      elements.set(id, {
        hidden: true, value: "live", textContent: "", style: { setProperty() {} }, focus() {}, replaceChildren() {},
        querySelector: () => ({}), querySelectorAll: () => [],
      });
    }
    return elements.get(id);
  },
  createElement: () => ({ setAttribute() {}, append() {} }),
};
const controls = new Controls();
controls.ready({ id: "m", languages: [], simultaneous: true }, { notice: "" }, {});
const betweenSettings = sessionSettings({ model: "m", source: "", targets: [], between: ["en", "es"], simultaneous: true });
const settingsNow = () =>
  sessionSettings({ model: "m", source: "es", targets: ["en"], between: null, simultaneous: controls.simultaneous });
const spokenSettings = settingsNow();
controls.forSample();
const sampleSettings = settingsNow();
controls.begin("");
let againCalls = 0;
controls.end("lost", () => (againCalls += 1));
const lostView = { again: !elements.get("again").hidden, problem: elements.get("problem").textContent, simultaneous: controls.simultaneous };
elements.get("again").onclick();
elements.get("mode").value = "live";
elements.get("mode").onchange();
controls.forSample();
const chosenSettings = settingsNow();

/** A connection that breaks after it was open. */
globalThis.WebSocket = class {
  static OPEN = 1;
  readyState = 1;
  send() {}
};
const ends = [];
const broken = (open, { code = 1006, error = null, later = [] } = {}) => {
  let socket;
  const Socket = globalThis.WebSocket;
  globalThis.WebSocket = class extends Socket { constructor() { super(); socket = this; } };
  new TranslationSession("m", {}, { onEvent() {}, onEnd: (problem, how) => ends.push({ problem, ...how }) });
  globalThis.WebSocket = Socket;
  if (open) socket.onopen();
  if (error) socket.onmessage({ data: JSON.stringify({ type: "error", error }) });
  for (const type of later) socket.onmessage({ data: JSON.stringify({ type }) });
  return socket.onclose({ code });
};
globalThis.fetch = async () => ({ status: 401 });
await broken(true);
await broken(false);
globalThis.fetch = async () => ({ status: 502 }); // of a proxy in front
await broken(false);
await broken(true, { code: 1012, error: { message: "The server is draining.", code: "unavailable" } });
await broken(true, { code: 1008, error: { message: "The key is wrong.", code: "invalid_api_key" } });
const remark = { message: "An unknown language.", code: "invalid_value" }; // after which the session goes on
await broken(true, { error: remark });
await broken(true, { code: 1001, error: remark, later: ["session.updated"] }); // closed by a proxy

const header = new DataView(await wav([new Int16Array(5)]).arrayBuffer());

const floats = (...values) => Float32Array.from(values);

console.log(JSON.stringify({
  inPhase: [...oneChannel([floats(0.5, -1), floats(0.25, -0.5)])],
  outOfPhase: [...oneChannel([floats(0.5, -1), floats(-0.5, 1)])],
  threeChannels: [...oneChannel([floats(0.75), floats(-0.75), floats(0.75)])],
  fromBrowser: resampled(sine(1_000, 48_000, 1), 48_000, 24_000, [128]),
  fromHeadset: resampled(sine(1_000, 44_100, 1), 44_100, 24_000, [128]),
  upward: resampled(sine(1_000, 16_000, 1), 16_000, 24_000, [128]),
  unchanged: resampled(sine(1_000, 24_000, 1), 24_000, 24_000, [128]).slice(0, 1_000),
  tooHigh: resampled(sine(15_000, 48_000, 1), 48_000, 24_000, [128]),
  blocks: resampled(sine(300, 44_100, 1), 44_100, 24_000, [1, 7, 500, 128, 3_000]),
  oneBlock: resampled(sine(300, 44_100, 1), 44_100, 24_000, [44_100]),
  pcm: [...fromBase64(toBase64(toPcm16(Float32Array.of(0, 1, -1, 2, 0.5))))],
  srt: srt(subtitled, pick),
  webvtt: webvtt(subtitled, pick),
  trackStarts: [1, 2, 3].map((value) => track.indexOf(value) / 24_000),
  hurriedSaid: [...new Set(hurriedAudio)],
  trackSeconds: track.length / 24_000,
  slice: [...input.slice(95, 105)].map(String).join("").replace(/(.)\1+/g, "$1"),
  sliceLength: input.slice(95, 105).length,
  playerStarts: SilentContext.last.starts,
  sentAtMs: input.sentAtMs(450),
  spokenSettings, sampleSettings, chosenSettings, lostView, againCalls, ends,
  command: snippets("m", sampleSettings).find(({ name }) => name === "Command").text,
  betweenSettings,
  betweenCommand: snippets("m", betweenSettings).find(({ name }) => name === "Command").text,
  betweenGrpcurl: snippets("m", betweenSettings).find(({ name }) => name === "grpcurl").text,
  torn: {
    rows: tornRows, status: tornDone.status, held: tornTexts.get("es").held,
    srt: srt(torn.utterances, (each) => each.translations.get("es")),
    saidS: (saidTrack(torn.utterances).size - 44) / 2 / 24_000,
  },
  wav: { bytes: header.byteLength, riff: header.getUint32(4, true), data: header.getUint32(40, true), rate: header.getUint32(24, true) },
}));
