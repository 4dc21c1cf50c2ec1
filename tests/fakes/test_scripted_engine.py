"""The scripted engine gives the guarantees of the real one."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.scripted_engine import ScriptedEngine
from translate_svc.engine.request import (
    EngineEvent,
    FinishStatus,
    Request,
    RequestFinished,
    RequestRefused,
    SequenceFinished,
    SequenceSpec,
    TextFinished,
    TokenDecoded,
    WaveformPiece,
)
from translate_svc.errors import EngineLost, OutOfRange, ResourceExhausted, TranslateSvcError, Unavailable

QUICK = ScriptedSequence(token_interval_s=0.001, text_to_unit_s=0.001, piece_interval_s=0.001)


def script_of(sequence: ScriptedSequence) -> ScriptedRequest:
    return ScriptedRequest((sequence,), encode_s=0.001)


def request(request_id: str, *, speech: bool = False) -> Request:
    return Request(request_id, np.zeros(100, np.float32), (SequenceSpec("spa", speech),), source_times=True)


class Inbox:
    def __init__(self) -> None:
        self.events: list[EngineEvent] = []
        self._finished = asyncio.Event()
        self.spoke = asyncio.Event()

    def __call__(self, event: EngineEvent) -> None:
        self.events.append(event)
        if isinstance(event, WaveformPiece):
            self.spoke.set()
        if isinstance(event, RequestFinished):
            self._finished.set()

    async def finished(self) -> FinishStatus:
        async with asyncio.timeout(60):
            await self._finished.wait()
        assert isinstance(self.events[-1], RequestFinished)
        return self.events[-1].status

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


async def test_it_follows_the_script_in_the_documented_order() -> None:
    engine, inbox = ScriptedEngine(lambda _: script_of(QUICK)), Inbox()
    engine.submit(request("a", speech=True), inbox)
    assert inbox.events == []
    assert await inbox.finished() is FinishStatus.OK
    assert inbox.kinds() == [
        *("RequestQueued", "TokenDecoded", "TokenDecoded", "TextFinished", "UnitsPredicted"),
        *("WaveformPiece", "WaveformPiece", "SequenceFinished", "RequestFinished"),
    ]
    tokens = [event for event in inbox.events if isinstance(event, TokenDecoded)]
    assert [(token.text, token.source_ms) for token in tokens] == [("hello", 0), (" world", 160)]
    pieces = [event for event in inbox.events if isinstance(event, WaveformPiece)]
    assert [(piece.start_samples, len(piece.samples), piece.final) for piece in pieces] == [
        (0, 8_000, False),
        (8_000, 16_000, True),
    ]
    assert engine.live_request_ids == frozenset()


async def test_pieces_wait_for_credit() -> None:
    engine, inbox = ScriptedEngine(lambda _: script_of(QUICK), initial_credit_pieces=1), Inbox()
    engine.submit(request("a", speech=True), inbox)
    async with asyncio.timeout(60):
        await inbox.spoke.wait()
    await asyncio.sleep(0.02)
    assert inbox.kinds().count("WaveformPiece") == 1
    engine.grant("a", 0)
    assert await inbox.finished() is FinishStatus.OK


async def test_nothing_arrives_after_abort() -> None:
    engine, inbox, next_inbox = ScriptedEngine(max_running_requests=1), Inbox(), Inbox()
    engine.submit(request("a"), inbox)
    engine.submit(request("b"), Inbox())
    engine.submit(request("c"), next_inbox)
    engine.abort("b")
    engine.abort("a")
    engine.abort("a")
    assert await next_inbox.finished() is FinishStatus.OK
    assert inbox.events == []
    assert engine.aborted == ["b", "a"]


@pytest.mark.parametrize(
    ("sequence", "last"),
    [
        (ScriptedSequence(token_interval_s=0.001, fail_after_tokens=1), TokenDecoded),
        (ScriptedSequence(token_interval_s=0.001, text_to_unit_s=0.001, fail_after_pieces=0), TextFinished),
        (ScriptedSequence(token_interval_s=0.001, text_to_unit_s=0.001, fail_after_pieces=1), WaveformPiece),
    ],
)
async def test_scripted_failures(sequence: ScriptedSequence, last: type[EngineEvent]) -> None:
    engine, inbox = ScriptedEngine(lambda _: script_of(sequence)), Inbox()
    engine.submit(request("a", speech=True), inbox)
    assert await inbox.finished() is FinishStatus.FAILED
    assert isinstance(inbox.events[-3], last)
    assert isinstance(inbox.events[-2], SequenceFinished)


async def test_a_sequence_without_text_is_empty() -> None:
    engine, inbox = ScriptedEngine(lambda _: script_of(ScriptedSequence(deltas=()))), Inbox()
    engine.submit(request("a", speech=True), inbox)
    assert await inbox.finished() is FinishStatus.EMPTY
    assert inbox.kinds() == ["RequestQueued", "TextFinished", "SequenceFinished", "RequestFinished"]


async def test_a_full_waiting_queue_and_a_scripted_refusal() -> None:
    engine = ScriptedEngine(max_running_requests=1, max_waiting_requests=1)
    engine.submit(request("a"), Inbox())
    engine.submit(request("b"), Inbox())
    assert isinstance(await refusal_of(engine, "c"), ResourceExhausted)
    engine.refuse_next(Unavailable("stopping"))
    assert str(await refusal_of(engine, "d")) == "stopping"
    engine.refuse_next(OutOfRange("is too long", field="source"))
    with pytest.raises(OutOfRange):
        engine.submit(request("e"), Inbox())
    for name in "ab":
        engine.abort(name)


async def test_no_refusal_arrives_after_abort() -> None:
    engine, inbox = ScriptedEngine(), Inbox()
    engine.refuse_next(Unavailable("stopping"))
    engine.submit(request("a"), inbox)
    engine.abort("a")
    await asyncio.sleep(0.01)
    assert inbox.events == []


async def test_a_lost_device_fails_all() -> None:
    engine, inboxes = ScriptedEngine(max_running_requests=1), [Inbox(), Inbox()]
    for index, inbox in enumerate(inboxes):
        engine.submit(request(str(index)), inbox)
    await asyncio.sleep(0)
    assert (engine.status.healthy, engine.status.live_requests, engine.status.waiting_requests) == (
        True,
        2,
        1,
    )
    engine.lose_device()
    for inbox in inboxes:
        assert inbox.kinds() == ["RequestQueued", "SequenceFinished", "RequestFinished"]
    assert isinstance(await refusal_of(engine, "2"), EngineLost)
    assert (engine.status.healthy, engine.status.lost) == (False, True)


async def refusal_of(engine: ScriptedEngine, request_id: str) -> TranslateSvcError:
    """The reason why the engine refuses a request. The request gets no other event."""
    inbox = Inbox()
    engine.submit(request(request_id), inbox)
    assert inbox.events == [], "nothing is delivered inside submit"
    await asyncio.sleep(0)
    (refused,) = inbox.events
    assert isinstance(refused, RequestRefused)
    assert refused.request_id == request_id
    return refused.error
