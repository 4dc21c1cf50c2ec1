"""A server that leaves while everybody talks on: it hears no more than its engine can still translate."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, samples_of
from tests.fakes.scripted_engine import ScriptedEngine
from tests.serving.fakes import FakeClient
from tests.session.harness import RATE_HZ, House, chunks, config, house, of, speech
from tests.virtual_time import virtual_time
from translate_svc.engine.handle import EngineStatus
from translate_svc.engine.request import Request
from translate_svc.engine.stats import Totals
from translate_svc.errors import Unavailable
from translate_svc.serving.options import CallOptions
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.session.capacity.estimate import CapacityOptions
from translate_svc.session.capacity.load_monitor import LoadMonitor
from translate_svc.session.session import Session
from translate_svc.types import SpeechStarted, TargetSettings, UtteranceDone, UtteranceStatus

STREAMS, COST = 8, 0.1
GRACE_S = 20.0
BEFORE_S = 34.0
"""Everybody has said two utterances of the longest kind, and is in the middle of the third one."""


class _CountingEngine(ScriptedEngine):
    """One utterance at a time, a tenth of its length each. Counts its work."""

    def __init__(self) -> None:
        super().__init__(self._answer, max_running_requests=1)
        self.totals = Totals()

    def _answer(self, request: Request) -> ScriptedRequest:
        samples = len(samples_of(request))
        self.totals.finished_requests += 1
        self.totals.source_samples += samples
        self.totals.work_s += COST * samples / RATE_HZ
        return ScriptedRequest((ScriptedSequence(("uno",)),), encode_s=COST * samples / RATE_HZ)

    @property
    def status(self) -> EngineStatus:
        return dataclasses.replace(super().status, totals=dataclasses.replace(self.totals), slots=1_000)


async def _talk(client: FakeClient) -> None:
    for chunk in chunks(speech(BEFORE_S + GRACE_S)):
        await asyncio.sleep(len(chunk.data) / 2 / RATE_HZ)
        client.say(chunk)


async def _leave(made: House, *, knows_its_cost: bool) -> list[FakeClient]:
    sessions: list[Session] = []
    monitor = LoadMonitor(made.engine, CapacityOptions(32), lambda: sessions, lambda: len(sessions))
    watching = asyncio.create_task(monitor.run())
    clients, calls = [FakeClient() for _ in range(STREAMS)], list[StreamDriver]()
    for client in clients:
        session = made.open(config(TargetSettings("es", speech=False)))
        sessions.append(session)
        calls.append(StreamDriver(client, client, session, CallOptions()))
    running = [asyncio.create_task(call.run()) for call in calls]
    talking = [asyncio.create_task(_talk(client)) for client in clients]
    await asyncio.sleep(BEFORE_S)
    for call in calls:
        finish_s = (lambda: monitor.finish_s) if knows_its_cost else (lambda: 0.0)
        call.go_away(GRACE_S, Unavailable("leaving"), finish_s)
    ended = await asyncio.gather(*running, return_exceptions=True)
    assert {type(each) for each in ended} == {Unavailable}
    for task in (watching, *talking):
        task.cancel()
    await asyncio.gather(watching, *talking, return_exceptions=True)
    return clients


def _lost(*, knows_its_cost: bool) -> int:
    """How many of the utterances that were begun were not delivered."""

    async def scenario() -> int:
        async with house() as made:
            made.engine = _CountingEngine()
            clients = await _leave(made, knows_its_cost=knows_its_cost)
        begun = sum(len(of(client.got, SpeechStarted)) for client in clients)
        done = [event for client in clients for event in of(client.got, UtteranceDone)]
        assert begun >= 3 * STREAMS
        assert all(event.status is UtteranceStatus.OK for event in done)
        return begun - len(done)

    with virtual_time() as runner:
        return runner.run(scenario())


@pytest.mark.parametrize(("knows_its_cost", "loses"), [(True, False), (False, True)])
def test_no_utterance_that_was_begun_is_lost(knows_its_cost: bool, loses: bool) -> None:
    """Ten seconds before the end would be too late: the engine needs eleven for the work begun by then."""
    assert (_lost(knows_its_cost=knows_its_cost) > 0) is loses
