/** WAV files of a conversation. Each utterance begins when it was said, or when the one before it has ended. */

import { RATE_HZ, wav } from "../audio/pcm.js";

const SAMPLE_BYTES = 2;

/** The speech in one language. */
export function speechTrack(utterances, language) {
  return track(utterances, (utterance) => {
    const parts = utterance.speech.get(language)?.parts ?? [];
    return { startMs: utterance.speechStartMs ?? utterance.startMs, parts };
  });
}

/** What was said, with silence where nobody spoke. */
export function saidTrack(utterances) {
  return track(utterances, ({ startMs, audio }) => ({ startMs, parts: audio ? [audio] : [] }));
}

function track(utterances, partsOf) {
  const all = [];
  let bytes = 0;
  for (const utterance of utterances) {
    const { startMs, parts } = partsOf(utterance);
    const start = Math.round(((utterance.offsetMs + startMs) * RATE_HZ) / 1000) * SAMPLE_BYTES;
    if (parts.length && start > bytes) {
      all.push(new Uint8Array(start - bytes));
      bytes = start;
    }
    all.push(...parts);
    bytes += parts.reduce((sum, part) => sum + part.size, 0);
  }
  return wav(all);
}
