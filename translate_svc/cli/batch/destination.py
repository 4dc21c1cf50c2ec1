"""The folder that results go to: on a disk, or at an address of fsspec. Every file in it is whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from translate_svc.cli.media.remote_files import is_address, open_address

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class Destination(Protocol):
    """Files by their names, which have ``/`` between folders. Errors are OSError."""

    def put(self, staged: Path, name: str) -> None:
        """Moves a local file there. A reader sees the file as it was before, or whole."""

    def write(self, name: str, text: str) -> None:
        """Writes a small file, in the same way."""

    def read(self, name: str) -> str | None:
        """The text of a small file; None if there is none."""

    def size_bytes(self, name: str) -> int | None:
        """The size of a file; None if there is none."""

    def names(self, folder: str, suffix: str) -> Iterator[str]:
        """The names of all files below a folder that end in ``suffix``, in no order."""


def open_destination(out: str) -> Destination:
    """The folder ``out``, a path or an address. It is made when the first file is written.

    Raises:
        InvalidArgument: nothing here can write to such an address.
    """
    return RemoteFolder(*open_address(out)) if is_address(out) else LocalFolder(Path(out))


class LocalFolder:
    """A folder on a disk. A file survives the loss of power: its data reaches the disk before its name."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, staged: Path, name: str) -> None:
        """Implements ``Destination.put``. ``staged`` must be on the same file system."""
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        _sync(staged)
        staged.replace(target)
        _sync(target.parent)

    def write(self, name: str, text: str) -> None:
        """Implements ``Destination.write``."""
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        try:
            part.write_text(text, encoding="utf-8")
        except OSError as error:  # that of a full disk names no file
            part.unlink(missing_ok=True)
            raise OSError(error.errno, error.strerror, str(target)) from None
        self.put(part, name)

    def read(self, name: str) -> str | None:
        """Implements ``Destination.read``."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return (self._root / name).read_text(encoding="utf-8")
        return None

    def size_bytes(self, name: str) -> int | None:
        """Implements ``Destination.size_bytes``."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return (self._root / name).stat().st_size
        return None

    def names(self, folder: str, suffix: str) -> Iterator[str]:
        """Implements ``Destination.names``."""
        for each in (self._root / folder).rglob(f"*{suffix}"):
            if not each.name.startswith(".") and each.is_file():
                yield each.relative_to(self._root).as_posix()


class RemoteFolder:
    """A folder of a file system of fsspec.

    An object store shows an object when it is whole. Elsewhere an upload may be torn; such a file has no
    record in the journal yet, and does not count.
    """

    def __init__(self, system: AbstractFileSystem, root: str) -> None:
        self._system = system
        self._root = root.rstrip("/")

    def put(self, staged: Path, name: str) -> None:
        """Implements ``Destination.put``."""
        self._system.makedirs(self._at(name).rpartition("/")[0], exist_ok=True)
        self._system.put_file(str(staged), self._at(name))
        staged.unlink()

    def write(self, name: str, text: str) -> None:
        """Implements ``Destination.write``."""
        self._system.makedirs(self._at(name).rpartition("/")[0], exist_ok=True)
        self._system.pipe_file(self._at(name), text.encode())

    def read(self, name: str) -> str | None:
        """Implements ``Destination.read``."""
        with contextlib.suppress(FileNotFoundError):
            return bytes(self._system.cat_file(self._at(name))).decode()
        return None

    def size_bytes(self, name: str) -> int | None:
        """Implements ``Destination.size_bytes``."""
        with contextlib.suppress(FileNotFoundError):
            return int(self._system.info(self._at(name))["size"])
        return None

    def names(self, folder: str, suffix: str) -> Iterator[str]:
        """Implements ``Destination.names``."""
        self._system.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            for path in self._system.find(self._at(folder)):
                if str(path).endswith(suffix):
                    yield str(path).removeprefix(self._root).lstrip("/")

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"


def _sync(path: Path) -> None:
    """Waits until a file's data, or a folder's names, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
