"""Files in a process of their own, before a scripted engine in this one."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.engine_script import Script, ScriptedRequest, echo_script
from tests.fakes.fronted_service import BoundedEngine, packaged_facts
from translate_svc.cli.batch.arguments import BatchArguments
from translate_svc.cli.batch.file_process import FileProcessConfig, frame, read_frame, receive_frame
from translate_svc.cli.batch.file_processes import FileProcesses, default_file_processes
from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.batch.journal import FileStatus, Journal
from translate_svc.cli.batch.worker_pool import WorkerPool
from translate_svc.cli.commands.batch import engine_room
from translate_svc.config import Settings
from translate_svc.engine.request import Request
from translate_svc.errors import EngineLost, ResourceExhausted, Unavailable
from translate_svc.observability.metrics import Metrics
from translate_svc.remote_engine.front_group import FrontGroup
from translate_svc.server_info import language_table
from translate_svc.session.admission import AdmissionOptions

DATA = Path(__file__).parents[2] / "data"


@asynccontextmanager
async def processes(
    tmp_path: Path, script: Script = echo_script, count: int = 1
) -> AsyncIterator[tuple[FileProcesses, Journal, BoundedEngine]]:
    settings = Settings.load(engine_room(4), {})
    engine, facts = BoundedEngine(script), packaged_facts()
    group = FrontGroup(
        engine,
        facts,
        Metrics(),
        capacity=settings.capacity_options(),
        admission=AdmissionOptions(max_waiting_requests=36),
    )
    arguments = BatchArguments(inputs=(), out=str(tmp_path / "out"), to=("spa",), forms=("srt", "wav"))
    journal = Journal(arguments.out)
    table = language_table(facts.capabilities)
    with journal.staging() as staging:
        config = FileProcessConfig("", settings, arguments, table, facts.model, staging)
        async with FileProcesses.open(group, config, count) as opened:
            yield opened, journal, engine


def item(name: str) -> BatchItem:
    return BatchItem(str(DATA / f"{name}.flac"), name)


async def test_files_are_translated_and_recorded_and_a_bad_one_stops_no_other(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF, or so it says")
    items = [item("eng_1"), item("deu_1"), BatchItem(str(broken), "broken"), item("fra_1")]
    async with processes(tmp_path, count=2) as (opened, journal, _):
        results = [result async for result in WorkerPool(opened, 4).results(items)]
    assert {result.name: result.status for result in results} == {
        "eng_1": FileStatus.DONE,
        "deu_1": FileStatus.DONE,
        "fra_1": FileStatus.DONE,
        "broken": FileStatus.FAILED,
    }
    for result in results:
        if result.status is FileStatus.DONE:
            assert result.texts["spa"].startswith("spa ")
            assert sorted(result.outputs) == [f"{result.name}.spa.srt", f"{result.name}.spa.wav"]
        assert journal.read(BatchItem(result.source, result.name)) == result


def _slow(request: Request) -> ScriptedRequest:
    return ScriptedRequest(echo_script(request).sequences, encode_s=60.0)


async def test_the_engine_is_told_when_the_process_dies_and_so_is_who_waits(tmp_path: Path) -> None:
    async with processes(tmp_path, _slow) as (opened, journal, engine):
        waiting = asyncio.create_task(opened.translate(item("eng_1")))
        async with asyncio.timeout(60):
            while not engine.live_request_ids:  # noqa: ASYNC110 - it comes from another process
                await asyncio.sleep(0.01)
        os.kill(opened._processes[0].process.pid, signal.SIGKILL)
        with pytest.raises(Unavailable, match="has ended"):
            await asyncio.wait_for(waiting, 60)
        with pytest.raises(Unavailable, match="has ended"):
            await opened.translate(item("eng_2"))
        async with asyncio.timeout(60):
            while engine.live_request_ids:  # noqa: ASYNC110 - the connection's end comes by itself
                await asyncio.sleep(0.01)
        assert journal.read(item("eng_1")) is None


async def test_a_lost_engine_ends_the_batch(tmp_path: Path) -> None:
    async with processes(tmp_path, _slow) as (opened, _, engine):
        waiting = asyncio.create_task(opened.translate(item("eng_1")))
        async with asyncio.timeout(60):
            while not engine.live_request_ids:  # noqa: ASYNC110 - it comes from another process
                await asyncio.sleep(0.01)
        engine.lose_device()
        with pytest.raises(EngineLost):
            await asyncio.wait_for(waiting, 60)


async def test_frames_arrive_whole_or_not_at_all() -> None:
    error = ResourceExhausted("all streams are in use", field="f", retry_after_s=2.0)
    sent = frame((1, error)) + frame((2, "text"))
    file, stream = io.BytesIO(sent), asyncio.StreamReader()
    stream.feed_data(sent)
    stream.feed_eof()
    read = [read_frame(file) for _ in range(3)]
    received = [await receive_frame(stream) for _ in range(3)]
    for (number, arrived), second, end in (read, received):
        assert (number, str(arrived), arrived.description) == (1, str(error), "all streams are in use")
        assert arrived.retry_after_s == 2.0
        assert (second, end) == ((2, "text"), None)
    for length in range(1, len(frame(1))):
        assert read_frame(io.BytesIO(frame(1)[:length])) is None


@pytest.mark.parametrize(("cores", "count"), [(1, 0), (2, 1), (4, 1), (16, 4)])
def test_one_process_reads_for_every_four_cores(
    cores: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    assert default_file_processes() == count
