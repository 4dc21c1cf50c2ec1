"""``translate-svc serve`` as a process of its own: started, asked for its metrics, and ended for certain."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.request import urlopen

_ROOT = Path(__file__).parents[3]
_DRAIN_S = 4.0
_LOG_TAIL = 1_500

Metrics = dict[str, float]
"""By name and labels, as Prometheus writes them."""


class Server:
    """Begins to start at once; ``wait`` for it, and ``end`` it. Its log stays in ``log``."""

    def __init__(self, module: str, flags: Sequence[str], log: Path) -> None:
        # imported here because the other parts do without the packages that it needs
        from benchmarks.resume.servers import free_ports

        (self._admin_port,) = free_ports(1)
        self._log = log
        self._began_s = time.monotonic()
        self.target = ""
        """Where gRPC is served; empty before it is ready."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRANSLATE_SVC_")}
        command = (sys.executable, "-m", module, "serve", "--host", "127.0.0.1", "--port", "0")
        with log.open("wb") as written:
            self._process = subprocess.Popen(
                (*command, "--admin-port", str(self._admin_port), *flags),
                stdout=subprocess.PIPE,
                stderr=written,
                cwd=_ROOT,
                env=kept,
            )

    def wait(self, seconds: float) -> float:
        """Returns when it is ready: after how many seconds since it began to start (or since it was asked).

        Raises:
            RuntimeError: it ended, or was not ready in ``seconds``. The message ends with its log.
        """
        from translate_svc.cli.commands.serve import READY_PREFIX

        assert self._process.stdout is not None
        if not self.target:
            said = self._process.stdout
            readable = not said.closed and select.select([said], [], [], max(1.0, seconds))[0]
            line = said.readline().decode().strip() if readable else ""
            if not line.startswith(READY_PREFIX):
                self.end()
                raise RuntimeError(f"the server did not start: {self._log.read_text()[-_LOG_TAIL:]}")
            self.target = line.removeprefix(READY_PREFIX)
        return time.monotonic() - self._began_s

    def metrics(self) -> Metrics:
        """Of all its processes, now."""
        text = urlopen(f"http://127.0.0.1:{self._admin_port}/metrics", timeout=5).read().decode()
        return {name: float(value) for name, value in re.findall(r"^([a-z]\S*) (\S+)$", text, re.MULTILINE)}

    def end(self) -> None:
        """Asks it to leave, and kills it if it does not. Front processes end with it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_DRAIN_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
