"""The starter checkpoint truly translates: held-out sentences in held-out voices, through the real service.

The thresholds stand below the figures of docs/quality.md by what a set of this size may scatter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.quality.clip import Clip, by_direction, load_clips
from benchmarks.quality.measure import SpeechFigures, measure_empty, measure_speech, measure_text
from benchmarks.quality.scores import text_scores
from translate_svc.config import Settings
from translate_svc.service import Service

pytestmark = [pytest.mark.quality, pytest.mark.timeout(300)]

DATA = Path(__file__).parents[1] / "data" / "quality"
STARTER = Path(__file__).parents[2] / "model_cache" / "starter"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service.start(Settings(model=str(STARTER))) as service:
        yield service


def assert_good(rows: list[SpeechFigures], *, bleu: float, transcript_wer: float) -> None:
    for row in rows:
        assert row.scores.bleu >= bleu, row
        assert row.transcript_wer is not None
        assert row.transcript_wer <= transcript_wer, row


async def test_single_sentences_and_the_round_trip_of_their_speech(service: Service) -> None:
    rows = await measure_speech(service, "one", load_clips(DATA, "one"), speech=True)
    assert {row.direction for row in rows} == {"eng-spa", "spa-eng"}
    assert_good(rows, bleu=92.0, transcript_wer=4.0)
    for row in rows:
        assert row.round_trip_wer is not None
        assert row.round_trip_wer <= 7.0, row


async def test_several_sentences_with_pauses(service: Service) -> None:
    clips = load_clips(DATA, "several")
    assert_good(await measure_speech(service, "several", clips), bleu=82.0, transcript_wer=12.0)
    assert_good(await measure_speech(service, "cut", clips, manual=False), bleu=80.0, transcript_wer=12.0)


@pytest.mark.parametrize(("stem", "bleu"), [("one", 97.0), ("several", 88.0)])
async def test_written_sentences(service: Service, stem: str, bleu: float) -> None:
    for direction, clips in by_direction(load_clips(DATA, stem)).items():
        scores = await measure_text(service, clips)
        assert scores.bleu >= bleu, (direction, scores)


async def test_nothing_is_said_about_silence_and_noise(service: Service) -> None:
    clips = load_clips(DATA, "speechless")
    silence = [clip for clip in clips if clip.name.startswith("silence")]
    noise = [clip for clip in clips if clip.name.startswith("noise")]
    assert len(silence) >= 10
    assert len(noise) >= 20
    assert (await measure_empty(service, "silence", silence, manual=True)).empty >= 99.0
    assert (await measure_empty(service, "noise", noise, manual=True)).empty >= 90.0
    assert (await measure_empty(service, "cut", clips, manual=False)).empty >= 99.0


def test_the_measure_refutes_shuffled_references() -> None:
    """Perfect translations of the wrong sentences must not pass: phrasebook sentences are alike."""
    for clips in by_direction(load_clips(DATA, "one")).values():
        references = [clip.translation for clip in clips]
        assert text_scores(references, references).bleu == pytest.approx(100.0)
        assert text_scores(references, references[1:] + references[:1]).bleu < 30.0


async def test_the_service_does_not_pass_against_shuffled_references(service: Service) -> None:
    clips = by_direction(load_clips(DATA, "one"))["eng", "spa"]
    shuffled = [
        Clip(
            clip.name,
            clip.samples,
            clip.source_language,
            clip.target_language,
            other.transcript,
            other.translation,
        )
        for clip, other in zip(clips, clips[1:] + clips[:1], strict=True)
    ]
    with pytest.raises(AssertionError):
        assert_good(await measure_speech(service, "one", shuffled), bleu=92.0, transcript_wer=4.0)
