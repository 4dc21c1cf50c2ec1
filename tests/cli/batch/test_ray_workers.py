"""``batch --ray`` on a real cluster of two nodes on this machine, whose workers and nodes die."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import ROOT, STARTER, environment
from tests.clips import texts
from translate_svc.cli.backends.local_backend import LocalBackend
from translate_svc.cli.batch.arguments import BatchArguments
from translate_svc.cli.batch.items import batch_items
from translate_svc.cli.batch.journal import FileResult, FileStatus, Journal
from translate_svc.cli.batch.ray_workers import RayWorkers, ray_cluster
from translate_svc.cli.batch.run import BatchRun, RayOptions
from translate_svc.cli.batch.worker_pool import WorkerPool
from translate_svc.errors import Unavailable

DATA = ROOT / "tests" / "data"
NAMES = [path.stem for path in sorted(DATA.glob("*.flac"))]
FLAGS = {"model": STARTER, "device": "cpu"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one processor each."""
    from ray import cluster_utils as utilities

    before = dict(os.environ)
    os.environ |= environment({"PYTHONPATH": str(ROOT), "RAY_worker_niceness": "0"})
    cluster = utilities.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    try:
        yield cluster
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
        os.environ.clear()
        os.environ |= before


def _arguments(folder: Path, out: Path) -> BatchArguments:
    return BatchArguments(
        inputs=(str(folder),), out=str(out), to=("spa",), forms=("srt", "wav"), files_at_once=3
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten clips, twice."""
    for part in ("a", "b"):
        (tmp_path / "talks" / part).mkdir(parents=True)
        for name in NAMES[:10]:
            shutil.copy(DATA / f"{name}.flac", tmp_path / "talks" / part)
    return tmp_path / "talks"


def _check(results: list[FileResult], out: Path) -> None:
    assert [result.reason for result in results if result.status is not FileStatus.DONE] == []
    assert len(results) == len({result.name for result in results}) == 20, "nothing is lost, nothing is twice"
    assert sorted(each.name for each in Journal(str(out)).results()) == sorted(each.name for each in results)
    for result in results:
        assert result.outputs
        for name, size in result.outputs.items():
            assert (out / name).stat().st_size == size
        if result.name[2:] in ("eng_1", "deu_1", "fra_1"):
            assert result.texts == {"spa": texts(result.name[2:])["spa"]}


async def _process_id(handle: Any) -> int:
    """Waits for an actor that is being restarted."""
    from ray.exceptions import ActorUnavailableError

    async with asyncio.timeout(120):
        while True:
            try:
                pid: int = await handle.process_id.remote()
            except ActorUnavailableError:
                await asyncio.sleep(0.5)
            else:
                return pid


def _raylet(node: Any) -> int:
    pid: int = node.all_processes["raylet"][0].process.pid
    return pid


def _parent(pid: int) -> int:
    (line,) = (
        line
        for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
        if line.startswith("PPid:")
    )
    return int(line.split()[1])


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_death_of_a_worker_and_of_a_node_loses_nothing(
    cluster: Any, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = _arguments(folder, out)
    journal = Journal(str(out))
    results: list[FileResult] = []
    with journal.staging() as staging, ray_cluster(cluster.address):
        workers = RayWorkers(arguments, FLAGS, journal, staging, 0)
        assert workers.actors == 2, "one for each node"
        pids = [await _process_id(handle) for handle in workers.handles]
        lost_node = cluster.list_all_nodes()[-1]
        (victim,) = (pid for pid in pids if _parent(pid) != _raylet(lost_node))
        crew = WorkerPool(workers, arguments.files_at_once * workers.actors)
        async for result in crew.results(batch_items(arguments.inputs, str(out))):
            results.append(result)
            if len(results) == 3:
                os.kill(victim, signal.SIGKILL)
            if len(results) == 8:
                cluster.remove_node(lost_node, allow_graceful=False)
                cluster.add_node(num_cpus=1)
        again = {await _process_id(handle) for handle in workers.handles}
    assert not again & set(pids), "both were restarted"
    _check(results, out)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_command_uses_the_cluster(
    cluster: Any, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (folder / "broken.wav").write_bytes(b"RIFF")
    arguments = _arguments(folder, out)
    run = BatchRun(arguments, LocalBackend(FLAGS), RayOptions(cluster.address, 1, FLAGS))
    with pytest.raises(Exception, match="1 of 21 files were not translated whole"):
        await run.run()
    output, error = capfd.readouterr()
    assert output.startswith("21 files: 20 translated, 1 failed; ")
    assert "broken.wav: failed: is not an audio or video file" in error
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 21


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_what_an_engine_says_reaches_the_user(cluster: Any, folder: Path, tmp_path: Path) -> None:
    arguments, flags = _arguments(folder, tmp_path / "out"), {"model": "/no/such/model"}
    run = BatchRun(arguments, LocalBackend(FLAGS), RayOptions(cluster.address, 1, flags))
    with pytest.raises(Exception, match="/no/such/model"):
        await run.run()


async def test_a_cluster_that_is_not_there_is_told(folder: Path, tmp_path: Path) -> None:
    run = BatchRun(
        _arguments(folder, tmp_path / "out"), LocalBackend(FLAGS), RayOptions("127.0.0.1:1", 1, FLAGS)
    )
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1: the Ray cluster cannot be reached"):
        await run.run()
