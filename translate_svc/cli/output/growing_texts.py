"""Files of texts that can be read while they grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from translate_svc.cli.output.output_file import naming

_EVERY_S = 2.0


class GrowingTexts:
    """Writes the files of a sink whole, and again as they grow: what a run has translated until it is ended,
    or loses its server, can be read.

    Pipes and devices are written once, at the end.
    """

    def __init__(self, rendered: Callable[[], Iterable[tuple[Path, str]]]) -> None:
        """``rendered`` returns the files, each with the text that it should hold now."""
        self._rendered = rendered
        self._written_s = time.monotonic()

    def grow(self) -> None:
        """Writes all files, if they were not written in the last two seconds."""
        if time.monotonic() - self._written_s >= _EVERY_S:
            self._overwrite()

    def keep(self) -> None:
        """Writes all files of a run that fails or is interrupted, as far as there is room for them."""
        with suppress(OSError):
            self._overwrite()

    def finish(self) -> None:
        """Writes all files, pipes and devices too."""
        self._overwrite()
        for path, text in self._rendered():
            if not path.is_file():
                with naming(path):
                    path.write_text(text, encoding="utf-8")

    def _overwrite(self) -> None:
        for path, text in self._rendered():
            if path.is_file():
                _overwrite(path, text)
        self._written_s = time.monotonic()


def _overwrite(path: Path, text: str) -> None:
    """Without a moment in which the file is empty."""
    with naming(path), path.open("r+", encoding="utf-8") as file:
        file.write(text)
        file.truncate()
