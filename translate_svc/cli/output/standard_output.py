"""Standard output, as commands that show texts write to it."""

from __future__ import annotations

import codecs
import io
import os
import select
import sys
from typing import NoReturn

from rich.console import Console

_LACKING = "translate_svc.lacking"


def replace_closed_streams() -> None:
    """A standard input or a standard error that is closed (``<&-``, ``2>&-``) is ``/dev/null``.

    Else the next file or socket gets its descriptor and is taken for it, and what is printed to standard
    error comes on standard output.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(_null(os.O_RDONLY), encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(_null(os.O_WRONLY), "w", encoding="utf-8")


def _null(access: int) -> int:
    """A descriptor of ``/dev/null`` that child processes have, too."""
    descriptor = os.open(os.devnull, access)
    os.set_inheritable(descriptor, True)
    return descriptor


def write_what_encoding_lacks() -> None:
    """Characters that the encoding of standard output lacks, as ASCII lacks all accents, are written as
    Python writes them in a string (``\\xe9``), and standard error says so once. Without this they end the
    command.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors != _LACKING:
        codecs.register_error(_LACKING, _Lacking(sys.stdout.errors or "strict"))
        sys.stdout.reconfigure(errors=_LACKING)


def drop_output() -> None:
    """Nothing is written to standard output any more; at the exit, what a failed write has left would be."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_reader() -> None:
    """Raises BrokenPipeError: the reader of standard output has left, which else only a write would tell."""
    if not hasattr(select, "poll"):  # as on Windows
        return
    reader = select.poll()
    reader.register(sys.stdout.fileno(), 0)
    if any(state & select.POLLERR for _, state in reader.poll(0)):
        raise BrokenPipeError


class _Lacking:
    """A handler of ``codecs.register_error``."""

    def __init__(self, before: str) -> None:
        """``before``: the name of the handler that goes first, such as one of PYTHONIOENCODING."""
        self._before = codecs.lookup_error(before)
        self._is_told = False

    def __call__(self, error: UnicodeError) -> tuple[str | bytes, int]:
        try:
            return self._before(error)
        except UnicodeError:
            self._tell(error)
            return codecs.backslashreplace_errors(error)

    def _tell(self, error: UnicodeError) -> None:
        if isinstance(error, UnicodeEncodeError) and not self._is_told:
            self._is_told = True
            lacks = f"standard output in {error.encoding} has no {error.object[error.start]!a}"
            print(
                f"translate-svc: {lacks}: such characters are escaped; PYTHONIOENCODING=utf-8 writes all",
                file=sys.stderr,
            )


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
