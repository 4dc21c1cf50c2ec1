"""A server whose memory runs short leaves while it still can."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from tests.cli.process import serving
from tests.faults.bystanders import clip, listen, speak
from tests.virtual_time import virtual_time
from translate_svc.cli.memory_watch import MemoryWatch
from translate_svc.client import AsyncClient
from translate_svc.errors import Unavailable
from translate_svc.memory_limits import MemoryUse, memory_to_hold, memory_uses

MIB = 1 << 20


def _leave_memory(pid: int, *, share: float) -> None:
    """Limits a process so that it has so much of its address space left."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    limit_bytes = round(pages * resource.getpagesize() / (1 - share))
    resource.prlimit(pid, resource.RLIMIT_AS, (limit_bytes, resource.RLIM_INFINITY))


def _give_memory(pid: int) -> None:
    """Takes the limit away: how much more a drain needs is another question."""
    resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


async def _ask_on(client: AsyncClient) -> None:
    """Until it is refused. The server looks at its memory four times a second."""
    async with asyncio.timeout(60):
        while True:
            await client.translate(text="Hello.", source="en", targets=["es"]).result()
            await asyncio.sleep(0.1)


async def test_it_sends_its_callers_on_and_exits_with_3() -> None:
    samples, rate_hz = clip()
    async with (
        serving("--drain-grace-s", "60") as (process, address),
        AsyncClient(address) as client,
        client.stream(targets=["es"], source="en", sample_rate_hz=rate_hz) as stream,
    ):
        undisturbed = await speak(address)
        # what the first call allocates, such as the arena of a thread, is not to be the shortage
        await client.translate(text="Hello.", source="en", targets=["es"]).result()
        reading = asyncio.create_task(listen(stream))
        await stream.send(samples[: len(samples) // 2])
        _leave_memory(process.pid, share=0.049)  # it drains at 0.05; more of it bears a spike
        with pytest.raises(Unavailable):
            await _ask_on(client)
        _give_memory(process.pid)
        await stream.send(samples[len(samples) // 2 :])
        await stream.end()
        heard = await reading
        _, error = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 3
    assert heard.warnings == ["go_away"]
    heard.warnings.clear()
    heard.assert_same(undisturbed)
    told = [json.loads(line)["message"] for line in error.decode().splitlines() if "memory is short" in line]
    assert len(told) == 1
    assert "of address space (ulimit -v)" in told[0]


def test_it_tells_at_95_percent_and_once_more_before_the_end() -> None:
    told: list[tuple[float, int]] = []

    async def scenario() -> None:
        clock = asyncio.get_running_loop().time

        def used() -> list[MemoryUse]:
            """A process that grows by one percent a second, and a limit that is never near."""
            return [MemoryUse("data", round(900 + 10 * clock()), 1_000), MemoryUse("group", 1, 1_000)]

        await MemoryWatch(lambda use: told.append((clock(), use.used_bytes)), used).run()

    with virtual_time() as runner:
        runner.run(scenario())
    assert [used for _, used in told] == [pytest.approx(950, abs=5), pytest.approx(975, abs=5)]
    assert told[0][0] == pytest.approx(5, abs=0.5)


def test_without_a_limit_it_never_tells() -> None:
    async def scenario() -> None:
        watching = asyncio.create_task(MemoryWatch(lambda use: pytest.fail(str(use)), list).run())
        await asyncio.sleep(3_600)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    with virtual_time() as runner:
        runner.run(scenario())


@pytest.mark.parametrize(
    ("line", "folder", "limit_file", "used_file", "unlimited", "prefix"),
    [
        ("0::/pods/pod1", "", "memory.max", "memory.current", "max", ""),
        (
            *("4:memory:/pods/pod1", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
            *("9223372036854771712", "total_"),
        ),
    ],
    ids=["version 2", "version 1"],
)
def test_control_groups_count_without_the_pages_of_files(
    line: str, folder: str, limit_file: str, used_file: str, unlimited: str, prefix: str, tmp_path: Path
) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    inner = groups / folder / "pods" / "pod1"
    inner.mkdir(parents=True)
    proc.mkdir()
    (proc / "cgroup").write_text(f"9:name=systemd:/\n8:pids:/\n{line}\n")
    stat = {"anon": 1, f"{prefix}active_file": 200 * MIB, f"{prefix}inactive_file": 100 * MIB}
    for group, limit in ((inner, unlimited), (inner.parent, str(1_000 * MIB))):
        (group / limit_file).write_text(f"{limit}\n")
        (group / used_file).write_text(f"{970 * MIB}\n")
        (group / "memory.stat").write_text("".join(f"{name} {value}\n" for name, value in stat.items()))
    (use,) = memory_uses(proc, groups)
    assert (use.used_bytes, use.limit_bytes) == (670 * MIB, 1_000 * MIB)
    assert str(use) == "670 of 1000 MiB of the control group"
    assert memory_uses(tmp_path / "nowhere", tmp_path / "nowhere") == []


def test_what_a_process_can_hold_is_bounded_by_the_tightest_limit(tmp_path: Path) -> None:
    proc, group = tmp_path / "proc", tmp_path / "groups" / "pod1"
    page = resource.getpagesize()
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "statm").write_text(f"9000 {100 * MIB // page} 10 1 0 500 0\n")
    (proc / "self" / "cgroup").write_text("0::/pod1\n")
    (proc / "meminfo").write_text("MemTotal: 9999999 kB\nMemAvailable: 2048000 kB\nSwapFree: 99 kB\n")
    assert memory_to_hold(proc, tmp_path) == MemoryUse("the machine", 100 * MIB, 2_100 * MIB)
    group.mkdir(parents=True)
    (group / "memory.max").write_text(f"{1_000 * MIB}\n")
    (group / "memory.current").write_text(f"{600 * MIB}\n")
    (group / "memory.stat").write_text(f"inactive_file {50 * MIB}\n")
    assert memory_to_hold(proc, tmp_path / "groups") == MemoryUse("the control group", 100 * MIB, 550 * MIB)
    assert memory_to_hold(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "command",
    ["serve --port 0 --no-admin", pytest.param("translate CLIP --from en --to es", marks=pytest.mark.slow)],
)
def test_a_model_that_cannot_fit_is_refused_before_it_is_loaded(command: str, tmp_path: Path) -> None:
    sound = tmp_path / "clip.wav"
    samples, rate_hz = clip()
    soundfile.write(sound, samples, rate_hz)
    line = f"ulimit -v 6000000; exec {sys.executable} -m translate_svc {command.replace('CLIP', str(sound))}"
    environment = os.environ | {"TRANSLATE_SVC_MAX_SLOTS": "4000"}
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment, timeout=60)
    assert ended.returncode == 1
    told = ended.stderr.strip().splitlines()[-1]
    assert re.search(
        r"TRANSLATE_SVC_MAX_SLOTS: the model needs 1[01]\.\d\d GB", told
    )  # CUDA's libraries count
    assert re.search(r"10\.2\d GB caches", told)
    assert "address space (ulimit -v) has" in told
