"""The real service on the starter checkpoint: real detector, real engine, no transport."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.service.float_streams import F32, clip, converse
from tests.session.harness import check_contract, collect, of
from translate_svc.cli.labelled_clips import score
from translate_svc.confidence import Logistic, Threshold
from translate_svc.config import Settings
from translate_svc.engine.request import SourceText
from translate_svc.errors import CheckpointError, InvalidArgument, Unavailable
from translate_svc.service import Service
from translate_svc.types import (
    ANONYMOUS,
    AudioClip,
    AudioFormat,
    AudioInput,
    BeamSearchSettings,
    Caller,
    Encoding,
    Inspect,
    SessionEvent,
    SpeechChunk,
    StreamConfig,
    StreamSettings,
    StreamWarning,
    TargetSettings,
    Term,
    TextDelta,
    TranslateRequest,
    UtteranceDone,
    UtteranceStatus,
)

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Settings(model=str(ROOT / "model_cache" / "starter"), max_streams=8)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[Service]:
    async with Service.start(SETTINGS) as running:
        yield running


def _config(*targets: str, source: str = "eng", output: AudioFormat = F32) -> StreamConfig:
    settings = StreamSettings(
        tuple(TargetSettings(tag) for tag in targets),
        source_language=source,
        include=frozenset(Inspect) - {Inspect.DRAFTS, Inspect.ALTERNATIVES},
    )
    return StreamConfig(F32, output, settings)


async def _hear(service: Service, name: str, config: StreamConfig) -> list[SessionEvent]:
    return await converse(await service.open_session(config, ANONYMOUS), clip(name))


async def test_silence_and_noise_come_to_nothing(service: Service) -> None:
    for name in ("silence", "noise"):
        events = await _hear(service, name, _config("spa"))
        check_contract(events)
        assert "".join(delta.delta for delta in of(events, TextDelta)) == ""
        assert of(events, SpeechChunk) == []


async def test_streams_cancelled_at_any_moment_leave_the_engine_empty(service: Service) -> None:
    samples = clip("eng_two")
    for count in (1, 2, 4, 7, 12, 20):
        session = await service.open_session(_config("spa", "eng"), ANONYMOUS)
        for start in range(0, len(samples), 16_000):
            await session.receive(AudioInput(samples[start : start + 16_000].tobytes()))
        await session.half_close()
        taken = 0
        async for _ in session.events():
            taken += 1
            if taken == count:
                break
        await session.cancel()
        assert service.live_sessions == 0
        assert service.info().load.live_requests == 0


async def test_a_stream_that_is_refused_takes_no_slot(service: Service) -> None:
    for config, field in (
        (_config("por"), "config.settings.targets[0].language"),
        (_config("spa", source="por"), "config.settings.source_language"),
        (replace(_config("spa"), resume_token=b"x"), "config.resume_token"),
        (replace(_config("spa"), input=AudioFormat(Encoding.OPUS, 16_000)), "config.input.sample_rate_hz"),
    ):
        with pytest.raises(Exception, match=field.replace("[", r"\[").replace("]", r"\]")):
            await service.open_session(config, ANONYMOUS)
        assert service.live_sessions == 0


async def test_info_tells_what_is_served(service: Service) -> None:
    info = service.info()
    assert info.model.name == "starter"
    assert info.model.license == "apache-2.0"
    assert info.limits.max_streams == 8
    assert {language.code: language.speaker_ids for language in service.languages()} == {
        "eng": (0, 1),
        "spa": (0, 1),
        "fra": (0, 1),
        "deu": (0, 1),
    }
    assert all(language.speech_out and language.text for language in service.languages())


async def test_leaving_drops_what_is_open_and_draining_takes_nothing_new() -> None:
    before = asyncio.all_tasks()
    async with Service.start(replace(SETTINGS, max_streams=2)) as service:
        session = await service.open_session(_config("spa"), ANONYMOUS)
        await session.receive(AudioInput(clip("eng_1").tobytes()[:64_000]))
        service.drain(Unavailable("the server is draining"))
        with pytest.raises(Unavailable, match="draining"):
            await service.open_session(_config("spa"), ANONYMOUS)
    assert service.live_sessions == 0
    assert service.refusal is not None
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert len(await collect(session)) == 0


async def test_a_service_that_has_ended_holds_no_session() -> None:
    async with Service.start(SETTINGS) as service:
        session = await service.open_session(_config("spa"), ANONYMOUS)
        held = weakref.ref(session)
        await session.cancel()
        del session
    gc.collect()
    assert (service.live_sessions, held()) == (0, None)


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"model": "no-such-model"}, CheckpointError, "model"),
        ({"model": str(ROOT / "tests" / "data")}, CheckpointError, "config.json"),
        ({"device": "cuda:99"}, InvalidArgument, "device"),
        ({"device": "toaster"}, InvalidArgument, "device"),
        ({"dtype": "float12"}, InvalidArgument, "dtype"),
    ],
)
async def test_a_service_that_cannot_be_built_says_why(
    changes: dict[str, str], error: type[Exception], field: str
) -> None:
    with pytest.raises(error) as caught:
        async with Service.start(replace(SETTINGS, **changes)):  # type: ignore[arg-type]
            pass
    assert getattr(caught.value, "field", None) == field


@pytest.mark.parametrize("name", ["demo_spa", "spa_two", "deu_two", "eng_three"])
async def test_a_text_as_long_as_its_speech_is_not_warned_of(service: Service, name: str) -> None:
    """These have the fewest tokens a second of all clips."""
    source = name.replace("demo_", "")[:3]
    targets = [code for code in ("eng", "spa", "fra", "deu") if code != source]
    events = await _hear(service, name, _config(*targets, source=source))
    assert of(events, TextDelta)
    assert of(events, StreamWarning) == []


@pytest.mark.parametrize("warns", [True, False])
async def test_the_checkpoints_confidence_reaches_the_stream(
    monkeypatch: pytest.MonkeyPatch, service: Service, warns: bool
) -> None:
    strict = replace(service.negotiator.confidence, threshold=Threshold(99.0, 0.0))
    assert strict.calibrated
    monkeypatch.setattr(
        service, "negotiator", replace(service.negotiator, confidence=strict, warn_low_confidence=warns)
    )
    events = await _hear(service, "eng_1", _config("spa"))
    (done,) = of(events, UtteranceDone)
    assert [(each.language, each.transcript, each.calibrated) for each in done.confidences] == [
        ("spa", False, True),
        ("eng", True, True),
    ]
    assert all(0.5 < each.confidence < 1 for each in done.confidences)
    codes = [(each.code, each.language) for each in of(events, StreamWarning)]
    assert codes == ([("low_confidence", "spa"), ("low_confidence", "eng")] if warns else [])


async def test_the_agreement_of_transcript_and_translation_reaches_the_stream(
    monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    never = replace(service.negotiator.confidence, with_agreement=Logistic(-40.0, (0.0,) * 10))
    monkeypatch.setattr(service, "negotiator", replace(service.negotiator, confidence=never))
    before = service.info().load.finished_requests
    events = await _hear(service, "eng_1", _config("spa", "deu"))
    (done,) = of(events, UtteranceDone)
    said = {each.language: each.confidence for each in done.confidences}
    assert said["spa"] == said["deu"] == pytest.approx(0, abs=1e-9)
    assert said["eng"] > 0.5
    load = service.info().load
    assert (load.live_requests, load.finished_requests) == (0, before + 1), "an utterance is one"


async def test_a_given_text_scores_what_decoding_says_of_it_and_another_one_less(service: Service) -> None:
    source = SourceText("Where is the station?", "eng")
    call = TranslateRequest(
        source.text, (TargetSettings("spa", speech=False),), F32, "eng", frozenset({Inspect.TOKENS})
    )
    events = await collect(await service.translate(call, Caller("test")))
    tokens = [token for event in of(events, TextDelta) for token in event.tokens]
    scores = await score(service.engine, source, "spa", [token.token_id for token in tokens])
    assert len(scores) == len(tokens) + 1, "its end"
    assert scores[:-1] == pytest.approx([token.log_probability for token in tokens], abs=1e-4)
    assert scores[-1] > -0.5
    for wrong in ([tokens[0].token_id], [token.token_id for token in tokens[::-1]]):
        assert min(await score(service.engine, source, "spa", wrong)) < -2
    with pytest.raises(InvalidArgument):
        await score(service.engine, SourceText("", "eng"), "spa", [5])


@pytest.mark.parametrize("beams", [1, 4])
async def test_a_text_in_its_own_language_is_spoken_as_it_is(service: Service, beams: int) -> None:
    """Decoded freely, it says in its first sentence that the beach was not forgotten, and ends as a loop."""
    text = "Meine Schwester hat die Straßenbahn nicht verpasst. " + "Nein, " * 49 + "nein."
    targets = (TargetSettings("deu", speaker_id=1), TargetSettings("eng"))
    search = BeamSearchSettings(beams) if beams > 1 else None
    include = frozenset({Inspect.ALTERNATIVES} if beams > 1 else ())
    call = TranslateRequest(text, targets, F32, "deu", include, beam_search=search)
    events = await collect(await service.translate(call, Caller("test")))
    said = [event.delta for event in of(events, TextDelta) if event.language == "deu"]
    assert "".join(said) == text
    (done,) = of(events, UtteranceDone)
    assert done.status is UtteranceStatus.OK
    assert [each.language for each in done.confidences] == ["eng"], "it is nobody's guess"
    assert not [each for each in of(events, StreamWarning) if each.language == "deu"]
    chunks = [event for event in of(events, SpeechChunk) if event.language == "deu"]
    first = AudioClip(F32, b"".join(chunk.data for chunk in chunks)[: 4 * 16_000 * 3])
    heard = TranslateRequest(first, (), F32, "deu", frozenset({Inspect.TRANSCRIPT}))
    events = await collect(await service.translate(heard, Caller("test")))
    assert "".join(event.delta for event in of(events, TextDelta)).startswith(text[:50])


async def test_beams_and_their_alternatives_reach_the_stream(service: Service) -> None:
    settings = StreamSettings(
        (TargetSettings("spa"),),
        include=frozenset({Inspect.ALTERNATIVES}),
        beam_search=BeamSearchSettings(4),
    )
    events = await _hear(service, "eng_two", StreamConfig(F32, F32, settings))
    check_contract(events)
    done = of(events, UtteranceDone)
    assert done
    for each in done:
        (found,) = each.alternatives
        told = [delta for delta in of(events, TextDelta) if delta.utterance_id == each.utterance_id]
        assert (found.language, found.transcript) == ("spa", False)
        assert len(found.alternatives) == 4
        assert found.alternatives[0].text == "".join(delta.delta for delta in told)
        assert sorted((one.score for one in found.alternatives), reverse=True) == [
            one.score for one in found.alternatives
        ]
        assert any(chunk.utterance_id == each.utterance_id for chunk in of(events, SpeechChunk))


async def test_terms_reach_texts_and_clips_and_bring_no_transcript(service: Service) -> None:
    """The first sentence of the clip is: there is no market near here."""
    terms = (Term("market", "mercadillo", "es"), Term("bakery", "tahona"))
    settings = StreamSettings((TargetSettings("spa"),), "eng", terms=terms)
    events = await _hear(service, "eng_two", StreamConfig(F32, F32, settings))
    check_contract(events)
    texts = of(events, TextDelta)
    assert {(each.language, each.transcript) for each in texts} == {("spa", False)}
    assert "mercadillo" in "".join(each.delta for each in texts)
    assert all(len(each.confidences) == 1 for each in of(events, UtteranceDone))
    targets = (TargetSettings("spa", speech=False),)
    call = TranslateRequest("The bakery is open. Where is the bakery?", targets, F32, "eng", terms=terms)
    told = of(await collect(await service.translate(call, Caller("test"))), TextDelta)
    assert "".join(each.delta for each in told) == "La tahona está abierta. ¿Dónde está la tahona?"
    wrong = replace(call, terms=(Term("bakery", "пекарня"),))
    with pytest.raises(InvalidArgument) as caught:
        await service.translate(wrong, Caller("test"))
    assert caught.value.field == "terms[0].target"


async def test_importing_the_service_loads_no_model_library() -> None:
    heavy = "{'torch', 'transformers', 'onnxruntime'}"
    code = f"import sys, translate_svc.service; print(*{heavy} & set(sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert (process.returncode, output.split()) == (0, [])
