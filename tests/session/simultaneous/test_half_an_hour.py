"""Half an hour of simultaneous translation on virtual time: speech, silence, noise, updates, clears.

The scripted engine numbers what it commits, so a word that is lost or said twice is seen.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle
from types import BuiltinFunctionType, FunctionType, ModuleType

import numpy as np
import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, samples_of
from tests.session.harness import House, check_contract, chunks, clip, config, house, of, silence, speech
from tests.virtual_time import virtual_time
from translate_svc.engine.request import HypothesisRequest, Request
from translate_svc.session.session import Session
from translate_svc.types import (
    Cleared,
    ClearInput,
    ClientMessage,
    EndInput,
    EndReason,
    FinalizeInput,
    Progress,
    Samples,
    SessionEvent,
    SilenceInput,
    SimultaneousSettings,
    SpeechChunk,
    SpeechEnded,
    StreamConfig,
    StreamSettings,
    StreamWarning,
    TargetSettings,
    TextDelta,
    Updated,
    UpdateInput,
    UtteranceDone,
    UtteranceStatus,
)

# It computes for some twenty seconds; the rest is for a busy machine.
pytestmark = pytest.mark.timeout(600)

ROUNDS = 3
"""Of ten minutes each."""

RATE_HZ, CHUNK_SAMPLES = 16_000, 3_200
STEP_SAMPLES, MOST_SAMPLES = 25 * 512, 6 * RATE_HZ
ASKED = SimultaneousSettings(step_ms=800, max_buffer_ms=6_000)
NOISE_LEVEL = 0.6
"""The detector takes it for speech; the script has nothing to say about it."""

SPANISH, FRENCH, JAPANESE = TargetSettings("es"), TargetSettings("fr"), TargetSettings("ja", speech=False)
TOKENS = 3
"""Of a sentence; a hypothesis commits one."""

# ------------------------------------------------------------------------------------------ what is said


def noise(seconds: float) -> Samples:
    """Loud, and nobody speaks."""
    return np.full(round(seconds * RATE_HZ), NOISE_LEVEL, np.float32)


def two_voices(seconds: float) -> Samples:
    """Somebody speaks over somebody else: louder at times, and no pause."""
    samples = speech(seconds)
    for start in range(0, len(samples), 3 * RATE_HZ):
        samples[start : start + RATE_HZ] = 1.0
    return samples


def translated_to(*targets: TargetSettings) -> UpdateInput:
    return UpdateInput(StreamSettings(targets, simultaneous=ASKED))


def ten_minutes() -> Iterator[ClientMessage]:
    """Everything once. Positions are multiples of a chunk."""
    yield from chunks(speech(100), CHUNK_SAMPLES)
    yield from chunks(clip(*[speech(4.2), silence(0.8)] * 8), CHUNK_SAMPLES)
    yield translated_to(SPANISH, FRENCH)
    yield from chunks(clip(speech(5), silence(1), two_voices(40), noise(6), silence(2)), CHUNK_SAMPLES)
    yield from chunks(speech(20), CHUNK_SAMPLES)
    yield translated_to(FRENCH, JAPANESE)  # amid speech: from the next cut on
    yield from chunks(speech(20), CHUNK_SAMPLES)
    yield FinalizeInput()
    yield from chunks(speech(10), CHUNK_SAMPLES)
    yield ClearInput()
    yield from chunks(clip(speech(7), noise(12), speech(3.4), silence(20)), CHUNK_SAMPLES)
    yield SilenceInput(290 * RATE_HZ)
    yield translated_to(SPANISH)
    yield from chunks(clip(noise(2), silence(2), speech(15.6), silence(4)), CHUNK_SAMPLES)


def a_sentence(request: Request) -> ScriptedRequest:
    """Commits the next sentence of each target, numbered, unless the last step was mostly noise."""
    assert isinstance(request, HypothesisRequest)
    loud = np.abs(samples_of(request)[-STEP_SAMPLES:]) > NOISE_LEVEL + 0.05
    speaks = loud.mean() > 0.3
    return ScriptedRequest(
        tuple(
            ScriptedSequence(
                (f" a{number}", f" b{number}", ".") if speaks else (),
                (20,),
                held=(" perhaps",),
                token_frames=5 / TOKENS,
            )
            for number in (each.committed_tokens // TOKENS for each in request.hypothesis.sequences)
        ),
        0.1,
    )


# ------------------------------------------------------------------------------------------ what is checked


_NO_STATE = (type, ModuleType, FunctionType, BuiltinFunctionType, asyncio.AbstractEventLoop, asyncio.Task)


def size_bytes(root: object, *shared: object) -> int:
    """Memory that is reached from ``root``, without what others share with it."""
    seen = {id(each) for each in shared}
    found, total = [root], 0
    while found:
        each = found.pop()
        if id(each) in seen or isinstance(each, _NO_STATE):
            continue
        seen.add(id(each))
        total += sys.getsizeof(each)
        found += gc.get_referents(each)
    return total


@dataclass
class Watched:
    """A stream with its sender, its reader and what they saw."""

    home: House
    session: Session
    sent_samples: int = 0
    events: list[SessionEvent] = field(default_factory=list)
    sizes_bytes: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    heard: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def send(self, message: ClientMessage) -> None:
        """At the pace of its audio."""
        if isinstance(message, SilenceInput):
            seconds, self.sent_samples = message.samples / RATE_HZ, self.sent_samples + message.samples
        else:
            data = getattr(message, "data", b"")
            seconds, self.sent_samples = len(data) / 2 / RATE_HZ, self.sent_samples + len(data) // 2
        await asyncio.sleep(seconds)
        await self.session.receive(message)

    async def read(self) -> None:
        async for event in self.session.events():
            if isinstance(event, TextDelta | SpeechChunk):
                self._check_heard(event)
            self.events.append(replace(event, data=b"") if isinstance(event, SpeechChunk) else event)

    def _check_heard(self, event: TextDelta | SpeechChunk) -> None:
        heard = event.heard_through_sample
        if heard > self.sent_samples:
            self.wrong.append(f"{heard} heard, {self.sent_samples} sent: {event}")
        lane = f"{type(event).__name__} {event.language}"
        if heard < self.heard[lane]:
            self.wrong.append(f"{heard} heard, before that {self.heard[lane]}: {event}")
        self.heard[lane] = heard

    def measure(self) -> None:
        home = self.home
        home.engine.submitted.clear()
        home.engine.aborted.clear()
        home.engine.granted.clear()
        shared = home, home.engine, home.vad_loop, home.admission, home.negotiator, home.options, self.events
        self.sizes_bytes.append(size_bytes(self.session, *shared))


def stream_of(*targets: TargetSettings) -> StreamConfig:
    return config(*targets, simultaneous=ASKED)


async def half_an_hour(requests: list[Request]) -> Watched:
    """``requests`` are kept without their audio."""

    def script(request: Request) -> ScriptedRequest:
        assert len(samples_of(request)) <= MOST_SAMPLES
        requests.append(replace(request, source=samples_of(request)[:0]))
        return a_sentence(request)

    async with house(script) as home:
        watched = Watched(home, home.open(stream_of(SPANISH)))
        reading = asyncio.create_task(watched.read())
        for _ in range(ROUNDS):
            for number, message in enumerate(ten_minutes()):
                await watched.send(message)
                if number % 150 == 0:
                    watched.measure()
        await watched.session.receive(EndInput(watched.sent_samples))
        await reading
        return watched


@pytest.fixture(scope="module")
def streamed() -> tuple[Watched, list[Request]]:
    requests: list[Request] = []
    with virtual_time() as runner:
        return runner.run(half_an_hour(requests)), requests


def test_everything_keeps_its_contract(streamed: tuple[Watched, list[Request]]) -> None:
    watched, _ = streamed
    check_contract(watched.events)
    assert watched.sent_samples == ROUNDS * 600 * RATE_HZ
    assert {each.code for each in of(watched.events, StreamWarning)} <= {"short_text"}
    reasons = {each.reason for each in of(watched.events, SpeechEnded)}
    assert reasons >= {EndReason.SILENCE, EndReason.CONTINUED, EndReason.FINALIZE, EndReason.CLEARED}
    assert len(of(watched.events, Cleared)) == ROUNDS
    assert len(of(watched.events, Updated)) == 3 * ROUNDS
    assert of(watched.events, Progress)[-1].committed_samples == watched.sent_samples
    statuses = [each.status for each in of(watched.events, UtteranceDone)]
    assert statuses.count(UtteranceStatus.FAILED) == 0
    assert statuses.count(UtteranceStatus.EMPTY) >= ROUNDS, "noise has no text"


def test_what_was_heard_never_goes_back_and_never_lies_ahead(streamed: tuple[Watched, list[Request]]) -> None:
    watched, _ = streamed
    assert not watched.wrong
    assert set(watched.heard) == {
        "TextDelta spa",
        "SpeechChunk spa",
        "TextDelta fra",
        "SpeechChunk fra",
        "TextDelta jpn",
    }


def test_memory_is_that_of_the_first_minutes(streamed: tuple[Watched, list[Request]]) -> None:
    watched, _ = streamed
    sizes = watched.sizes_bytes
    count = len(sizes) // ROUNDS
    first, second, last = (sizes[start * count :][:count] for start in (0, 1, ROUNDS - 1))
    assert count >= 10
    assert max(last) <= max(first) + 4_000
    assert all(late <= early + 4_000 for early, late in zip(second, last, strict=True))
    assert max(sizes) < 1_000_000


def test_history_and_speech_are_bounded(streamed: tuple[Watched, list[Request]]) -> None:
    _, requests = streamed
    hypotheses = [
        state
        for request in requests
        if isinstance(request, HypothesisRequest)
        for state in request.hypothesis.sequences
    ]
    assert len(requests) > 300 * ROUNDS
    assert max(len(each.history_token_ids) for each in hypotheses) <= 2 * TOKENS
    assert max(len(each.previous.token_ids) for each in hypotheses if each.previous) <= 3 * TOKENS + 1
    assert max(len(each.speech.units) for each in hypotheses) <= 20


def test_no_word_is_lost_or_said_twice(streamed: tuple[Watched, list[Request]]) -> None:
    """Targets of continued utterances count on, also where others came or left; else they start at zero."""
    watched, _ = streamed
    ends = {each.utterance_id: each for each in of(watched.events, SpeechEnded)}
    targets = cycle([{"spa", "fra"}, {"fra", "jpn"}, {"spa"}])
    changes = {each.from_utterance_id: next(targets) for each in of(watched.events, Updated)}
    said: defaultdict[str, defaultdict[int, str]] = defaultdict(lambda: defaultdict(str))
    for event in of(watched.events, TextDelta):
        said[event.language][event.utterance_id] += event.delta
    assert set(said) == {"spa", "fra", "jpn"}
    sentences = 0
    for language, texts in said.items():
        counted, asked, had = 0, {"spa"}, False
        for number, end in sorted(ends.items()):
            before = ends.get(number - 1)
            asked = changes.get(number, asked)
            if before is None or before.reason is not EndReason.CONTINUED or not had:
                counted = 0
            had = language in asked
            text = texts.get(number, "")
            numbers = [int(each) for each in re.findall(r" a(\d+)", text)]
            assert numbers == list(range(counted, counted + len(numbers))), (end, text)
            assert text == "".join(f" a{each} b{each}." for each in numbers)
            counted += len(numbers)
            sentences += len(numbers)
    assert sentences > 250 * ROUNDS
