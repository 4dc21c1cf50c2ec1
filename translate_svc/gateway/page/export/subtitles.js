/** Texts of utterances as subtitles. */

const LINE_CELLS = 42; // Latin letters; an ideograph takes two
const LINES_PER_CUE = 2;
const MIN_CUE_MS = 1_000;
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;

/** SubRip: numbered cues. `pick(utterance)` gives the text, or nothing. */
export function srt(utterances, pick) {
  return cuesOf(utterances, pick)
    .map(({ startMs, endMs, lines }, index) =>
      `${index + 1}\n${clock(startMs, ",")} --> ${clock(endMs, ",")}\n${lines.join("\n")}\n`)
    .join("\n");
}

/** WebVTT, as the W3C has it. */
export function webvtt(utterances, pick) {
  const escaped = (line) => line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const blocks = cuesOf(utterances, pick).map(({ startMs, endMs, lines }) =>
    `${clock(startMs, ".")} --> ${clock(endMs, ".")}\n${lines.map(escaped).join("\n")}\n`);
  return ["WEBVTT\n", ...blocks].join("\n");
}

/** Cues in order of time, of at most two lines. Each is shown for a second, unless the next one begins. */
function cuesOf(utterances, pick) {
  const cues = utterances.flatMap((utterance) => cuesOfOne(utterance, pick(utterance)?.text ?? ""));
  cues.sort((one, other) => one.startMs - other.startMs);
  return cues.map((cue, index) => {
    const limitMs = cues[index + 1]?.startMs ?? Infinity;
    const endMs = Math.max(Math.min(Math.max(cue.endMs, cue.startMs + MIN_CUE_MS), limitMs), cue.startMs + 1);
    return { ...cue, endMs };
  });
}

function cuesOfOne(utterance, text) {
  const lines = wrapped(text);
  const startMs = utterance.offsetMs + (utterance.speechStartMs ?? utterance.startMs);
  const lengthMs = utterance.offsetMs + (utterance.endMs ?? utterance.startMs) - startMs;
  const total = lines.reduce((sum, line) => sum + line.length + 1, 0);
  const cues = [];
  let done = 0;
  for (let at = 0; at < lines.length; at += LINES_PER_CUE) {
    const group = lines.slice(at, at + LINES_PER_CUE);
    const begin = startMs + (lengthMs * done) / total;
    done += group.reduce((sum, line) => sum + line.length + 1, 0);
    cues.push({ startMs: begin, endMs: startMs + (lengthMs * done) / total, lines: group });
  }
  return cues;
}

/** Lines of at most `LINE_CELLS`, broken at spaces; a longer word is broken anywhere. */
function wrapped(text) {
  const lines = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    if (lines.length && cells(`${lines.at(-1)} ${word}`) <= LINE_CELLS) {
      lines.push(`${lines.pop()} ${word}`);
      continue;
    }
    lines.push("");
    for (const character of word) {
      if (cells(lines.at(-1) + character) > LINE_CELLS) lines.push("");
      lines.push(lines.pop() + character);
    }
  }
  return lines;
}

function cells(text) {
  return [...text].reduce((sum, character) => sum + (WIDE.test(character) ? 2 : 1), 0);
}

function clock(ms, mark) {
  const whole = Math.round(ms);
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  const time = [whole / 3_600_000, (whole / 60_000) % 60, (whole / 1000) % 60].map(two).join(":");
  return `${time}${mark}${String(whole % 1000).padStart(3, "0")}`;
}
