"""``translate-svc serve`` with the starter checkpoint, as a process that is attacked."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.request import urlopen

from translate_svc.access.api_keys import key_line, new_key
from translate_svc.cli.commands.serve import READY_PREFIX

_ROOT = Path(__file__).parents[2]
_STARTER = _ROOT / "model_cache" / "starter"


class AttackedServer:
    """The process. ``target`` and ``admin`` are its addresses; ``keys`` are the API keys that it takes.

    The memory of its children counts too: Envoy's, with ``--guard``.
    """

    def __init__(self, pid: int, target: str, admin: str, keys: dict[str, str]) -> None:
        self._pid = pid
        self._pids = [pid, *_children(pid)]
        self.target = target
        self.admin = admin
        self.keys = keys

    def forget_peak(self) -> None:
        """Lets ``peak_mib`` begin anew (``proc(5)``, ``clear_refs``)."""
        for pid in self._pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak_mib(self) -> float:
        """The most resident memory since the start, or since ``forget_peak``."""
        return sum(_status_mib(pid, "VmHWM") for pid in self._pids)

    def resident_mib(self) -> float:
        """The resident memory of now."""
        return sum(_status_mib(pid, "VmRSS") for pid in self._pids)

    def cpu_s(self) -> float:
        """The processor time that it has taken, without its children."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def metrics(self) -> dict[str, float]:
        """Those without labels, by their names without `translate_svc_`."""
        url = f"http://{self.admin}/metrics"
        text = (await asyncio.to_thread(lambda: urlopen(url).read())).decode()
        found = re.findall(r"^translate_svc_(\w+) (\S+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _status_mib(pid: int, name: str) -> float:
    (kilobytes,) = re.findall(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kilobytes) / 1024


@asynccontextmanager
async def attacked_server(
    directory: Path, names: Sequence[str], flags: Sequence[str] = ()
) -> AsyncIterator[AttackedServer]:
    """A server that is ready, and takes a key of each name; at the end it is killed."""
    keys = {name: new_key() for name in names}
    file = directory / "keys"
    file.write_text("".join(f"{key_line(name, key)}\n" for name, key in keys.items()))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRANSLATE_SVC_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "translate_svc", "serve", "--model", str(_STARTER), "--api-keys", str(file)),
        *("--port", "0", "--admin-port", "0", "--no-measure-capacity", *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=_ROOT,
        env=kept | {"OMP_NUM_THREADS": "1"},
    )
    draining = None
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        said = re.search(r"metrics and probes on ([\d.:]+)", (await process.stderr.readline()).decode())
        draining = asyncio.create_task(_drain(process.stderr))  # nothing waits for what nobody reads
        ready = (await process.stdout.readline()).decode().strip()
        if said is None or not ready.startswith(READY_PREFIX):
            raise RuntimeError(f"the server did not start: {ready!r}")
        yield AttackedServer(process.pid, ready.removeprefix(READY_PREFIX), said[1], keys)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if draining is not None:
            await draining


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(64 * 1024):
        pass
