"""Files at addresses (``s3://bucket/talks``), through fsspec, which comes with PyTorch."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from translate_svc.errors import InvalidArgument

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_WHEN = ("ETag", "etag", "mtime", "LastModified", "created")
"""What file systems call the age of a file."""

_ADDRESS = re.compile("[a-z][a-z0-9+.-]*(::|://)")


def is_address(text: str) -> bool:
    """Whether ``text`` is an address and not a path."""
    return _ADDRESS.match(text) is not None


def open_address(address: str) -> tuple[AbstractFileSystem, str]:
    """The file system of an address, and the path in it.

    Raises:
        InvalidArgument: nothing here can read such addresses. Says which package is missing.
    """
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise InvalidArgument(f"cannot be opened: {error}", field=address) from None
    return system, str(path)


def matching(address: str, suffixes: Collection[str]) -> Iterator[tuple[str, str]]:
    """The files of an address: the file itself, those of a pattern, or those below a folder that have one of
    ``suffixes``. Each with its name: its path below the folder, without the suffix.

    Raises:
        InvalidArgument: it cannot be looked at. Names the address.
    """
    try:
        yield from _matching(address, suffixes)
    except OSError as error:
        raise InvalidArgument(f"cannot be read: {error.strerror or error}", field=address) from None


def _matching(address: str, suffixes: Collection[str]) -> Iterator[tuple[str, str]]:
    system, path = open_address(address)
    if glob.has_magic(path):
        root = path[: re.search(r"[*?\[]", path).start()].rpartition("/")[0]  # type: ignore[union-attr]
        found = [each for each in system.glob(path) if not system.isdir(each)]
    # over HTTP a file would be read whole to find out
    elif PurePosixPath(path).suffix.lower() not in suffixes and system.isdir(path):
        root, found = path, system.find(path)
        found = [each for each in found if PurePosixPath(each).suffix.lower() in suffixes]
    else:
        root, found = path.rpartition("/")[0], [path]
    for each in sorted(found):
        name = PurePosixPath(each.removeprefix(root).lstrip("/")).with_suffix("")
        yield system.unstrip_protocol(each), str(name)


def version(address: str) -> str:
    """A text that changes when the file does: its size and when it was written, as far as that is known.

    Raises:
        OSError: there is no such file.
    """
    if not is_address(address):
        known = Path(address).stat()
        return f"{known.st_size} bytes, {int(known.st_mtime)}"
    system, path = open_address(address)
    info = system.info(path)
    changed = next((info[key] for key in _WHEN if key in info), "")
    return f"{info.get('size')} bytes, {changed}"


def size_bytes(address: str) -> int:
    """The size of a file; 0 if it is not known or there is none."""
    try:
        return int(version(address).partition(" ")[0])
    except (OSError, ValueError, InvalidArgument):
        return 0


def download(address: str, folder: Path) -> Path:
    """Copies the file at ``address`` into ``folder``, under its own name.

    Raises:
        InvalidArgument: it cannot be read. Names the address.
    """
    system, path = open_address(address)
    target = folder / PurePosixPath(path).name
    try:
        system.get_file(path, str(target))
    except OSError as error:
        gone = isinstance(error, FileNotFoundError)
        reason = "there is no such file" if gone else error.strerror or str(error)
        raise InvalidArgument(f"cannot be read: {reason}", field=address) from None
    return target
