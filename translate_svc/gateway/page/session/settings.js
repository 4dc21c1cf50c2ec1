/** What the person has chosen, as a `session` object of the protocol. */

const INCLUDE = ["logprobs", "units", "timings", "speech_activity", "utterances", "warnings"];

/**
 * `source`: a language tag; empty if it is not known. `targets`: language tags. `between`: the tags of a conversation,
 * instead of both; null: one person speaks. `simultaneous`: whether words come while somebody speaks.
 */
export function sessionSettings({ model, source, targets, between, simultaneous }) {
  const outputs = (between ?? targets).map((language) => ({ language }));
  const include = [...INCLUDE, ...(between ? ["languages"] : []), ...(simultaneous ? ["drafts"] : [])];
  return {
    audio: {
      input: between ? inTurns(model, between) : spokenBy(model, source),
      output: { language: outputs[0].language, targets: outputs },
    },
    include,
    simultaneous: simultaneous ? {} : null,
  };
}

function spokenBy(model, source) {
  return { language: source || null, candidates: [], transcription: source ? { model, language: source } : null };
}

/** Each utterance is in one of these languages, and goes into the others. */
function inTurns(model, between) {
  return { language: "auto", candidates: between, transcription: { model } };
}
