"""Records ``translate-svc demo`` into docs/images/demo.svg: ``python -m docs_site.record_demo``.

Run it on an idle machine: the picture shows the times that were measured.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyte

from docs_site.repository_links import ROOT
from docs_site.terminal_picture import Line, Run, Screen, animated

PICTURE = ROOT / "docs" / "images" / "demo.svg"
_COLUMNS, _ROWS = 112, 34
_HOLD_S = 6.0
_MAX_START_S = 1.5
"""How long the start of the server is shown; the rest keeps its time."""
_MIN_SCREEN_S = 0.04


def recorded(command: list[str], folder: Path) -> Iterator[tuple[float, bytes]]:
    """What a command writes to a terminal: seconds since its start, and bytes.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRANSLATE_SVC_")}
        own = {
            "TERM": "xterm-256color",
            "COLUMNS": str(_COLUMNS),
            "LINES": str(_ROWS),
            "PYTHONPATH": str(ROOT),
        }
        os.execve(command[0], command, kept | own)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    began_s = time.monotonic()
    try:
        while data := _read(terminal):
            yield time.monotonic() - began_s, data
        _, status = os.waitpid(pid, 0)
        if code := os.waitstatus_to_exitcode(status):
            raise subprocess.CalledProcessError(code, command)
    except GeneratorExit:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(terminal)


def _read(terminal: int) -> bytes:
    """The next bytes; none at the end, which Linux tells as an error."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


def screens(recording: Iterator[tuple[float, bytes]]) -> list[Screen]:
    """The screens of a recording. A screen that is there for a moment alone is left out."""
    screen = pyte.Screen(_COLUMNS, _ROWS)
    stream = pyte.ByteStream(screen)
    stream.feed(b"$ translate-svc demo\r\n")
    found = [Screen(0.0, _lines(screen))]
    for at_s, data in recording:
        stream.feed(data)
        lines = _lines(screen)
        if lines == found[-1].lines:
            continue
        if at_s - found[-1].at_s < _MIN_SCREEN_S and len(found) > 1:
            found[-1] = Screen(found[-1].at_s, lines)
        else:
            found.append(Screen(at_s, lines))
    return _shortened(found)


def _shortened(found: list[Screen]) -> list[Screen]:
    """With at most ``_MAX_START_S`` before the clip begins."""
    begins = next((each.at_s for each in found if "in real time" in _text(each)), 0.0)
    cut_s = max(0.0, begins - _MAX_START_S)
    return [Screen(max(each.at_s - cut_s, min(each.at_s, _MAX_START_S)), each.lines) for each in found]


def _text(screen: Screen) -> str:
    return "\n".join("".join(run.text for run in line) for line in screen.lines)


def _lines(screen: pyte.Screen) -> tuple[Line, ...]:
    return tuple(_line(screen.buffer[row], screen.columns) for row in range(screen.lines))


def _line(cells: dict[int, pyte.screens.Char], columns: int) -> Line:
    runs = []
    column = 0
    for (color, bold), group in groupby(
        (cells[each] for each in range(columns)), lambda cell: (cell.fg, cell.bold)
    ):
        text = "".join(cell.data for cell in group)
        shown = text.strip()
        if shown:
            runs.append(Run(column + len(text) - len(text.lstrip()), shown, color, bold))
        column += len(text)
    return tuple(runs)


def main() -> None:
    """The program."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "translate_svc", "demo"]
        found = screens(recorded(command, Path(folder)))
    rows = max(
        len(each.lines) - next((n for n, line in enumerate(reversed(each.lines)) if line), 0)
        for each in found
    )
    title = "translate-svc demo: English speech becomes Spanish, French and German while it is spoken"
    PICTURE.write_text(animated(found, _COLUMNS, rows, hold_s=_HOLD_S, title=title), encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)}: {len(found)} screens, {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
