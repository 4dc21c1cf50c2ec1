"""Probes: each in its own try, each a line of JSON, within the time of its part."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FILE = "first.jsonl"

Figures = Mapping[str, Any]


class LeftOut(Exception):
    """A probe that does not apply here, or lacks something. The message says what."""


class Recorder:
    """Runs probes and appends a line for each to ``first.jsonl`` in a folder.

    A line has ``part``, ``probe``, ``seconds`` and one of: ``figures``, ``error``, ``left_out``.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.until_s = 0.0
        self._clock = clock
        self._path = folder / FILE

    def begin_part(self, seconds: float) -> None:
        """The next probes belong to a part that may take so long. No probe is begun later."""
        self.until_s = self._clock() + seconds

    @property
    def left_s(self) -> float:
        """Seconds left to the part."""
        return self.until_s - self._clock()

    def run(self, part: str, name: str, probe: Callable[[], Figures]) -> bool:
        """Runs one probe and writes its line. Returns whether it did not fail."""
        started_s = self._clock()
        line: dict[str, Any] = {"part": part, "probe": name}
        if self.left_s <= 0:
            line["left_out"] = "no time"
        else:
            try:
                line["figures"] = dict(probe())
            except LeftOut as reason:
                line["left_out"] = str(reason)
            except Exception as error:
                line["error"] = f"{type(error).__name__}: {error}"
                line["where"] = traceback.format_tb(error.__traceback__)[-3:]
        line["seconds"] = round(self._clock() - started_s, 3)
        text = json.dumps(line, default=str)
        print(text, flush=True)
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(text + "\n")
            lines.flush()
            os.fsync(lines.fileno())
        return "error" not in line
