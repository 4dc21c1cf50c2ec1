"""The report of ``make quality``: bars, the kept results, and the pages that show them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.quality.bars import bars
from benchmarks.quality.figures import (
    ConfidenceFigures,
    EmptyFigures,
    Figures,
    FileFigures,
    IdentityFigures,
    PieceFigures,
    PrecisionFigures,
    RecognizerFigures,
    ReliabilityFigures,
    RoundTripFigures,
    SizeFigures,
    TranscriptFigures,
    TranslationFigures,
    VocoderFigures,
    load,
    save,
    total,
)
from benchmarks.quality.measures.scores import TextScores, text_scores, word_error_rate
from benchmarks.quality.report import PAGES, RESULTS, blocks, fill

LANGUAGES = ("eng", "spa", "fra", "deu")
DIRECTIONS = [(source, target) for source in LANGUAGES for target in LANGUAGES if source != target]
CONFIDENCE_SETS = ("one", "template", "synthesizer", "free")
SETS = ("one", "template", "several", "several, cut", "noise10", "telephone", "mixed", "synthesizer")


def translations(
    names: tuple[str, ...], bleu: float = 99.0, exact: float = 90.0
) -> tuple[TranslationFigures, ...]:
    scores = TextScores(bleu, bleu, exact, 300)
    return tuple(
        TranslationFigures(name, source, target, scores)
        for name in names
        for source, target in DIRECTIONS
        if name != "synthesizer" or source == "eng"
    )


def good() -> Figures:
    """Figures that meet every bar."""
    kinds = ("silence", "noise", "music", "foreign", "free")
    return Figures(
        speech=translations(SETS) + translations(("stock",), exact=98.0),
        text=translations(("one", "template")) + translations(("stock",), exact=98.0),
        transcripts=tuple(
            TranscriptFigures(name, language, 1.0, 300)
            for name in SETS
            for language in LANGUAGES
            if name != "synthesizer" or language == "eng"
        ),
        round_trips=tuple(
            RoundTripFigures(language, speaker, 1.0, 100) for language in LANGUAGES for speaker in (0, 1)
        ),
        empty=tuple(EmptyFigures(f"{kind}{cut}", 100.0, 900) for kind in kinds for cut in ("", ", cut")),
        pieces=tuple(
            PieceFigures(name, language, 90.0, 1.0, 500, 100)
            for name in ("half", "window")
            for language in LANGUAGES
        ),
        confidence=(
            *(
                ConfidenceFigures(name, 97.0, 93.0, 85.0, 84.0, 5.0, 95.0, 80.0, 81.0, 40, 1200)
                for name in CONFIDENCE_SETS[:-1]
            ),
            ConfidenceFigures("several", 86.0, 84.0, 50.0, 49.0, 6.0, 70.0, 50.0, 53.0, 500, 1200),
            ConfidenceFigures("free", None, None, 85.0, 84.0, None, 97.0, 9.0, 0.0, 40, 1200),
            ConfidenceFigures("stock", 86.0, 84.0, 50.0, 49.0, 6.0, 92.0, 50.0, 53.0, 500, 1200),
        ),
        reliability=(ReliabilityFigures("known", 80.0, 93.0, 92.0, 900),),
        recognizer=(RecognizerFigures(0, 21.5, 20.0, 90), RecognizerFigures(1, 90.0, 70.0, 90)),
        identity=tuple(IdentityFigures(language, 100.0, 40) for language in LANGUAGES),
        vocoder=(VocoderFigures(30.0),),
        files=tuple(
            FileFigures(name, source, target, 97.0, 92.0, 98.0, 95.0, 50.0 if gapless else 91.0, 1.1, 72)
            for name, gapless in (("short gaps", True), ("real pauses", False))
            for source, target in DIRECTIONS
        ),
        precisions=tuple(
            PrecisionFigures(
                name,
                source,
                target,
                None if source == target else 95.0,
                2.0 if source == target else None,
                99.0,
                22,
            )
            for name in ("float32", "int8")
            for source in LANGUAGES
            for target in LANGUAGES
        ),
        simultaneous_precisions=tuple(
            PrecisionFigures(name, source, target, 80.0, None, None, 1)
            for name in ("float32", "int8")
            for source, target in DIRECTIONS
        ),
        size=(SizeFigures(14_000_000, 28_000_000, 300, 20, dict.fromkeys(LANGUAGES, 600)),),
    )


def missed(figures: Figures) -> list[str]:
    return [bar.name for bar in bars(figures) if not bar.is_met]


def test_good_figures_meet_every_bar_and_none_at_all_meet_no_bar() -> None:
    assert missed(good()) == []
    assert len(missed(Figures())) == len(bars(Figures()))


@pytest.mark.parametrize(
    ("field", "index", "changes", "name"),
    [
        ("transcripts", 2, {"wer": 3.1}, "transcripts, WER, each language"),
        ("empty", 2, {"empty": 94.9}, "empty on noise"),
        ("files", 3, {"found": 60.0}, "files without long pauses, sentences found"),
        (
            "files",
            4,
            {"bleu": 80.0},
            "files without long pauses, BLEU beside each sentence alone, each direction",
        ),
        ("confidence", 1, {"area": 94.9}, "right from wrong, held-out templates, area under the curve"),
        ("precisions", 31, {"wer": 2.6}, "int8, transcripts, WER gained, each language"),
        ("precisions", 30, {"bleu": 94.1}, "int8, BLEU lost, each direction"),
        ("confidence", 4, {"told": 89.9}, "empty or flagged, talk outside the phrasebook"),
        ("confidence", 5, {"told": 89.9}, "right, empty or flagged, stock phrases by speech"),
    ],
)
def test_one_bad_row_misses_its_bar_alone(
    field: str, index: int, changes: dict[str, float], name: str
) -> None:
    figures = good()
    rows = list(getattr(figures, field))
    rows[index] = replace(rows[index], **changes)
    assert missed(replace(figures, **{field: tuple(rows)})) == [name]


def test_parts_add_up_and_are_kept(tmp_path: Path) -> None:
    whole = good()
    assert total([Figures(speech=whole.speech), replace(whole, speech=())]) == whole
    save(whole, tmp_path / "quality.json")
    assert load(tmp_path / "quality.json") == whole


def test_blocks_are_filled_again_and_again_and_what_is_around_them_stays() -> None:
    end = "<!-- quality end -->\n"
    page = f"head\n<!-- quality:bars -->\n{end}tail\n<!-- quality:empty -->\n{end}"
    content = blocks(good())
    once = fill(page, content)
    assert fill(once, content) == once
    assert once.startswith("head\n<!-- quality:bars -->\n| what | bar |")
    assert "<!-- quality end -->\ntail\n" in once
    assert "| silence | 900 | 100.0 | 100.0 |\n" in once
    with pytest.raises(KeyError):
        fill("<!-- quality:nonsense -->\n<!-- quality end -->", content)
    with pytest.raises(ValueError, match="no block"):
        fill("a page", content)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_pages_show_what_was_measured(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert fill(text, blocks(load(RESULTS))) == text, "run `python -m benchmarks.quality.report`"


def test_every_table_is_on_a_page() -> None:
    texts = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in blocks(load(RESULTS)) if f"<!-- quality:{name} -->" not in texts] == []


def test_errors_are_counted_over_all_words_without_case_and_punctuation() -> None:
    assert word_error_rate(["Où est la gare?", "Ja."], ["où est la gare", "Nein."]) == pytest.approx(20.0)
    scores = text_scores(["Wo ist der Bahnhof?", "Ja, gern."], ["Wo ist der Bahnhof?", "ja, gern."])
    assert (scores.exact, scores.count) == (50.0, 2)
