"""Both ends over a real socket: who may connect, who vanishes, who hangs, and which limits are shared."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.scripted_engine import ScriptedEngine
from tests.waiting import until
from translate_svc.engine.events import EngineEvent, FinishStatus, RequestFinished, WaveformPiece
from translate_svc.engine.handle import EngineStatus
from translate_svc.engine.model_facts import ModelFacts
from translate_svc.engine.request import Request
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.errors import ResourceExhausted, Unavailable
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.observability.metrics import Metrics
from translate_svc.remote_engine.engine_connection import EngineConnection
from translate_svc.remote_engine.forwarded_metrics import ForwardedMetrics
from translate_svc.remote_engine.front_group import FrontGroup
from translate_svc.remote_engine.messages import Report
from translate_svc.remote_engine.options import ConnectionOptions
from translate_svc.session.admission import AdmissionOptions
from translate_svc.session.capacity.estimate import CapacityOptions
from translate_svc.types import Caller, ModelInfo

BOB = Caller("bob")
FACTS = ModelFacts(Capabilities("m", ("eng",), ("eng",), {}, 1, 160, 256, 900), ModelInfo("m"))
QUICK = ConnectionOptions(
    start_timeout_s=60.0, report_interval_s=0.05, silence_timeout_s=1.5, overview_interval_s=0.02
)


class _Engine(ScriptedEngine):
    """The scripted engine, with the bounds and the state that a real one tells."""

    @property
    def status(self) -> EngineStatus:
        status = super().status
        return EngineStatus(
            healthy=status.healthy,
            lost=status.lost,
            live_requests=status.live_requests,
            max_live_requests=100,
        )


def script(request: Request) -> ScriptedRequest:
    """Speech of a minute, as fast as there is credit for it."""
    speech = ScriptedSequence(
        piece_units=(100,) * 30, token_interval_s=0.0, text_to_unit_s=0.0, piece_interval_s=0.0
    )
    return ScriptedRequest((speech,), encode_s=0.01)


def request(name: str = "r") -> Request:
    return Request(name, np.ones(1_600, np.float32), (SequenceSpec("eng", speech=True),))


@dataclass
class Server:
    engine: _Engine
    group: FrontGroup
    metrics: Metrics
    folder: Path
    ends: dict[int, asyncio.Task[str]] = field(default_factory=dict)

    def counted(self, name: str, *labels: str) -> float:
        """A sample of the metrics of the whole."""
        found = [
            sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if (sample.name, *sample.labels.values()) == (f"translate_svc_{name}", *labels)
        ]
        return sum(found)

    def listen(self, index: int) -> str:
        path = str(self.folder / f"{index}-{len(self.ends)}")
        self.ends[index] = asyncio.create_task(self.group.serve(index, path))
        return path


@asynccontextmanager
async def serving(
    folder: Path, options: ConnectionOptions = QUICK, max_streams: int = 4
) -> AsyncIterator[Server]:
    engine, metrics = _Engine(script), Metrics()
    group = FrontGroup(
        engine,
        FACTS,
        metrics,
        capacity=CapacityOptions(max_streams),
        admission=AdmissionOptions(max_streams=max_streams, max_waiting_requests=8),
        options=options,
    )
    server = Server(engine, group, metrics, folder)
    telling = asyncio.create_task(group.run())
    try:
        yield server
    finally:
        telling.cancel()
        for end in server.ends.values():
            end.cancel()
        await asyncio.gather(telling, *server.ends.values(), return_exceptions=True)


def vanish(connection: EngineConnection) -> None:
    """Closes the socket as the kernel does for a process that was killed."""
    connection._link.close()
    connection._released.set()


async def test_a_request_is_answered_and_speech_waits_for_credit(tmp_path: Path) -> None:
    events: list[EngineEvent] = []
    async with serving(tmp_path) as server:
        path = server.listen(0)
        await asyncio.sleep(0)
        async with EngineConnection.open(path, QUICK) as connection:
            assert connection.welcome.facts == FACTS
            connection.engine.submit(request(), events.append)
            await until(lambda: sum(isinstance(each, WaveformPiece) for each in events) == 4)
            await asyncio.sleep(0.05)
            assert sum(isinstance(each, WaveformPiece) for each in events) == 4
            connection.engine.grant("r", 0, 100)
            await until(lambda: isinstance(events[-1], RequestFinished))
        assert await server.ends[0] == "it has ended"


async def test_other_code_is_refused_and_told_so(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        path = server.listen(0)
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="other code"):
            async with EngineConnection.open(path, QUICK, schema="of yesterday"):
                pass


async def test_the_requests_of_a_front_process_that_vanishes_are_aborted(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        path = server.listen(0)
        await asyncio.sleep(0)
        async with EngineConnection.open(path, QUICK) as connection:
            connection.engine.submit(request(), lambda event: None)
            await until(lambda: server.engine.live_request_ids == {"r"})
            vanish(connection)
            assert await server.ends[0] == "it has ended"
            assert server.engine.aborted == ["r"]


async def test_a_front_process_that_says_nothing_hangs(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        path = server.listen(0)
        await asyncio.sleep(0)
        async with EngineConnection.open(path, ConnectionOptions(report_interval_s=60)) as connection:
            connection.report_with(lambda: Report(ready=True))
            connection.engine.submit(request(), lambda event: None)
            assert await server.ends[0] == "it has said nothing for 1.5 s"
        assert server.engine.aborted == ["r"]


async def test_a_front_process_may_be_silent_for_longer_while_it_starts(tmp_path: Path) -> None:
    async with serving(tmp_path, dataclasses.replace(QUICK, silence_timeout_s=0.1)) as server:
        path = server.listen(0)
        await asyncio.sleep(0)
        async with EngineConnection.open(path, ConnectionOptions(report_interval_s=60)) as connection:
            assert not (await asyncio.wait({server.ends[0]}, timeout=1.0))[0]
            connection.report_with(lambda: Report(ready=True))
            await until(lambda: server.group.ready == {0})


async def test_a_pause_of_the_engines_own_process_is_not_a_silence(tmp_path: Path) -> None:
    """A machine that was suspended wakes up: the messages sent meanwhile are not read yet."""
    options = dataclasses.replace(QUICK, silence_timeout_s=0.4)
    events: list[EngineEvent] = []
    async with serving(tmp_path, options) as server:
        path = server.listen(0)
        await asyncio.sleep(0)
        async with EngineConnection.open(path, QUICK) as connection:
            for _ in range(3):
                time.sleep(0.5)  # noqa: ASYNC251 - stops both ends
                await asyncio.sleep(0.1)
            connection.engine.submit(request(), events.append)
            await until(lambda: bool(events))
        assert await server.ends[0] == "it has ended"


async def test_a_front_process_that_reads_nothing_hangs(tmp_path: Path) -> None:
    """Its requests have credit for more than it may leave unread."""
    options = ConnectionOptions(silence_timeout_s=2.0, max_unsent_bytes=1_000_000)
    async with serving(tmp_path, options) as server:
        path = server.listen(0)
        await asyncio.sleep(0)
        async with EngineConnection.open(path, QUICK) as connection:
            connection._link._handle = lambda message: None
            for number in range(8):
                connection.engine.submit(request(f"r{number}"), lambda event: None)
                connection.engine.grant(f"r{number}", 0, 100)
            await until(lambda: len(server.engine.live_request_ids) == 8)
            ours = server.group._members[0].connection
            assert ours is not None
            ours._link._socket.send_multipart = _never  # type: ignore[method-assign]
            assert (await server.ends[0]).startswith("it leaves more than 1000000 bytes unread")
            assert ours._relay.unsent_bytes == 0
        assert not server.engine.live_request_ids


async def _never(*frames: object, **options: object) -> None:
    await asyncio.sleep(3600)


async def test_an_engine_that_vanishes_is_lost(tmp_path: Path) -> None:
    told: list[BaseException] = []
    events: list[EngineEvent] = []
    async with serving(tmp_path) as server:
        path = server.listen(0)
        await asyncio.sleep(0)
        async with EngineConnection.open(path, QUICK, on_lost=told.append) as connection:
            connection.engine.submit(request(), events.append)
            await until(lambda: bool(events))
            server.ends[0].cancel()
            await until(lambda: bool(told))
            assert isinstance(events[-1], RequestFinished)
            assert events[-1].status is FinishStatus.FAILED
            assert connection.engine.status.lost


async def test_an_engines_process_that_speaks_no_more_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that has nothing to tell is not: it repeats itself."""
    told: list[BaseException] = []
    options = dataclasses.replace(QUICK, engine_silence_timeout_s=6.0)
    async with serving(tmp_path) as server:
        path = server.listen(0)
        await asyncio.sleep(0)
        async with EngineConnection.open(path, options, on_lost=told.append) as connection:
            connection.report_with(lambda: Report(True))
            silence = asyncio.create_task(connection.fall_silent())
            await asyncio.sleep(8.0)
            assert not told
            monkeypatch.setattr(FrontGroup, "tell", lambda group: None)
            await asyncio.wait_for(silence, 60)
            assert str(told[0]) == "the engine's process has said nothing for 6 s"


async def test_a_lost_engine_is_told_once_without_a_request(tmp_path: Path) -> None:
    told: list[BaseException] = []
    async with serving(tmp_path) as server:
        path = server.listen(0)
        await asyncio.sleep(0)
        async with EngineConnection.open(path, QUICK, on_lost=told.append):
            server.engine.lose_device()
            await until(lambda: bool(told))
            await asyncio.sleep(0.1)
    assert len(told) == 1


async def test_admission_load_and_metrics_are_those_of_the_whole(tmp_path: Path) -> None:
    async with serving(tmp_path, max_streams=2) as server:
        paths = [server.listen(index) for index in (0, 1)]
        await asyncio.sleep(0)
        metrics = ForwardedMetrics()
        async with (
            EngineConnection.open(paths[0], QUICK) as one,
            EngineConnection.open(paths[1], QUICK) as other,
        ):
            one.report_with(lambda: Report(True, 1, 500, records=metrics.take()))
            other.report_with(lambda: Report(True))
            await until(lambda: server.group.ready == {0, 1})
            await one.admission.admit(BOB, 1.34)
            slot = await other.admission.admit(BOB, 1.34)
            for connection in (one, other):
                with pytest.raises(ResourceExhausted, match="all 2 streams are in use"):
                    await connection.admission.check(BOB)
            metrics.record_closed("complete")
            metrics.record_first_text(0.25)
            await until(lambda: server.counted("streams_closed_total", "complete") == 1)
            assert server.counted("end_to_first_text_seconds_count") == 1
            await until(lambda: (other.admission.admitted, one.admission.rejected) == (2, 2))
            state = other.peers.state
            assert (state.live_streams, state.queued_input_ms, server.group.live_sessions) == (1, 500, 2)
            assert [each.live_streams for each in state.processes] == [1, 1]
            assert server.group.admission.cost == pytest.approx(2.68)
            slot.release()
            await until(lambda: server.group.live_sessions == 1)
            vanish(one)
            await until(lambda: server.group.live_sessions == 0)
            for _ in range(2):
                await other.admission.admit(BOB, 1.0)
        assert server.group.state().admitted == 4, "what was counted stays when a front process has gone"
