"""docs/quality.md from the figures."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.quality.measure import EmptyFigures, SpeechFigures

_HEAD = """# Quality of the starter checkpoint

Written by `make quality`; do not edit. Sentences whose words were combined in no training sentence, spoken
by synthetic voices that training never heard, go through the service's own sessions: codec, segmenter,
engine, output codec. Unless a row says otherwise a clip is one utterance (manual segmentation).

* BLEU: sacreBLEU, tokenizer 13a. chrF: chrF2. Exact: share of texts equal to the reference to the letter.
* Text to text: BLEU of the same sentences put in as text.
* Transcript WER, round-trip WER: lower case, without punctuation, edits over all reference words. The round
  trip puts the service's translated speech back into it and compares the transcript with what was spoken.

These are figures of a phrasebook in synthetic voices. They say that the whole chain is right, not that the
starter understands people: that needs the published weights.
"""


def markdown(speech: Sequence[SpeechFigures], empty: Sequence[EmptyFigures]) -> str:
    """The page."""
    lines = [
        _HEAD,
        "| set | direction | clips | BLEU | chrF | exact % | text to text BLEU | transcript WER % "
        "| round-trip WER % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in speech:
        scores = row.scores
        lines.append(
            f"| {row.name} | {row.direction} | {scores.count} | {scores.bleu:.1f} | {scores.chrf:.1f} | "
            f"{scores.exact:.1f} | {f'{row.from_text.bleu:.1f}' if row.from_text else ''} | "
            f"{_cell(row.transcript_wer)} | {_cell(row.round_trip_wer)} |"
        )
    lines += ["", "| without speech | clips | empty % |", "|---|---|---|"]
    lines += [f"| {row.name} | {row.count} | {row.empty:.1f} |" for row in empty]
    return "\n".join(lines) + "\n"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
