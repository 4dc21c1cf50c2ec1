"""Standard output, as commands that show texts write to it."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console


class StandardOutput(Console):
    """A console whose writes raise BrokenPipeError when the reader has left, as ``head`` does.

    Rich ends the process instead. A task that does so ends the event loop beneath all other tasks.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        """``quiet``: nothing is shown."""
        super().__init__(highlight=False, quiet=quiet)

    def on_broken_pipe(self) -> NoReturn:
        """Implements ``Console.on_broken_pipe``, which is called while the error is handled."""
        raise BrokenPipeError
