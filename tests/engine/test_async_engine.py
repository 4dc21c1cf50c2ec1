"""The real thread and a real event loop: how events are delivered, and which requests are refused."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Callable

import numpy as np
import pytest

from tests.engine.async_fixtures import LIMITS, Gate, Inbox, build, refusal_of, request, running
from translate_svc.engine.events import (
    EngineEvent,
    FinishStatus,
    RequestFinished,
    RequestQueued,
    TextFinished,
    TokenDecoded,
    WaveformPiece,
)
from translate_svc.engine.request import SourceText
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.errors import InvalidArgument, OutOfRange, ResourceExhausted


async def test_events_arrive_on_the_loop_in_order() -> None:
    inbox = Inbox()
    async with running(build()) as engine:
        engine.submit(request("a", tokens=4, speech=True), inbox)
        assert inbox.events == [], "nothing is delivered inside submit"
        engine.grant("a", 0, 9)
        await inbox.until(RequestFinished)
    assert inbox.threads == {threading.get_ident()}
    assert inbox.last.status is FinishStatus.OK
    (text,) = [event for event in inbox.events if isinstance(event, TextFinished)]
    assert inbox.text + text.tail == text.text == "one two one two"
    assert sum(len(e.samples) for e in inbox.events if isinstance(e, WaveformPiece)) == 30 * 320


async def test_a_text_is_translated_like_speech_and_has_no_times() -> None:
    inbox, text = Inbox(), SourceText("one two", "eng")
    async with running(build()) as engine:
        spoken = dataclasses.replace(request("a", speech=True), source=text, source_times=True)
        engine.submit(spoken, inbox)
        engine.grant("a", 0, 9)
        await inbox.until(RequestFinished)
    assert inbox.last.status is FinishStatus.OK
    tokens = [event for event in inbox.events if isinstance(event, TokenDecoded)]
    assert tokens
    assert {event.source_ms for event in tokens} == {None}
    assert sum(len(e.samples) for e in inbox.events if isinstance(e, WaveformPiece)) == 30 * 320


async def test_the_events_of_a_step_come_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    post, calls = loop.call_soon_threadsafe, 0

    def counted(callback: Callable[..., object], *args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += threading.current_thread().name == "translate-engine"
        return post(callback, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    gate = Gate()
    async with running(build(before_execute=gate)) as engine:
        gate.shut()
        inboxes = [Inbox() for _ in range(4)]
        for index, inbox in enumerate(inboxes):
            engine.submit(request(str(index), tokens=5), inbox)
        gate.open()
        for inbox in inboxes:
            await inbox.until(RequestFinished)
    assert calls <= gate.steps + 2, "one call per step, and one for each end of the thread"
    assert sum(len(inbox.events) for inbox in inboxes) > calls


async def test_credit_withheld_stalls_one_speech_and_no_other() -> None:
    stalled, other, later = Inbox(), Inbox(), Inbox()
    async with running(build()) as engine:
        engine.submit(request("stalled", speech=True), stalled)
        engine.submit(request("other", speech=True), other)
        engine.grant("other", 0, 9)
        await other.until(RequestFinished)
        await stalled.until(WaveformPiece, count=2)
        engine.submit(request("later", speech=True), later)
        engine.grant("later", 0, 9)
        await later.until(RequestFinished)
        assert sum(isinstance(event, WaveformPiece) for event in stalled.events) == 2
        engine.grant("stalled", 0, 9)
        await stalled.until(RequestFinished)
    assert stalled.last.status is FinishStatus.OK


@pytest.mark.parametrize("error", [ValueError("boom"), asyncio.CancelledError()])
async def test_a_receiver_that_raises_loses_its_own_request_only(error: BaseException) -> None:
    def broken(event: EngineEvent) -> None:
        raise error

    inbox = Inbox()
    async with running(build()) as engine:
        engine.submit(request("broken", tokens=50), broken)
        engine.submit(request("a"), inbox)
        await inbox.until(RequestFinished)
        assert engine.status.live_requests == 0
        assert engine.status.healthy


async def test_bad_requests_are_refused_by_the_name_of_the_field() -> None:
    async with running(build()) as engine:
        with pytest.raises(InvalidArgument) as caught:
            engine.submit(dataclasses.replace(request("a"), sequences=(SequenceSpec("fra"),)), Inbox())
        assert caught.value.field == "sequences[0].language"
        with pytest.raises(OutOfRange) as caught:
            engine.submit(dataclasses.replace(request("a"), source=np.zeros(9, np.float32)), Inbox())
        assert caught.value.field == "source"
        long = SourceText("one " * LIMITS.max_source_tokens, "eng")
        with pytest.raises(OutOfRange) as caught:
            engine.submit(dataclasses.replace(request("a"), source=long), Inbox())
        assert caught.value.field == "source"
        assert engine.status.live_requests == 0


@pytest.mark.parametrize(("sequence", "pieces", "field"), [("0", 1, "sequence"), (0, None, "pieces")])
async def test_a_grant_that_is_no_number_is_refused(sequence: object, pieces: object, field: str) -> None:
    inbox = Inbox()
    async with running(build()) as engine:
        engine.submit(request("a", speech=True), inbox)
        with pytest.raises(InvalidArgument) as caught:
            engine.grant("a", sequence, pieces)  # type: ignore[arg-type]
        assert caught.value.field == field
        engine.grant("a", 0, 9)
        await inbox.until(RequestFinished)
    assert inbox.last.status is FinishStatus.OK


async def test_an_id_in_use_is_refused() -> None:
    async with running(build()) as engine:
        engine.submit(request("a", tokens=100), Inbox())
        with pytest.raises(InvalidArgument) as caught:
            engine.submit(request("a"), Inbox())
        assert caught.value.field == "request_id"


async def test_a_full_waiting_queue_refuses_until_it_moves() -> None:
    gate = Gate()
    limits = dataclasses.replace(LIMITS, max_slots=1, max_waiting_requests=2)
    async with running(build(limits=limits, before_execute=gate)) as engine:
        gate.shut()
        inboxes = [Inbox() for _ in range(4)]
        engine.submit(request("0"), inboxes[0])
        await gate.wait_for_blocked_step()  # admitted, and blocked in its step
        gate.open()
        await inboxes[0].until(RequestFinished)
        gate.shut()
        engine.submit(request("1", tokens=20), inboxes[1])
        engine.submit(request("2"), inboxes[2])
        refusal = await refusal_of(engine, request("3"))
        assert isinstance(refusal, ResourceExhausted)
        assert "queue" in str(refusal)
        assert 0 < refusal.retry_after_s <= 60
        gate.open()
        await inboxes[2].until(RequestFinished)
        engine.submit(request("3"), inboxes[3])
        await inboxes[3].until(RequestFinished)
        assert engine.status.waiting_requests == 0


async def test_readers_that_grant_nothing_cannot_fill_the_engine_without_bound() -> None:
    limits = dataclasses.replace(LIMITS, max_live_requests=2, initial_credit_pieces=0)
    async with running(build(limits=limits)) as engine:
        inboxes = [Inbox() for _ in range(2)]
        for index, inbox in enumerate(inboxes):
            engine.submit(request(str(index), speech=True), inbox)
        for inbox in inboxes:
            await inbox.until(TextFinished)
        assert isinstance(await refusal_of(engine, request("2")), ResourceExhausted)
        engine.abort("0")
        successor = Inbox()
        engine.submit(request("2"), successor)
        await successor.until(RequestQueued)
        assert engine.status.live_requests == 2


async def test_a_refused_request_counts_nowhere_and_its_refusal_can_be_aborted() -> None:
    limits = dataclasses.replace(LIMITS, max_live_requests=1, initial_credit_pieces=0)
    async with running(build(limits=limits)) as engine:
        first, refused, successor = Inbox(), Inbox(), Inbox()
        engine.submit(request("0", speech=True), first)
        engine.submit(request("1"), refused)
        assert engine.status.live_requests == 1
        with pytest.raises(InvalidArgument):
            engine.submit(request("1"), Inbox())
        engine.abort("1")
        engine.abort("0")
        engine.submit(request("1"), successor)
        await successor.until(RequestFinished)
    assert isinstance(successor.events[0], RequestQueued)
    assert refused.events == []


async def test_the_status_is_pushed_with_the_events_of_its_step() -> None:
    gate, inbox = Gate(shuts_after=10), Inbox()
    async with running(build(before_execute=gate)) as engine:
        assert (engine.status.slots, engine.status.max_live_requests) == (4, LIMITS.max_live_requests)
        engine.submit(request("a", tokens=50, sequences=2), inbox)
        await gate.wait_for_blocked_step()
        await inbox.until(TokenDecoded)
        held = engine.status
        assert (held.busy_slots, held.live_requests, held.totals.finished_requests) == (2, 1, 0)
        assert held.totals.steps > 0
        gate.open()
        await inbox.until(RequestFinished)
        after = engine.status
        assert (after.busy_slots, after.live_requests, after.totals.finished_requests) == (0, 0, 1)
        assert held.totals.finished_requests == 0, "it is a copy"


async def test_an_abort_that_frees_slots_updates_the_status_without_another_step() -> None:
    gate, inbox = Gate(shuts_after=10), Inbox()
    async with running(build(before_execute=gate)) as engine:
        engine.submit(request("a", tokens=200), inbox)
        await gate.wait_for_blocked_step()
        await inbox.until(TokenDecoded)
        engine.abort("a")
        gate.open()
        async with asyncio.timeout(60):
            while engine.status.busy_slots:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.005)


async def test_before_start_no_request_is_accepted() -> None:
    engine = build()
    assert not engine.status.healthy
    with pytest.raises(RuntimeError, match="not started"):
        engine.submit(request("a"), Inbox())
    assert await engine.stop(drain=True, deadline_s=1)
