"""Output files that are complete or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from translate_svc.errors import InvalidArgument


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """Yields the path of a hidden file next to ``path``, and renames it to ``path`` at the end of the block.

    If the block raises, the hidden file is removed and an existing ``path`` stays unchanged. If ``path`` is
    not a regular file (a pipe, ``/dev/null``), the block writes to it directly.

    Raises:
        InvalidArgument: ``path`` is a directory, or its folder is missing or not writable. Names the path.
    """
    target = path.resolve()
    if target.exists() and not target.is_file() and not target.is_dir():
        yield target
        return
    if target.is_dir():
        raise InvalidArgument("is a directory", field=str(path))
    if not target.parent.is_dir():
        raise InvalidArgument("its folder does not exist", field=str(path))
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise InvalidArgument(f"cannot be written: {error.strerror}", field=str(path)) from None
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def path_for(path: Path, code: str, *, several: bool) -> Path:
    """``out.wav``, or ``out.spa.wav`` if there are ``several`` languages."""
    return path.with_name(f"{path.stem}.{code}{path.suffix}") if several else path
