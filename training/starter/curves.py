"""The training curves from the stages' logs: `python -m training.starter.curves`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from training.starter.grammar import LANGUAGES
from training.starter.synthesis.voices import SPEAKER_IDS


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot: which figures of which log, against the minutes spent."""

    file_name: str
    log: str
    title: str
    names: Sequence[str]


_VOICES = tuple(product(LANGUAGES, SPEAKER_IDS))

PANELS = (
    Panel("text_loss", "text_log.jsonl", "Text stage: training losses", ("speech", "text", "ctc")),
    Panel("text_bleu", "text_log.jsonl", "Text stage: held-out BLEU", ("one_bleu", "several_bleu")),
    Panel(
        "text_rates", "text_log.jsonl", "Text stage: held-out rates",
        ("one_wer", "several_wer", "silence_empty_rate", "noise_empty_rate"),
    ),
    Panel(
        "text_pieces", "text_log.jsonl", "Text stage: pieces of speech, nothing to say",
        ("half_found_rate", "half_invented_rate", "window_found_rate", "window_invented_rate",
         "free_empty_rate", "foreign_empty_rate"),
    ),
    Panel(
        "vocoder", "vocoder_log.jsonl", "Vocoder stage: loss, held-out log-mel distance",
        ("loss", *(f"mel_distance_{language}_{speaker}" for language, speaker in _VOICES)),
    ),
    Panel("speech_bleu", "speech_log.jsonl", "Refining: held-out BLEU", ("one_bleu", "several_bleu")),
    Panel("t2u_loss", "t2u_log.jsonl", "T2U stage: training losses", ("units", "durations")),
    Panel("t2u_accuracy", "t2u_log.jsonl", "T2U stage: held-out unit accuracy", ("held_out_unit_accuracy",)),
)  # fmt: skip


def plot(work: Path, folder: Path) -> None:
    """Writes one small PNG a panel into `folder`, for the logs that exist."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    for panel in PANELS:
        path = work / panel.log
        if not path.exists():
            continue
        records: list[dict[str, Any]] = [
            json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()
        ]
        figure, axes = pyplot.subplots(figsize=(5.2, 3.2), dpi=80, layout="constrained")
        for name in panel.names:
            points = [(record["elapsed_s"] / 60, record[name]) for record in records if name in record]
            if points:
                axes.plot(
                    *zip(*points, strict=True), label=name, marker="o" if len(points) < 30 else None, ms=3
                )
        axes.set(title=panel.title, xlabel="minutes")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
        figure.savefig(folder / f"{panel.file_name}.png")
        pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "curves")
    arguments = parser.parse_args()
    plot(arguments.work, arguments.out)


if __name__ == "__main__":
    main()
