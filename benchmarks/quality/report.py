"""``python -m benchmarks.quality.report``: the tables of docs/quality.md, of the pages in docs/quality/ and
of the starter's model card, from benchmarks/results/quality.json.

A page holds ``<!-- quality:NAME -->`` and ``<!-- quality end -->``; what stands between them is written here.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.quality.bars import Bar, bars, bleu
from benchmarks.quality.figures import Figures, TranslationFigures, load

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "quality.json"
_CARD = ROOT / "training" / "starter" / "model_card.md"
_CARD_COPY = ROOT / "model_cache" / "starter" / "README.md"
PAGES = (ROOT / "docs" / "quality.md", *sorted((ROOT / "docs" / "quality").glob("*.md")), _CARD)

_BLOCK = re.compile(r"(<!-- (?P<page>\w+):(?P<name>\w+) -->\n).*?(?=<!-- (?P=page) end -->)", re.DOTALL)

_SPOKEN = {
    "one": "one sentence",
    "template": "one sentence, held-out template",
    "several": "two to four sentences",
    "several, cut": "two to four sentences, cut by the VAD",
    "noise10": "noise at 10 dB",
    "telephone": "telephone",
    "mixed": "mixed conditions",
    "synthesizer": "unseen synthesizers",
    "stock": "stock phrases",
}
_SPEECHLESS = {
    "silence": "silence",
    "noise": "noise",
    "music": "music",
    "foreign": "other languages",
    "free": "talk outside the phrasebook",
}
_RELIABILITY = {"known": "all but held-out templates", "template": "held-out templates"}
_PIECES = {"half": "cut anywhere", "window": "cut anywhere at both ends, with a history"}


def blocks(figures: Figures) -> dict[str, str]:
    """Every block by its name, as Markdown."""
    return {
        "size": _size(figures),
        "bars": bar_table(bars(figures)),
        "directions": _directions(figures),
        "sets": _sets(figures),
        "transcripts": _transcripts(figures),
        "voices": _voices(figures),
        "empty": _empty(figures),
        "files": _files(figures),
        "pieces": _pieces(figures),
        "confidence": _confidence(figures),
        "reliability": _reliability(figures),
        "precisions": precision_table(figures),
    }


def fill(page: str, content: Mapping[str, str]) -> str:
    """``page`` with its blocks filled. Raises KeyError for a block that nobody writes, ValueError for a page
    without any.
    """
    filled, count = _BLOCK.subn(lambda match: match[1] + content[match["name"]], page)
    if not count:
        raise ValueError("the page has no block to fill")
    return filled


def write_pages(figures: Figures) -> None:
    """Fills docs/quality.md, its further pages and the model card, and copies the card to the checkpoint."""
    content = blocks(figures)
    for path in PAGES:
        path.write_text(fill(path.read_text(encoding="utf-8"), content), encoding="utf-8")
    if _CARD_COPY.parent.is_dir():
        shutil.copyfile(_CARD, _CARD_COPY)


def bar_table(rows: Iterable[Bar]) -> str:
    """Each bar with its value, and whether it is met."""
    lines = [
        (
            bar.name,
            f"{'<=' if bar.at_most else '>='} {bar.bar:g} {bar.unit}".rstrip(),
            "not measured" if bar.value is None else f"{bar.value:.1f}",
            "yes" if bar.is_met else "**no**",
        )
        for bar in rows
    ]
    return table(("what", "bar", "measured", "met"), lines)


def _size(figures: Figures) -> str:
    """A sentence; none where it was not measured."""
    return "".join(
        f"It has {size.parameters / 1e6:.1f} million parameters, {size.weight_bytes / 1e6:.1f} MB in "
        f"float16, and knows {size.templates - size.held_out_templates} sentence patterns, beside "
        f"{size.held_out_templates} that are held out, with "
        f"{', '.join(f'{count} {language}' for language, count in size.word_forms.items())} word forms.\n"
        for size in figures.size
    )


def _directions(figures: Figures) -> str:
    """A row a direction: what most readers look for."""
    spoken = {(row.set_name, row.direction): row.scores for row in figures.speech}
    written = {(row.set_name, row.direction): row.scores for row in figures.text}
    lines = []
    for direction in dict.fromkeys(row.direction for row in figures.speech if row.set_name == "one"):
        one = spoken["one", direction]
        lines.append(
            (
                direction.replace("-", " to "),
                f"{one.bleu:.1f}",
                f"{one.chrf:.1f}",
                f"{one.exact:.1f}",
                *(f"{spoken[name, direction].bleu:.1f}" for name in ("template", "several")),
                *(f"{written[name, direction].bleu:.1f}" for name in ("one", "template")),
            )
        )
    head = (
        "direction", "one sentence, BLEU", "chrF", "exact %", "held-out template, BLEU",
        "two to four sentences, BLEU", "text to text, BLEU", "held-out template",
    )  # fmt: skip
    return table(head, lines)


def _sets(figures: Figures) -> str:
    """A row a set: over its directions."""
    lines = [_set_row(f"speech: {title}", figures.speech, name) for name, title in _SPOKEN.items()]
    lines += [_set_row(f"text: {_SPOKEN[name]}", figures.text, name) for name in ("one", "template", "stock")]
    head = ("set", "directions", "clips each", "BLEU, least", "BLEU, mean", "chrF, mean", "exact %, mean")
    return table(head, lines)


def _set_row(title: str, rows: Sequence[TranslationFigures], name: str) -> tuple[str, ...]:
    values = bleu(rows, name)
    scores = [row.scores for row in rows if row.set_name == name]
    return (
        title,
        str(len(scores)),
        str(max(score.count for score in scores)),
        f"{min(values):.1f}",
        *(
            f"{sum(column) / len(scores):.1f}"
            for column in (values, [score.chrf for score in scores], [score.exact for score in scores])
        ),
    )


def _transcripts(figures: Figures) -> str:
    wer = {(row.set_name, row.language): f"{row.wer:.1f}" for row in figures.transcripts}
    languages = list(dict.fromkeys(row.language for row in figures.transcripts if row.set_name == "one"))
    lines = [
        (title, *(wer.get((name, language), "") for language in languages)) for name, title in _SPOKEN.items()
    ]
    return table(("transcripts, WER %", *languages), lines)


def _voices(figures: Figures) -> str:
    heard = {("eng", row.speaker_id): row for row in figures.recognizer}
    lines = []
    for row in figures.round_trips:
        other = heard.get((row.language, row.speaker_id))
        beside = ("", "") if other is None else (f"{other.wer:.1f}", f"{other.synthesizer_wer:.1f}")
        lines.append((row.language, str(row.speaker_id), f"{row.wer:.1f}", *beside))
    head = (
        "language", "speaker id", "round trip, WER %", "PocketSphinx, WER %", "the synthesizer's own, WER %",
    )  # fmt: skip
    return table(head, lines)


def _empty(figures: Figures) -> str:
    rows = {row.set_name: row for row in figures.empty}
    lines = [
        (title, str(rows[name].count), f"{rows[name].empty:.1f}", f"{rows[f'{name}, cut'].empty:.1f}")
        for name, title in _SPEECHLESS.items()
        if name in rows
    ]
    return table(("nothing to translate", "texts", "model alone, empty %", "behind the VAD, empty %"), lines)


def _files(figures: Figures) -> str:
    lines = [
        (
            row.set_name,
            f"{row.source} to {row.target}",
            str(row.sentences),
            *(f"{value:.1f}" for value in (row.found, row.offline_found, row.bleu, row.offline_bleu)),
            f"{row.live_bleu:.1f}",
            f"{row.time_share:.2f}",
        )
        for row in figures.files
    ]
    head = (
        "recordings", "direction", "sentences", "found, %", "alone, %", "BLEU", "alone, BLEU",
        "live cuts, BLEU", "time beside live cuts",
    )  # fmt: skip
    return table(head, lines)


def _pieces(figures: Figures) -> str:
    lines = [
        (title, row.source, str(row.count), f"{row.found:.1f}", f"{row.invented:.1f}")
        for name, title in _PIECES.items()
        for row in figures.pieces
        if row.set_name == name
    ]
    head = (
        "pieces of speech",
        "language",
        "pieces",
        "settled words written, %",
        "invented, % of the words written",
    )
    return table(head, lines)


def _confidence(figures: Figures) -> str:
    titles = _SPOKEN | _SPEECHLESS
    lines = [
        (
            titles[row.set_name],
            str(row.count),
            str(row.wrong),
            *(
                "" if value is None else f"{value:.1f}"
                for value in (
                    row.mean_area, row.area, row.flagged, row.warned, row.false_alarms, row.told, row.said,
                    row.right,
                )
            ),
        )
        for row in figures.confidence
    ]  # fmt: skip
    head = (
        "set", "texts", "wrong", "area, mean log-probability", "area, confidence",
        "wrong ones flagged at 5 % false alarms", "wrong ones warned of", "right ones warned of", "told",
        "said", "right",
    )  # fmt: skip
    return table(head, lines)


def _reliability(figures: Figures) -> str:
    lines = [
        (
            _RELIABILITY[row.sets],
            f"{row.low:.0f} to {row.low + 20:.0f}",
            str(row.count),
            f"{row.said:.0f}",
            f"{row.right:.0f}",
        )
        for row in figures.reliability
    ]
    return table(("sets", "confidence, %", "texts", "said on average, %", "right, %"), lines)


def precision_table(figures: Figures) -> str:
    """A row a precision."""
    lines = []
    for name in dict.fromkeys(row.precision for row in figures.precisions):
        rows = [row for row in figures.precisions if row.precision == name]
        live = [row.bleu for row in figures.simultaneous_precisions if row.precision == name and row.bleu]
        texts = sum(row.count for row in rows)
        figures_of = (
            _average([row.bleu for row in rows if row.bleu is not None]),
            _average([row.wer for row in rows if row.wer is not None]),
            sum(row.count * (row.equal or 0.0) for row in rows) / texts,
        )
        spoken = f"{_average(live):.1f}" if live else ""
        lines.append((name, *(f"{each:.1f}" for each in figures_of), spoken, str(texts)))
    head = ("precision", "BLEU, mean", "transcripts, WER %", "texts equal to float32's, %",
            "simultaneous, BLEU, mean", "texts")  # fmt: skip
    return table(head, lines)


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ("---",) * len(head), *lines))


if __name__ == "__main__":
    write_pages(load(RESULTS))
