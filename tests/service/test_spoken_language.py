"""The real service finds out which language it hears: transcripts, conversations, and no echo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.clips import texts
from tests.service.float_streams import F32, clip, converse
from tests.session.harness import check_contract, of
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument
from translate_svc.service import Service
from translate_svc.types import (
    ANONYMOUS,
    AUTO,
    Echo,
    Inspect,
    LanguageDetected,
    Samples,
    SessionEvent,
    SimultaneousSettings,
    SpeechChunk,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
    UtteranceDone,
)

STARTER = str(Path(__file__).resolve().parents[2] / "model_cache" / "starter")
GAP = np.zeros(12_800, np.float32)
TRANSCRIPT = frozenset({Inspect.TRANSCRIPT})

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[Service]:
    async with Service.start(Settings(model=STARTER, max_streams=8)) as running:
        yield running


def clips(*names: str) -> Samples:
    return np.concatenate([part for name in names for part in (clip(name), GAP)])


async def hear(service: Service, samples: Samples, settings: StreamSettings) -> list[SessionEvent]:
    session = await service.open_session(StreamConfig(F32, F32, settings), ANONYMOUS)
    events = await converse(session, samples)
    check_contract(events)
    return events


def written(events: list[SessionEvent], *, transcript: bool) -> list[dict[str, str]]:
    """By utterance, the texts by language."""
    found: defaultdict[int, defaultdict[str, str]] = defaultdict(lambda: defaultdict(str))
    for delta in of(events, TextDelta):
        if delta.transcript is transcript:
            found[delta.utterance_id][delta.language] += delta.delta
    return [dict(each) for _, each in sorted(found.items())]


async def test_a_transcript_needs_no_named_language(service: Service) -> None:
    settings = StreamSettings((TargetSettings("deu", speech=False),), AUTO, TRANSCRIPT)
    events = await hear(service, clips("eng_1", "spa_1", "fra_2"), settings)
    heard = of(events, LanguageDetected)
    assert [each.language for each in heard] == ["eng", "spa", "fra"]
    assert all(each.sure and each.probability > 0.6 for each in heard)
    spoken = [texts(name) for name in ("eng_1", "spa_1", "fra_2")]
    assert written(events, transcript=True) == [
        {language: said[language]} for language, said in zip(("eng", "spa", "fra"), spoken, strict=True)
    ]
    assert written(events, transcript=False) == [{"deu": said["deu"]} for said in spoken]


@pytest.mark.parametrize("simultaneous", [None, SimultaneousSettings()], ids=["whole", "growing"])
async def test_each_utterance_of_a_conversation_goes_into_the_other_language(
    service: Service, simultaneous: SimultaneousSettings | None
) -> None:
    settings = StreamSettings(
        (TargetSettings("eng"), TargetSettings("spa")),
        AUTO,
        TRANSCRIPT,
        simultaneous=simultaneous,
        source_candidates=("en", "es"),
        echo=Echo.SILENT,
    )
    names = ("eng_1", "spa_1", "spa_two", "eng_3")
    spoken = ("eng", "spa", "spa", "eng")
    events = await hear(service, clips(*names), settings)
    last = {each.utterance_id: each.language for each in of(events, LanguageDetected)}
    assert tuple(last.values()) == spoken
    others = [{"eng": "spa", "spa": "eng"}[language] for language in spoken]
    assert [list(each) for each in written(events, transcript=False)] == [[other] for other in others]
    assert [list(each) for each in written(events, transcript=True)] == [[each] for each in spoken]
    voiced = dict.fromkeys((chunk.utterance_id, chunk.language) for chunk in of(events, SpeechChunk))
    assert list(voiced) == list(enumerate(others))
    first_texts = {delta.utterance_id: events.index(delta) for delta in reversed(of(events, TextDelta))}
    for each in of(events, LanguageDetected)[:1]:
        assert events.index(each) < first_texts[each.utterance_id]
    said = "".join(written(events, transcript=True)[0].values()).split()
    assert said == texts("eng_1")["eng"].split(), "the words before the decision are not lost"


@pytest.mark.parametrize(
    ("name", "language"), [("eng_1", "eng"), ("eng_3", "eng"), ("fra_2", "fra"), ("deu_2", "deu")]
)
async def test_nothing_is_told_before_it_is_known_that_nothing_is_to_be_told(
    service: Service, name: str, language: str
) -> None:
    targets = (TargetSettings(language, speech=False),)
    settings = StreamSettings(targets, AUTO, simultaneous=SimultaneousSettings(), echo=Echo.SILENT)
    events = await hear(service, clips(name), settings)
    assert of(events, LanguageDetected)[-1].language == language
    assert not any(delta.delta for delta in of(events, TextDelta))


async def test_what_is_none_of_the_candidates_is_told_to_be_unsure(service: Service) -> None:
    settings = StreamSettings(
        (TargetSettings("eng", speech=False),), AUTO, TRANSCRIPT, source_candidates=("eng", "spa")
    )
    events = await hear(service, clips("deu_1"), settings)
    assert [(each.language, each.sure) for each in of(events, LanguageDetected)] == [("", False)]
    assert written(events, transcript=True) == []
    assert written(events, transcript=False) == [{"eng": texts("deu_1")["eng"]}]


@pytest.mark.parametrize("source", ["spa", AUTO])
async def test_a_target_that_is_spoken_already_is_text_alone_if_asked(service: Service, source: str) -> None:
    targets = (TargetSettings("spa"), TargetSettings("eng"))
    events = await hear(service, clips("spa_1"), StreamSettings(targets, source, echo=Echo.TEXT))
    assert written(events, transcript=False) == [{code: texts("spa_1")[code] for code in ("spa", "eng")}]
    assert {chunk.language for chunk in of(events, SpeechChunk)} == {"eng"}


@pytest.mark.parametrize("source", ["spa", AUTO])
@pytest.mark.parametrize("simultaneous", [None, SimultaneousSettings()], ids=["whole", "growing"])
async def test_the_speakers_own_sound_takes_the_place_of_an_echo(
    service: Service, source: str, simultaneous: SimultaneousSettings | None
) -> None:
    targets = (TargetSettings("spa"), TargetSettings("eng"))
    settings = StreamSettings(targets, source, echo=Echo.PASS, simultaneous=simultaneous)
    heard = clips("spa_1", "spa_two")
    events = await hear(service, heard, settings)
    own = [chunk for chunk in of(events, SpeechChunk) if chunk.language == "spa"]
    for done in of(events, UtteranceDone):
        chunks = [chunk for chunk in own if chunk.utterance_id == done.utterance_id]
        assert [chunk.final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        passed = np.frombuffer(b"".join(chunk.data for chunk in chunks), np.float32)
        end = done.source.end if simultaneous is None else done.source.start + len(passed)
        assert done.source.end <= end < done.source.end + 8_000, "at most the silence that ended it is more"
        assert np.array_equal(passed, heard[done.source.start : end])
        if simultaneous is not None:
            assert len([chunk for chunk in chunks if chunk.sample_count]) > 1, "while the speaker speaks"
    assert set(written(events, transcript=False)[0]) == {"spa", "eng"}
    assert {chunk.language for chunk in of(events, SpeechChunk)} == {"spa", "eng"}


async def test_what_is_not_spoken_already_is_spoken_where_sound_may_be_passed(service: Service) -> None:
    settings = StreamSettings((TargetSettings("spa"),), AUTO, echo=Echo.PASS)
    events = await hear(service, clips("eng_1"), settings)
    samples = np.frombuffer(b"".join(chunk.data for chunk in of(events, SpeechChunk)), np.float32)
    plain = await hear(service, clips("eng_1"), StreamSettings((TargetSettings("spa"),), AUTO))
    assert np.array_equal(
        samples, np.frombuffer(b"".join(chunk.data for chunk in of(plain, SpeechChunk)), np.float32)
    )


async def test_nobody_hears_of_languages_who_does_not_ask(service: Service) -> None:
    events = await hear(service, clips("spa_1"), StreamSettings((TargetSettings("eng"),), "spa"))
    assert of(events, LanguageDetected) == []


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"source_language": AUTO, "source_candidates": ("eng", "tlh")}, r"source_candidates\[1\]"),
        ({"source_language": AUTO, "source_candidates": ("eng", "en")}, r"source_candidates\[1\]"),
        ({"source_language": "eng", "source_candidates": ("eng",)}, "source_candidates"),
    ],
)
async def test_candidates_that_cannot_be(service: Service, settings: dict[str, object], field: str) -> None:
    wanted = StreamSettings((TargetSettings("eng"),), **settings)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=field):
        await service.open_session(StreamConfig(F32, F32, wanted), ANONYMOUS)
