"""The metrics of ``make simultaneous`` on hand-made events: they see late, lost, doubled and altered words."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.quality.report import fill
from benchmarks.simultaneous.audio_clock import AudioClockLoop
from benchmarks.simultaneous.bars import bars, capacity
from benchmarks.simultaneous.curves import draw
from benchmarks.simultaneous.figures import (
    OFFLINE,
    CapacityFigures,
    CostFigures,
    Figures,
    PacedFigures,
    SpeechFigures,
    TextFigures,
    load,
    save,
)
from benchmarks.simultaneous.joins import Joined, join, key, lags_ms, slope_ms_per_s, source_words
from benchmarks.simultaneous.listen import (
    SIMULTANEOUS,
    UTTERANCE,
    heard_ms,
    is_served,
    listen,
    stream_settings,
)
from benchmarks.simultaneous.longform import longform_scores
from benchmarks.simultaneous.measure import is_computing, run, service_of
from benchmarks.simultaneous.monologues import (
    SAMPLES_PER_MS,
    VARIANTS,
    Monologue,
    Sentence,
    monologues,
    shipped_clips,
)
from benchmarks.simultaneous.report import PAGE, RESULTS, blocks
from benchmarks.simultaneous.speech import Sound, play, sentence_sounds, word_sounds_ms
from benchmarks.simultaneous.words import Delta, Word, flicker, texts_of, words_of
from training.starter.grammar import LANGUAGES
from translate_svc.types import TargetSettings

STARTER = Path(__file__).parents[2] / "model_cache" / "starter"
SENTENCES = (
    Sentence({"spa": "uno dos tres cuatro"}, 0, 4000),
    Sentence({"spa": "cinco seis siete ocho"}, 4200, 8200),
)
REFERENCE = source_words(SENTENCES, "spa")
KNOWN = [True] * len(REFERENCE)


def deltas(*pieces: tuple[str, float], utterance_id: int = 0) -> list[Delta]:
    """Text and when it was decided on; the last one is final."""
    told = [Delta(utterance_id, text, heard_ms, heard_ms) for text, heard_ms in pieces]
    return [*told[:-1], replace(told[-1], final=True)]


def prompt(texts: list[str], lag_ms: float = 1000) -> list[Delta]:
    """A word a step, each so long after its source."""
    moments = [word.said_ms + lag_ms for word in REFERENCE]
    pairs = zip(texts, moments, strict=False)
    return deltas(*((f" {text}", moment) for text, moment in pairs))


def joined(told: list[Delta]) -> Joined:
    return join(REFERENCE, words_of(told), KNOWN)


GOOD = ["uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho"]


def test_words_are_known_when_their_last_letter_is() -> None:
    words = words_of(deltas((" u", 100), ("no dos", 200), (".", 300)))
    assert [(word.text, word.heard_ms, word.place) for word in words] == [("uno", 200, 1), ("dos.", 300, 5)]


def test_words_of_different_utterances_are_never_one() -> None:
    told = deltas(("uno", 100)) + deltas(("dos", 200), utterance_id=1)
    assert [word.text for word in words_of(told)] == ["uno", "dos"]


def test_good_deltas_do_not_flicker() -> None:
    assert flicker(deltas((" uno", 100), (" dos", 200), (".", 300), ("", 300))) == 0
    assert flicker(deltas((" o", 100), ("cho", 100))) == 0, "tokens of one decision"


@pytest.mark.parametrize(
    "told",
    [
        deltas((" casa", 100), ("s", 200)),
        [*deltas((" casa", 100)), Delta(0, " roja", 200, 200)],
        deltas((" casa", 300), (" roja", 200)),
        [Delta(0, " casa", heard_ms=300, arrived_ms=200, final=True)],
    ],
    ids=["grows a word", "after the last one", "goes back", "comes before it was heard"],
)
def test_an_altered_delta_is_flicker(told: list[Delta]) -> None:
    assert flicker(told) == 1


def test_source_is_said_in_step_with_the_letters() -> None:
    assert [round(word.said_ms) for word in REFERENCE[:4]] == [750, 1500, 2500, 4000]
    assert REFERENCE[4].said_ms == pytest.approx(4200 + 4000 * 5 / 18)


def test_prompt_words_are_all_found_and_their_lag_is_told() -> None:
    told = words_of(prompt(GOOD))
    result = join(REFERENCE, told, KNOWN)
    assert result == Joined(tuple((place, place) for place in range(8)), (), ())
    moments = [word.heard_ms for word in told]
    assert lags_ms(REFERENCE, moments, result.pairs) == pytest.approx([1000] * 8)
    assert slope_ms_per_s(REFERENCE, moments, result.pairs) == pytest.approx(0, abs=1e-6)


def test_a_late_word_is_seen() -> None:
    told = prompt(GOOD)
    told[3] = replace(told[3], heard_ms=told[3].heard_ms + 5000)
    words = words_of(told)
    lags = lags_ms(REFERENCE, [word.heard_ms for word in words], join(REFERENCE, words, KNOWN).pairs)
    assert lags[3] == pytest.approx(6000)
    assert np.percentile(lags, 90) > 1000


def test_lag_that_grows_has_a_slope() -> None:
    words = words_of(prompt(GOOD))
    moments = [word.said_ms * 1.01 for word in REFERENCE]
    assert slope_ms_per_s(REFERENCE, moments, join(REFERENCE, words, KNOWN).pairs) == pytest.approx(10)


def test_a_lost_word_is_seen() -> None:
    assert joined(prompt([word for word in GOOD if word != "cinco"])).lost == (4,)
    assert joined(prompt(GOOD[:-1])).lost == (7,)


def test_a_word_that_the_model_never_finds_is_not_lost_at_a_join() -> None:
    known = [word.key != "cinco" for word in REFERENCE]
    told = words_of(prompt([word for word in GOOD if word != "cinco"]))
    assert join(REFERENCE, told, known).lost == ()


def test_a_word_left_out_within_one_decision_is_not_lost_at_a_join() -> None:
    assert joined(deltas(("uno dos cuatro cinco seis siete ocho", 9000))).lost == ()


def test_a_doubled_word_is_seen() -> None:
    result = joined(deltas(*((f" {word}", 100.0) for word in [*GOOD[:4], *GOOD[3:]])))
    assert len(result.doubled) == 1
    assert len(result.pairs) == 8
    twice = joined(deltas(*((f" {word}", 100.0) for word in [*GOOD[:4], "tres", "cuatro", *GOOD[4:]])))
    assert len(twice.doubled) == 2


def test_another_word_too_many_is_not_doubled() -> None:
    assert joined(deltas(*((f" {word}", 100.0) for word in [*GOOD[:4], "y", *GOOD[4:]]))).doubled == ()


def test_nothing_told_is_nothing_found() -> None:
    assert join(REFERENCE, [], KNOWN).pairs == ()
    assert [key(each) for each in ("¿Qué?", "l'été", "...")] == ["qué", "lété", ""]


# ------------------------------------------------------------------ speech


def sound(start: int, count: int, heard_ms: float, durations: tuple[int, ...] = ()) -> Sound:
    return Sound(0, start, np.zeros(count, np.float32), heard_ms, heard_ms + 50, durations)


def test_speech_is_played_when_it_is_there_and_what_was_before_has_ended() -> None:
    second = SAMPLES_PER_MS * 1000
    pieces = [sound(0, second, 2000), sound(second, second, 2500), sound(2 * second, second, 9000)]
    assert [each.starts_ms for each in play(pieces)] == [2000, 3000, 9000]
    assert [each.starts_ms for each in play(pieces, arrivals=True)] == [2050, 3050, 9050]


def test_a_word_sounds_where_its_characters_do() -> None:
    told = deltas(("uno dos", 2000))
    words, texts = words_of(told), texts_of(told)
    total = 320 * 80
    even = play([sound(0, total // 2, 2000), sound(total // 2, total // 2, 9000)])
    assert word_sounds_ms(words, texts, even) == pytest.approx([2000, 9000 + (4 / 7 - 0.5) * 1600])
    durations = (10, 10, 10, 20, 10, 5, 5, 10)  # a space first
    known = play([sound(0, total, 2000, durations)])
    assert word_sounds_ms(words, texts, known) == pytest.approx([2200, 2000 + 60 * 20])


def test_speech_is_cut_into_its_sentences() -> None:
    told = deltas(("Uno. Dos tres", 2000))
    found = sentence_sounds(words_of(told), texts_of(told), [sound(0, 1300, 2000)])
    assert [(text, len(samples)) for text, samples in found] == [("Uno.", 500), ("Dos tres", 800)]


# ------------------------------------------------------------------ the field's tool


def heard_words(lag_ms: float) -> list[Word]:
    return words_of(prompt(GOOD, lag_ms))


def test_omnisteval_tells_quality_and_lag() -> None:
    samples = np.zeros(12_000 * SAMPLES_PER_MS, np.float32)
    monologue = Monologue("one", "eng", samples, SENTENCES)
    prompt_scores = longform_scores([(monologue, heard_words(500))], "spa")
    late = longform_scores([(monologue, heard_words(2500))], "spa")
    assert prompt_scores.bleu == pytest.approx(100)
    assert late.yaal_ms == pytest.approx(prompt_scores.yaal_ms + 2000), "the last words count as well"
    assert late.ca_yaal_ms == late.yaal_ms


# ------------------------------------------------------------------ sets and clock


def test_monologues_are_long_seeded_and_spoken_on() -> None:
    clips = shipped_clips("spa")
    made, again = (monologues(clips, VARIANTS[0], 2) for _ in range(2))
    assert all(each.duration_ms >= 60_000 for each in made)
    assert [np.array_equal(a.samples, b.samples) for a, b in zip(made, again, strict=True)] == [True, True]
    assert made[0].sentences != made[1].sentences
    for each in made:
        pairs = zip(each.sentences, each.sentences[1:], strict=False)
        assert all(100 <= after.start_ms - before.end_ms <= 400 for before, after in pairs)
        texts = {sentence.texts["spa"] for sentence in each.sentences}
        assert texts == {clip.transcript for clip in clips}
        alone = each.alone(each.sentences[1])
        begin = np.flatnonzero(each.samples[: 30_000 * SAMPLES_PER_MS] == alone[0])
        assert any(np.array_equal(each.samples[at : at + len(alone)], alone) for at in begin)


def test_the_clock_waits_for_what_is_computed_and_for_nothing_else() -> None:
    busy = threading.Event()

    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, AudioClockLoop)
        with loop.audio_time(busy.is_set):
            started_s = loop.time()
            await asyncio.sleep(3600)
            slept_s = loop.time() - started_s
            done: asyncio.Future[None] = loop.create_future()

            def compute() -> None:
                time.sleep(0.1)
                loop.call_soon_threadsafe(done.set_result, None)
                busy.clear()

            busy.set()
            thread = threading.Thread(target=compute)
            thread.start()
            later = asyncio.create_task(asyncio.sleep(1))
            await done
            computed_s = loop.time() - started_s - slept_s
            await later
            thread.join()
        return slept_s, computed_s

    started_s = time.monotonic()
    with asyncio.Runner(loop_factory=AudioClockLoop) as runner:
        slept_s, computed_s = runner.run(main())
    assert time.monotonic() - started_s < 60
    assert slept_s == pytest.approx(3600)
    assert computed_s == 0


def test_utterance_mode_answers_when_the_segmenter_has_heard_the_end() -> None:
    """The whole way, on the audio clock: two sentences, a pause of a second between them."""
    first, second = monologues(shipped_clips("eng"), VARIANTS[1], 1)[0].sentences[:2]
    whole = monologues(shipped_clips("eng"), VARIANTS[1], 1)[0].samples
    samples = whole[: round((second.end_ms + 200) * SAMPLES_PER_MS)]

    async def measure(loop: AudioClockLoop) -> Figures:
        async with service_of(STARTER) as service:
            settings = stream_settings(UTTERANCE, "eng", TargetSettings("spa", speech=False))
            with loop.audio_time(partial(is_computing, service)):
                heard = await listen(service, samples, settings)
        words = words_of(heard.deltas)
        moments = sorted({round(word.arrived_ms) for word in words})
        assert heard.utterances == len(moments) == 2
        assert first.end_ms + 400 < moments[0] < first.end_ms + 700
        assert moments[1] == round(len(samples) / SAMPLES_PER_MS)
        assert flicker(heard.deltas) == 0
        return Figures()

    run(measure)


# ------------------------------------------------------------------ bars and pages


def text_row(mode: str, direction: tuple[str, str], **changes: float) -> TextFigures:
    row = TextFigures(
        mode, VARIANTS[0].name, *direction, bleu=96.0, yaal_ms=1400.0, lag_ms=1300.0, p90_lag_ms=2400.0,
        found=95.0, words=200, lost=0, doubled=0, flicker=0, warnings=0,
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type]


def good() -> Figures:
    """Figures that meet every bar."""
    directions = [(a, b) for a in LANGUAGES for b in LANGUAGES if a != b]
    modes = (UTTERANCE.name, SIMULTANEOUS.name)
    rows = [text_row(mode, each) for mode in modes for each in directions]
    rows += [text_row(OFFLINE, each, bleu=100.0) for each in directions]
    return Figures(
        text=tuple(rows),
        paced=tuple(PacedFigures(mode, "eng", "spa", 2, 1400.0, 1500.0) for mode in modes),
        speech=tuple(
            SpeechFigures(mode, "eng", "spa", 10.1, 2400.0, 3000.0, 0.5, 0.1, 4.0) for mode in modes
        ),
        cost=(CostFigures(modes[0], "text", 1.0, 100.0), CostFigures(modes[1], "text", 2.9, 100.0)),
        capacity=tuple(CapacityFigures(modes[1], each, 1300.0, 1500.0) for each in (1, 4, 8)),
    )


def missed(figures: Figures) -> list[str]:
    return [bar.name for bar in bars(figures) if not bar.is_met]


def test_good_figures_meet_every_bar_and_none_at_all_meet_no_bar() -> None:
    assert missed(good()) == []
    assert len(missed(Figures())) == len(bars(Figures()))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"bleu": 94.0}, "BLEU, share of offline, each direction"),
        ({"yaal_ms": 1501.0}, "LongYAAL, each direction"),
        ({"p90_lag_ms": 2501.0}, "lag of a word, p90, each direction"),
        ({"flicker": 1}, "flicker"),
        ({"lost": 1}, "words lost or doubled at joins"),
        ({"doubled": 1}, "words lost or doubled at joins"),
    ],
)
def test_one_bad_direction_misses_its_bar(changes: dict[str, float], name: str) -> None:
    rows = [
        text_row(row.mode, (row.source, row.target), **changes)
        if (row.mode, row.direction) == (SIMULTANEOUS.name, "fra-deu")
        else row
        for row in good().text
    ]
    assert missed(replace(good(), text=tuple(rows))) == [name]


def test_speech_cost_and_streams_have_bars() -> None:
    figures = good()
    own = figures.speech[1]
    for changes in ({"lag_ms": 2501.0}, {"slope_ms_per_s": 1.1}, {"round_trip_wer": 5.1}):
        speech = (figures.speech[0], replace(own, **changes))  # type: ignore[arg-type]
        assert len(missed(replace(figures, speech=speech))) == 1
    assert missed(replace(figures, speech=(figures.speech[0], replace(own, minutes=1.0)))) != []
    dear = replace(figures.cost[1], engine_s=3.1)
    assert missed(replace(figures, cost=(figures.cost[0], dear))) == ["engine time, times utterance mode"]
    late = (*figures.capacity[:2], replace(figures.capacity[2], ca_lag_ms=1601.0))
    assert missed(replace(figures, capacity=late)) == ["streams on one core"]
    assert capacity(replace(figures, capacity=late), SIMULTANEOUS.name) == 4


def test_figures_are_kept_and_drawn(tmp_path: Path) -> None:
    path = tmp_path / "simultaneous.json"
    save(good(), path)
    assert load(path) == good()
    draw(good(), path.with_suffix(".png"))
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_every_block_of_the_page_is_written() -> None:
    content = blocks(good())
    page = PAGE.read_text(encoding="utf-8")
    assert fill(page, content) != page
    assert all(f"<!-- simultaneous:{name} -->" in page for name in content)
    assert all("eng-spa" in content[name] for name in ("directions", "paced", "speech"))


def test_the_page_shows_the_kept_results() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert fill(page, blocks(load(RESULTS))) == page, "run `python -m benchmarks.simultaneous.report`"


def test_what_the_service_says_that_it_had_heard_counts() -> None:
    told: Any = SimpleNamespace(heard_through_sample=16_000)
    assert heard_ms(told, arrived_ms=1300) == 1000


def test_utterance_mode_is_always_served() -> None:
    assert is_served(UTTERANCE)
