"""Output files that are complete or absent."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from translate_svc.cli.interrupts import remove_leftovers, removed_at_end
from translate_svc.errors import InvalidArgument

_MAX_NAME_BYTES = 200
"""Of the 255 that a name of a file may have."""


class OutputFiles(ExitStack):
    """The output files of one command: all of them appear when its block ends, or none if it raises.

    They never replace a file that the command reads, under any name, and never each other.

    Attributes:
        kept: hidden files with texts that a block which raised had written; see ``output_file``.
    """

    def __init__(self, inputs: Collection[Path] = ()) -> None:
        """``inputs``: the files that the command reads."""
        super().__init__()
        self.kept: list[Path] = []
        self._inputs = inputs
        self._targets: set[Path] = set()

    def add(self, path: Path, *, grows: bool = False) -> Path:
        """The file to write in place of ``path``; see ``output_file``. ``grows``: half of it is of use, too.

        Raises:
            InvalidArgument: ``path`` is an input, an earlier output or a flag, or nothing can be written
                there. Names the path.
        """
        if str(path).startswith("--"):
            raise InvalidArgument("is a flag, and the one before it wants a file", field=str(path))
        # what is written: `absent/../film.mp4` names a file, although nothing can be opened by that name
        target = path.resolve()
        if any(_is_same_file(target, each) for each in self._inputs):
            raise InvalidArgument("is the input, which would be lost; choose another name", field=str(path))
        if target in self._targets and not _is_special(target):
            raise InvalidArgument("would be written twice", field=str(path))
        self._targets.add(target)
        return self.enter_context(output_file(path, self.kept if grows else None))

    def at_failure(self, act: Callable[[], None]) -> None:
        """Calls ``act`` if the block raises, before its files are removed."""

        def acting(kind: object, *_: object) -> None:
            if kind is not None:
                act()

        self.push(acting)


@contextmanager
def output_file(path: Path, kept: list[Path] | None = None) -> Iterator[Path]:
    """Yields the path of a hidden file next to ``path``, and renames it to ``path`` at the end of the block.

    If the block raises, the hidden file is removed and an existing ``path`` stays unchanged. With ``kept`` an
    error or an interruption leaves it, if it holds anything, and adds it to that list. What is left, also by
    a process that was killed, is removed by the next one that writes ``path``. If ``path`` is not a regular
    file (a pipe, ``/dev/null``), the block writes to it directly.

    Raises:
        InvalidArgument: ``path`` is a directory, or its folder is missing or not writable. Names the path.
        OSError: the block could not write. If it named the hidden file (``naming``), this names ``path``.
    """
    target = path.resolve()
    if _is_special(target):
        yield target
        return
    if target.is_dir():
        raise InvalidArgument("is a directory", field=str(path))
    if not target.parent.is_dir():
        raise InvalidArgument("its folder does not exist", field=str(path))
    hidden = f".{short_name(target.name, _MAX_NAME_BYTES)}"
    leftovers = f"{glob.escape(hidden)}.[0-9]*.part"
    remove_leftovers(target.parent, leftovers)
    part = target.with_name(f"{hidden}.{os.getpid()}.part")
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise InvalidArgument(f"cannot be written: {error.strerror}", field=str(path)) from None
    try:
        with removed_at_end(part), _kept_if_raised(part, kept):
            yield part
            part.replace(target)
            remove_leftovers(target.parent, leftovers)
    except OSError as error:
        if error.errno is not None and error.filename == str(part):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


@contextmanager
def _kept_if_raised(part: Path, kept: list[Path] | None) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if kept is not None and part.is_file() and part.stat().st_size:
            kept.append(part.replace(part.with_suffix(f".kept{part.suffix}")))
        raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """In the block, an OSError of writing, such as that of a full disk, names the file ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def path_for(path: Path, code: str, *, several: bool) -> Path:
    """``out.wav``, or ``out.spa.wav`` if there are ``several`` languages."""
    return path.with_name(f"{path.stem}.{code}{path.suffix}") if several else path


def short_name(name: str, max_bytes: int) -> str:
    """``name`` of a file, or a hash of it if it has more bytes: something is to be added to it."""
    encoded = os.fsencode(name)
    return name if len(encoded) <= max_bytes else hashlib.sha256(encoded).hexdigest()


def _is_special(target: Path) -> bool:
    return target.exists() and not target.is_file() and not target.is_dir()


def _is_same_file(output: Path, source: Path) -> bool:
    """Whether both are one regular file, also through links."""
    return output.is_file() and source.is_file() and output.samefile(source)
