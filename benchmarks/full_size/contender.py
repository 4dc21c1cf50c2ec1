"""A side of the comparison, as the process that measures sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

_ROOT = Path(__file__).parents[2]


class Contender:
    """A process that has loaded the model, for the length of a ``with`` block.

    Attributes:
        start_s: from the start of the process until it had loaded.
        loaded: its memory then.
    """

    def __init__(self, folder: Path, side: str, dtype: str, *, slots: int, threads: int) -> None:
        """``side``: ``ours`` or ``transformers``.

        Raises:
            RuntimeError: it ended.
        """
        self.name = f"{side}, {dtype}"
        started = time.monotonic()
        module = "benchmarks.full_size.contender_process"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(folder), side, dtype, str(slots), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        )
        self.loaded = self._answer()
        self.start_s = time.monotonic() - started

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Lets it do something. What it measured, and its memory afterwards."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            _, error = self._process.communicate()
            raise RuntimeError(f"{self.name} ended with {self._process.returncode}: {error[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Contender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
