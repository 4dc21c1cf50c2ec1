"""A session with everything around it, on virtual time; and clips whose speech a test can count on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from tests.fakes.engine_script import Script, echo_script
from tests.fakes.fake_vad import AmplitudeVad
from tests.fakes.scripted_engine import ScriptedEngine
from translate_svc.confidence import UNCALIBRATED, ConfidenceRule
from translate_svc.languages import packaged
from translate_svc.session.admission import Admission, AdmissionOptions
from translate_svc.session.call_negotiation import CallNegotiator
from translate_svc.session.dependencies import SessionDependencies
from translate_svc.session.negotiation import Negotiator
from translate_svc.session.one_shot import OneShot, OneShotDependencies
from translate_svc.session.options import SessionOptions
from translate_svc.session.quotas.audio_meter import AudioMeter
from translate_svc.session.session import Session
from translate_svc.session.vad_loop import VadLoop
from translate_svc.types import (
    AudioClip,
    AudioFormat,
    AudioInput,
    ClientMessage,
    Closed,
    Encoding,
    EndInput,
    Opened,
    Progress,
    SampleRange,
    Samples,
    SessionEvent,
    SilenceInput,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
    TranslateRequest,
    UtteranceDone,
    UtteranceStatus,
)
from translate_svc.vad.options import VadOptions

RATE_HZ = 16_000
CHUNK_SAMPLES = 1_600

EventT = TypeVar("EventT", bound=SessionEvent)


def config(
    *targets: TargetSettings, input_rate_hz: int = RATE_HZ, output_rate_hz: int = RATE_HZ, **settings: object
) -> StreamConfig:
    """A configuration in s16 at 16 kHz; without targets it translates to Spanish, text and speech."""
    chosen = targets or (TargetSettings("es"),)
    return StreamConfig(
        input=AudioFormat(Encoding.PCM_S16LE, input_rate_hz),
        output=AudioFormat(Encoding.PCM_S16LE, output_rate_hz),
        settings=StreamSettings(targets=chosen, **settings),  # type: ignore[arg-type]
    )


def speech(seconds: float, rate_hz: int = RATE_HZ) -> Samples:
    """What ``AmplitudeVad`` takes for speech at 0.9."""
    return np.full(round(seconds * rate_hz), 0.9, np.float32)


def silence(seconds: float, rate_hz: int = RATE_HZ) -> Samples:
    """Zeros."""
    return np.zeros(round(seconds * rate_hz), np.float32)


def clip(*pieces: Samples) -> Samples:
    """Pieces in a row."""
    return np.concatenate(pieces)


def utterances(count: int, *, speech_s: float = 1.0, pause_s: float = 1.0) -> Samples:
    """``count`` times speech and a pause that ends it."""
    return clip(*[piece for _ in range(count) for piece in (speech(speech_s), silence(pause_s))])


def chunks(samples: Samples, size: int = CHUNK_SAMPLES) -> list[AudioInput]:
    """s16 messages of ``size`` samples."""
    data = np.rint(samples * 32_767).astype("<i2")
    return [AudioInput(data[start : start + size].tobytes()) for start in range(0, len(data), size)]


@dataclass
class House:
    """What a test's sessions share, and what it may look at afterwards."""

    engine: ScriptedEngine
    admission: Admission
    vad_loop: VadLoop
    negotiator: Negotiator
    options: SessionOptions
    sessions: list[Session | OneShot] = field(default_factory=list)

    def open(self, stream: StreamConfig, meter: AudioMeter | None = None) -> Session:
        """A session, as the service opens it."""
        negotiated, settings = self.negotiator.negotiate(stream)
        dependencies = SessionDependencies(
            engine=self.engine,
            vad_stream=self.vad_loop.open_stream(),
            negotiator=self.negotiator,
            options=self.options,
            slot=self.admission.admit(),
            meter=meter,
        )
        session = Session(f"s{len(self.sessions)}", negotiated, settings, dependencies)
        self.sessions.append(session)
        return session

    def translate(self, call: TranslateRequest) -> OneShot:
        """A call of Translate, as the service starts it."""
        call, settings = CallNegotiator(self.negotiator, self.options).negotiate(call)
        gated = isinstance(call.source, AudioClip) and call.guards.voice_gate
        dependencies = OneShotDependencies(
            engine=self.engine,
            options=self.options,
            slot=self.admission.admit(),
            vad_stream=self.vad_loop.open_stream() if gated else None,
        )
        one_shot = OneShot(f"t{len(self.sessions)}", call, settings, dependencies)
        self.sessions.append(one_shot)
        return one_shot

    def assert_nothing_left(self) -> None:
        """No engine request, no slot, no place of the detector, no task of a session."""
        assert not self.engine.live_request_ids
        assert self.admission.live == 0
        assert self.vad_loop.open_streams == 0
        names = {task.get_name() for task in asyncio.all_tasks() if not task.done()}
        assert not [name for name in names if name.startswith(("session-", "translate-"))]


@asynccontextmanager
async def house(
    script: Script = echo_script,
    *,
    options: SessionOptions | None = None,
    vad: AmplitudeVad | None = None,
    initial_credit_pieces: int = 4,
    max_waiting_requests: int = 1_000,
    confidence: ConfidenceRule = UNCALIBRATED,
    vad_options: VadOptions = VadOptions(),  # noqa: B008 - frozen
) -> AsyncIterator[House]:
    """Everything but sessions; whatever was opened is cancelled and accounted for in the end."""
    engine = ScriptedEngine(
        script, initial_credit_pieces=initial_credit_pieces, max_waiting_requests=max_waiting_requests
    )
    chosen = options or SessionOptions()
    negotiator = Negotiator(packaged(), chosen.max_targets, vad_options, confidence=confidence)
    async with VadLoop(vad or AmplitudeVad()) as vad_loop:
        made = House(engine, Admission(AdmissionOptions()), vad_loop, negotiator, chosen)
        try:
            yield made
        finally:
            for session in made.sessions:
                await session.cancel()
        await asyncio.sleep(0)
        made.assert_nothing_left()


def count_samples(messages: Sequence[ClientMessage]) -> int:
    """What ``end.total_samples`` has to say (of s16)."""
    count = 0
    for message in messages:
        if isinstance(message, AudioInput):
            count += len(message.data) // 2
        elif isinstance(message, SilenceInput):
            count += message.samples
    return count


async def collect(session: Session | OneShot) -> list[SessionEvent]:
    """All events until the stream ends."""
    return [event async for event in session.events()]


async def converse(
    session: Session, messages: Sequence[ClientMessage], *, end: bool = True
) -> list[SessionEvent]:
    """Sends ``messages`` (then ``end`` with the right count, or half-closes) while reading all events."""
    reader = asyncio.create_task(collect(session))
    for message in messages:
        await session.receive(message)
    if end:
        await session.receive(EndInput(count_samples(messages)))
    else:
        await session.half_close()
    return await reader


async def speak(
    session: Session, samples: Samples, *, size: int = CHUNK_SAMPLES, rate_hz: int = RATE_HZ
) -> None:
    """Sends audio as it is spoken: a chunk when its last sample has been said."""
    for chunk in chunks(samples, size):
        await asyncio.sleep(len(chunk.data) / 2 / rate_hz)
        await session.receive(chunk)


def of(events: Sequence[SessionEvent], kind: type[EventT]) -> list[EventT]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def texts(events: Sequence[SessionEvent], *, transcript: bool = False) -> dict[tuple[int, str], str]:
    """The texts, by utterance and language."""
    said: dict[tuple[int, str], str] = {}
    for delta in of(events, TextDelta):
        if delta.transcript == transcript:
            key = (delta.utterance_id, delta.language)
            said[key] = said.get(key, "") + delta.delta
    return said


def check_contract(events: Sequence[SessionEvent], *, closed: bool = True) -> None:
    """What holds for every stream, whatever was asked of it."""
    assert isinstance(events[0], Opened)
    assert len(of(events, Opened)) == 1
    assert len(of(events, Closed)) == closed
    assert isinstance(events[-1], Closed) or not closed
    started = [event.utterance_id for event in of(events, SpeechStarted)]
    assert started == list(range(len(started))), "utterances are numbered from 0 in the order of their place"
    _check_ends(events, started, closed=closed)
    _check_cuts(events, closed=closed)
    _check_lanes(events)
    _check_commits(events)
    committed = [event.committed_samples for event in of(events, Progress)]
    assert committed == sorted(set(committed)), "a commit point is reported once, and only forward"
    received = [event.received_samples for event in of(events, Progress)]
    assert received == sorted(received), "what was received never shrinks"
    assert all(event.committed_samples <= event.received_samples for event in of(events, Progress))


def _check_commits(events: Sequence[SessionEvent]) -> None:
    """Who is told that input is committed has had everything that came of it."""
    places = {event.utterance_id: event.position for event in of(events, SpeechStarted)}
    done: set[int] = set()
    for event in events:
        if isinstance(event, UtteranceDone):
            done.add(event.utterance_id)
        elif isinstance(event, Progress):
            assert {number for number, place in places.items() if place < event.committed_samples} <= done


def _check_ends(events: Sequence[SessionEvent], started: list[int], *, closed: bool) -> None:
    done: set[int] = set()
    begun: set[int] = set()
    for event in events:
        number = getattr(event, "utterance_id", None)
        if number is None:
            continue
        assert number not in done, "nothing of an utterance comes after its end"
        if isinstance(event, SpeechStarted):
            begun.add(number)
        assert number in begun, "nothing of an utterance comes before its start"
        if isinstance(event, UtteranceDone):
            done.add(number)
    assert not closed or done == set(started), "every utterance has its end"


def _check_cuts(events: Sequence[SessionEvent], *, closed: bool) -> None:
    """Every start is followed by one cut, which says where the utterance started and ended."""
    running: dict[int, int] = {}
    ranges: dict[int, SampleRange] = {}
    for event in events:
        if isinstance(event, SpeechStarted):
            running[event.utterance_id] = event.position
        elif isinstance(event, SpeechEnded):
            assert event.source.start == running.pop(event.utterance_id), "one cut for each start"
            ranges[event.utterance_id] = event.source
        elif isinstance(event, UtteranceDone):
            assert event.source == ranges[event.utterance_id], "cut before it is done"
    assert not closed or not running, "every start is followed by a cut"


def _check_lanes(events: Sequence[SessionEvent]) -> None:
    """Per language and kind: utterances in order, one final each, speech without gaps."""
    latest: dict[tuple[object, ...], int] = {}
    final: set[tuple[object, ...]] = set()
    next_sample: dict[tuple[object, ...], int] = {}
    for event in events:
        if not isinstance(event, TextDelta | SpeechChunk):
            continue
        lane = (type(event), event.language, isinstance(event, TextDelta) and event.transcript)
        place = (*lane, event.utterance_id)
        assert event.utterance_id >= latest.get(lane, 0), "utterance n comes before n + 1"
        latest[lane] = event.utterance_id
        assert place not in final, "nothing comes after final"
        if event.final:
            final.add(place)
        if isinstance(event, SpeechChunk):
            assert event.start_sample == next_sample.get(place, 0)
            next_sample[place] = event.start_sample + event.sample_count
    good = {event.utterance_id for event in of(events, UtteranceDone) if event.status is UtteranceStatus.OK}
    begun = {place for place in next_sample if place[-1] in good}
    assert begun <= final, "each speech that began has a last chunk"
