"""Guards against invented text, as a stream sees them: warnings, and guards that are switched off.

The complaints are those of users of SeamlessM4T, by the number of their report at
github.com/facebookresearch/seamless_communication.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, samples_of
from tests.fakes.fake_vad import AmplitudeVad, SmoothedAmplitudeVad
from tests.session.harness import (
    House,
    check_contract,
    chunks,
    clip,
    config,
    converse,
    house,
    of,
    silence,
    speech,
    texts,
    utterances,
)
from tests.session.source_driver import Driver, comparable, heard_by, talk
from tests.virtual_time import virtual_time
from translate_svc.engine.events import StopReason
from translate_svc.engine.request import Request
from translate_svc.engine.sequence_spec import TextGuards
from translate_svc.session.inbound.utterance_source import UtteranceSource
from translate_svc.session.voice_gate import MIN_VOICED_FRAMES
from translate_svc.types import (
    FRAME_SAMPLES,
    ClientMessage,
    FinalizeInput,
    GuardSettings,
    Inspect,
    Samples,
    Segmentation,
    SessionEvent,
    SilenceInput,
    SpeechChunk,
    StreamSettings,
    StreamWarning,
    TargetSettings,
    TextDelta,
    UpdateInput,
    UtteranceDone,
    UtteranceStatus,
)
from translate_svc.vad.options import VadOptions

MANUAL = Segmentation.MANUAL
ALL_GUARDS = GuardSettings()
NO_GUARDS = GuardSettings(False, False, False, False)


def stream(
    messages: Sequence[ClientMessage],
    *sequences: ScriptedSequence,
    guards: GuardSettings = ALL_GUARDS,
    **settings: Any,
) -> tuple[list[SessionEvent], House]:
    """A whole stream, eng to spa; every request is answered by ``sequences``."""

    def script(request: Request) -> ScriptedRequest:
        return ScriptedRequest(sequences or (ScriptedSequence(),) * len(request.sequences))

    async def scenario() -> tuple[list[SessionEvent], House]:
        async with house(script) as home:
            return await converse(home.open(config(guards=guards, **settings)), messages), home

    with virtual_time() as runner:
        events, home = runner.run(scenario())
    check_contract(events)
    return events, home


def codes(events: Sequence[SessionEvent]) -> list[tuple[str, int | None, str | None]]:
    return [(each.code, each.utterance_id, each.language) for each in of(events, StreamWarning)]


# ------------------------------------------------------------------ what the engine's guards did


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (StopReason.REPETITION, "repetition_stopped"),
        (StopReason.LENGTH, "length_stopped"),
        (StopReason.TOKEN_LIMIT, "text_truncated"),
    ],
)
def test_a_text_that_was_ended_is_spoken_and_warned_of(stop: StopReason, code: str) -> None:
    """Complaints 84 and 104 (loops) and 254 (invented text): the client is told."""
    said = ScriptedSequence(deltas=("secret", " secret"), stop=stop)
    events, _ = stream(chunks(utterances(1)), said)
    assert codes(events) == [(code, 0, "spa")]
    assert "secret" not in of(events, StreamWarning)[0].message
    assert texts(events) == {(0, "spa"): "secret secret"}
    assert of(events, SpeechChunk)[-1].final
    assert of(events, UtteranceDone)[0].status is UtteranceStatus.OK


def test_a_text_in_the_wrong_script_is_not_spoken_and_warned_of() -> None:
    """Complaint 501: another language than was asked for."""
    events, _ = stream(chunks(utterances(1)), ScriptedSequence(deltas=("секрет",), unexpected_script=True))
    assert codes(events) == [("unexpected_script", 0, "spa")]
    assert texts(events) == {(0, "spa"): "секрет"}
    assert of(events, SpeechChunk) == []
    assert of(events, UtteranceDone)[0].status is UtteranceStatus.OK


def test_two_guards_may_act_on_one_text() -> None:
    both = ScriptedSequence(stop=StopReason.REPETITION, unexpected_script=True)
    events, _ = stream(chunks(utterances(1)), both)
    assert [code for code, *_ in codes(events)] == ["repetition_stopped", "unexpected_script"]


@pytest.mark.parametrize("name", ["repetition_stop", "length_stop", "script_check"])
def test_each_guard_is_switched_by_its_stream_for_every_text(name: str) -> None:
    guards = dataclasses.replace(NO_GUARDS, **{name: True})
    _, home = stream(
        chunks(utterances(1)), guards=guards, include=frozenset({Inspect.TRANSCRIPT}), source_language="eng"
    )
    (request,) = home.engine.submitted
    assert [spec.language for spec in request.sequences] == ["spa", "eng"]
    assert {spec.guards for spec in request.sequences} == {TextGuards(**{name: True})}


def test_guards_are_on_unless_switched_off_and_change_with_an_update() -> None:
    update = UpdateInput(StreamSettings((TargetSettings("es"),), guards=NO_GUARDS))
    _, home = stream([*chunks(utterances(1)), update, *chunks(utterances(1))])
    first, second = (request.sequences[0].guards for request in home.engine.submitted)
    assert (first, second) == (TextGuards(True, True, True), TextGuards())


# ------------------------------------------------------------------ the voice gate


def hum(seconds: float) -> Samples:
    """Loud, but not taken for speech."""
    return np.full(round(seconds * 16_000), 0.3, np.float32)


@pytest.mark.parametrize("nobody", [silence(2.0), hum(2.0)], ids=["silence", "noise"])
def test_silence_or_noise_yields_no_invented_text(nobody: Samples) -> None:
    """Complaint 254: push-to-talk without a word."""
    events, home = stream([*chunks(nobody), FinalizeInput()], segmentation=MANUAL)
    assert home.engine.submitted == []
    assert codes(events) == [("no_speech", 0, None)]
    assert of(events, UtteranceDone)[0].status is UtteranceStatus.EMPTY
    assert [(delta.delta, delta.final) for delta in of(events, TextDelta)] == [("", True)]


def test_without_the_gate_the_client_alone_decides() -> None:
    off = dataclasses.replace(NO_GUARDS)
    events, home = stream([*chunks(hum(2.0)), FinalizeInput()], segmentation=MANUAL, guards=off)
    assert len(home.engine.submitted) == 1
    assert codes(events) == []


def test_one_short_word_in_a_long_recording_is_speech() -> None:
    word = speech(MIN_VOICED_FRAMES * FRAME_SAMPLES / 16_000)
    recording = clip(hum(4.096), word, hum(4.096))
    events, home = stream([*chunks(recording), FinalizeInput()], segmentation=MANUAL)
    assert [len(samples_of(request)) for request in home.engine.submitted] == [len(recording)]
    assert codes(events) == []


def test_a_click_that_starts_an_utterance_is_no_speech() -> None:
    """With the detector cutting, too: one frame above the threshold and a hesitant tail. Clicks before it,
    which start nothing, are not counted in.
    """
    clicks = [silence(0.512), speech(0.032)] * 4
    tail = np.full(2_048, 0.4, np.float32)
    events, home = stream(chunks(clip(*clicks, silence(1.024), speech(0.032), tail, silence(1.024))))
    assert home.engine.submitted == []
    assert codes(events) == [("no_speech", 0, None)]


def test_declared_silence_is_not_judged_frame_by_frame() -> None:
    messages: list[ClientMessage] = [SilenceInput(16_000 * 600), FinalizeInput()]
    events, home = stream(messages, segmentation=MANUAL)
    vad = home.vad_loop._vad
    assert isinstance(vad, AmplitudeVad)
    assert vad.batch_sizes == []
    assert {code for code, *_ in codes(events)} == {"no_speech"}
    assert len(of(events, UtteranceDone)) == 600 // 15 + 1


@given(
    st.lists(st.tuples(st.sampled_from([0.02, 0.42, 0.9]), st.integers(20, 1_500)), min_size=1, max_size=6),
    st.lists(st.floats(0, 1), max_size=3).map(sorted),
    st.sampled_from([8_000, 16_000, 48_000]),
    st.lists(st.integers(300, 9_000), min_size=1, max_size=3),
)
@settings(max_examples=30)
def test_the_gate_cuts_nothing_differently_and_a_replay_counts_the_same(
    parts: list[tuple[float, int]], places: list[float], rate_hz: int, sizes: list[int]
) -> None:
    audio = talk(parts, rate_hz)
    finalizes = [int(place * len(audio)) for place in places]

    def play(voice_gate: bool, start: int = 0) -> Driver:
        options = VadOptions(max_utterance_ms=2_500)
        source = UtteranceSource(
            rate_hz, heard_by(options, MANUAL, voice_gate=voice_gate), start_position=start
        )
        driver = Driver(source, SmoothedAmplitudeVad())
        position = start
        for place in (each for each in finalizes if each >= start):
            driver.push(audio[position:place], sizes)
            source.finalize()
            position = place
        driver.push(audio[position:], sizes)
        source.end()
        driver.pull()
        return driver

    gated, free = play(voice_gate=True), play(voice_gate=False)
    assert comparable(gated.events) == comparable(free.events)
    assert free.frames == [] and all(each.voiced_frames is None for each in free.utterances)  # noqa: PT018
    voiced = [each.voiced_frames for each in gated.utterances]
    assert None not in voiced
    for index, utterance in enumerate(gated.utterances):
        replayed = play(voice_gate=True, start=utterance.commit_position)
        assert [each.voiced_frames for each in replayed.utterances] == voiced[index + 1 :]
