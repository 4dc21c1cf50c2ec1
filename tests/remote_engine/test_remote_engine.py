"""An engine behind a wire gives the events that it gives in the same process."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.scripted_engine import ScriptedEngine
from tests.remote_engine.slow_wire import SlowWire
from tests.virtual_time import virtual_time
from translate_svc.engine.events import (
    EngineEvent,
    FinishStatus,
    RequestFinished,
    RequestQueued,
    RequestRefused,
    SequenceFinished,
    WaveformPiece,
)
from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.errors import EngineLost, InvalidArgument, OutOfRange, ResourceExhausted

PIECES = 7


def script(request: Request) -> ScriptedRequest:
    """Each request has texts and timing of its own, so that events of two cannot be mistaken."""
    number = int(request.request_id[1:])
    one = ScriptedSequence(
        deltas=(request.request_id, " a", " b"),
        piece_units=(5,) * PIECES,
        token_interval_s=0.01 + 0.003 * number,
    )
    other = dataclasses.replace(
        one, deltas=(f"{request.request_id} other",), fail_after_pieces=number % 3 or None
    )
    return ScriptedRequest((one, other), encode_s=0.02 * (number + 1), encode_fails=number == 5)


def request(number: int) -> Request:
    """Two targets with speech. Even numbers are sound, odd ones text."""
    source = SourceText("hello", "eng") if number % 2 else np.full(1_600, 0.1, np.float32)
    return Request(f"r{number}", source, (SequenceSpec("spa", speech=True), SequenceSpec("fra", speech=True)))


def comparable(event: EngineEvent) -> tuple[Any, ...]:
    """An event whose arrays and errors can be compared."""
    values = [getattr(event, field.name) for field in dataclasses.fields(event)]
    return (type(event).__name__, *(v.tolist() if isinstance(v, np.ndarray) else str(v) for v in values))


class Log:
    """The events of each request. Gives credit as a reader does, once for each piece."""

    def __init__(self, engine: EngineHandle) -> None:
        self._engine = engine
        self.events: dict[str, list[EngineEvent]] = defaultdict(list)

    def __call__(self, event: EngineEvent) -> None:
        self.events[event.request_id].append(event)
        if isinstance(event, WaveformPiece):
            self._engine.grant(event.request_id, event.sequence)

    def by_sequence(self, request_id: str) -> dict[object, list[tuple[Any, ...]]]:
        found: dict[object, list[tuple[Any, ...]]] = defaultdict(list)
        for event in self.events[request_id]:
            found[getattr(event, "sequence", None)].append(comparable(event))
        return found


def play(scenario: Callable[[], Any]) -> None:
    with virtual_time() as runner:
        runner.run(scenario())


DELAYS = st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.05, 0.3]), min_size=1, max_size=8)
PLANS = st.lists(
    st.tuples(st.floats(0, 0.5), st.one_of(st.none(), st.floats(0.001, 1))), min_size=1, max_size=6
)
"""For each request: when it is submitted, and how much later it is aborted, if it is."""


async def carry_out(
    engine: EngineHandle, plan: list[tuple[float, float | None]]
) -> tuple[Log, dict[str, int]]:
    """Carries a plan out. Also returns how many events an aborted request had when it was."""
    log, aborted = Log(engine), {}

    def abort(request_id: str) -> None:
        engine.abort(request_id)
        aborted[request_id] = len(log.events[request_id])

    loop = asyncio.get_running_loop()
    for number, (at_s, abort_after_s) in enumerate(plan):
        loop.call_later(at_s, engine.submit, request(number), log)
        if abort_after_s is not None:
            loop.call_later(at_s + abort_after_s, abort, f"r{number}")
    await asyncio.sleep(60)
    return log, aborted


@given(plan=PLANS, delays=DELAYS)
def test_events_are_those_of_the_engine_itself(
    plan: list[tuple[float, float | None]], delays: list[float]
) -> None:
    async def scenario() -> None:
        whole, _ = await carry_out(ScriptedEngine(script), [(at_s, None) for at_s, _ in plan])
        engine = ScriptedEngine(script)
        wire = SlowWire(engine, itertools.cycle(delays))
        far, aborted = await carry_out(wire.remote, plan)
        for number, (_, abort_after_s) in enumerate(plan):
            request_id = f"r{number}"
            expected, found = whole.by_sequence(request_id), far.by_sequence(request_id)
            if abort_after_s is None:
                assert found == expected
                continue
            assert len(far.events[request_id]) == aborted[request_id], "nothing comes after an abort"
            for sequence, events in found.items():
                assert events == expected[sequence][: len(events)]
        assert not engine.live_request_ids
        assert (wire.relay.open_requests, wire.remote.open_requests) == (0, 0)
        assert wire.remote.take() is None

    play(scenario)


def test_what_happens_while_a_message_is_on_its_way_goes_into_the_next_one() -> None:
    async def scenario() -> None:
        wire = SlowWire(ScriptedEngine(script), itertools.repeat(1.0))
        log = Log(wire.remote)
        for number in range(5):
            wire.remote.submit(request(number), log)
        await asyncio.sleep(60)
        assert sum(len(events) for events in log.events.values()) > 50
        assert wire.to_engine.messages < 10
        assert wire.to_front.messages < 10

    play(scenario)


def test_an_id_can_be_used_again_while_the_abort_is_on_its_way() -> None:
    async def scenario() -> None:
        wire = SlowWire(ScriptedEngine(script), itertools.repeat(0.05))
        first, second = Log(wire.remote), Log(wire.remote)
        wire.remote.submit(request(0), first)
        await asyncio.sleep(0.2)
        seen = len(first.events["r0"])
        assert seen > 1
        wire.remote.abort("r0")
        wire.remote.submit(request(0), second)
        await asyncio.sleep(60)
        assert len(first.events["r0"]) == seen
        assert isinstance(second.events["r0"][0], RequestQueued)
        assert isinstance(second.events["r0"][-1], RequestFinished)

    play(scenario)


def test_no_more_than_so_many_requests_wait_for_an_answer() -> None:
    """The engine's process does not read: what waits for it is bounded, and the rest is told so."""

    async def scenario() -> None:
        wire = SlowWire(ScriptedEngine(script), itertools.repeat(1e6), max_unanswered=3)
        log = Log(wire.remote)
        for number in range(5):
            wire.remote.submit(request(number), log)
            assert not log.events, "no event is delivered inside submit"
        assert wire.remote.status.waiting_requests == 3
        await asyncio.sleep(1)
        assert set(log.events) == {"r3", "r4"}
        for (event,) in log.events.values():
            assert isinstance(event, RequestRefused)
            assert isinstance(event.error, ResourceExhausted)
            assert event.error.retry_after_s > 0

    play(scenario)


def test_what_the_engine_finds_wrong_comes_as_a_refusal_with_its_field() -> None:
    async def scenario() -> None:
        engine = ScriptedEngine(script)
        wire = SlowWire(engine, itertools.repeat(0.01))
        log = Log(wire.remote)
        engine.refuse_next(OutOfRange("is too long", field="source"))
        wire.remote.submit(request(0), log)
        engine_is_full = ResourceExhausted("full", retry_after_s=7.5)
        await asyncio.sleep(1)
        engine.refuse_next(engine_is_full)
        wire.remote.submit(request(1), log)
        await asyncio.sleep(1)
        wrong, full = log.events["r0"][0], log.events["r1"][0]
        assert isinstance(wrong, RequestRefused)
        assert isinstance(full, RequestRefused)
        assert isinstance(wrong.error, OutOfRange)
        assert (wrong.error.field, wrong.error.description) == ("source", "is too long")
        assert isinstance(full.error, ResourceExhausted)
        assert full.error.retry_after_s == 7.5
        assert wire.remote.open_requests == 0

    play(scenario)


@pytest.mark.parametrize(
    "source",
    [SourceText("\ud800", "eng"), np.zeros((2, 800), np.float32), np.zeros(1_600, np.float64)],
    ids=["surrogate", "two channels", "float64"],
)
def test_what_would_not_arrive_as_it_was_sent_is_refused_here(source: Any) -> None:
    async def scenario() -> None:
        wire = SlowWire(ScriptedEngine(script), itertools.repeat(0.01))
        with pytest.raises(InvalidArgument) as caught:
            wire.remote.submit(dataclasses.replace(request(0), source=source), Log(wire.remote))
        assert caught.value.field == "source"
        assert wire.remote.take() is None

    play(scenario)


def test_an_id_in_use_is_refused_at_once() -> None:
    async def scenario() -> None:
        wire = SlowWire(ScriptedEngine(script), itertools.repeat(0.01))
        wire.remote.submit(request(0), Log(wire.remote))
        with pytest.raises(InvalidArgument, match="in use"):
            wire.remote.submit(request(0), Log(wire.remote))

    play(scenario)


def test_a_callback_that_raises_loses_its_own_request_only() -> None:
    async def scenario() -> None:
        engine = ScriptedEngine(script)
        wire = SlowWire(engine, itertools.repeat(0.01))
        log = Log(wire.remote)

        def broken(event: EngineEvent) -> None:
            raise ValueError("boom")

        wire.remote.submit(request(0), broken)
        wire.remote.submit(request(1), log)
        await asyncio.sleep(60)
        assert engine.aborted == ["r0"]
        assert isinstance(log.events["r1"][-1], RequestFinished)

    play(scenario)


def test_a_lost_engine_fails_every_request_once() -> None:
    async def scenario() -> None:
        engine = ScriptedEngine(script)
        wire = SlowWire(engine, itertools.repeat(0.01))
        told: list[BaseException] = []
        wire.remote._on_lost = told.append
        log = Log(wire.remote)
        wire.remote.submit(request(0), log)
        await asyncio.sleep(0.05)
        engine.lose_device()
        await asyncio.sleep(1)
        ends = [event for event in log.events["r0"] if isinstance(event, SequenceFinished | RequestFinished)]
        assert [end.status for end in ends] == [FinishStatus.FAILED] * 3
        assert wire.remote.status.lost
        assert not wire.remote.status.healthy
        assert len(told) == 1
        wire.remote.submit(request(1), log)
        await asyncio.sleep(0)
        (refusal,) = log.events["r1"]
        assert isinstance(refusal, RequestRefused)
        assert isinstance(refusal.error, EngineLost)

    play(scenario)
