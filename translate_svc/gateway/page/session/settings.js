/** What the person has chosen, as a `session` object of the protocol. */

const INCLUDE = ["logprobs", "units", "timings", "speech_activity", "utterances", "warnings"];

/**
 * `source`: a language tag; empty if it is not known. `targets`: language objects of the server.
 * `simultaneous`: whether words come while somebody speaks.
 */
export function sessionSettings({ model, source, targets, simultaneous }) {
  const outputs = targets.map(({ language }) => ({ language }));
  return {
    audio: {
      input: { language: source || null, transcription: source ? { model, language: source } : null },
      output: { language: outputs[0].language, targets: outputs },
    },
    include: simultaneous ? [...INCLUDE, "drafts"] : INCLUDE,
    simultaneous: simultaneous ? {} : null,
  };
}
