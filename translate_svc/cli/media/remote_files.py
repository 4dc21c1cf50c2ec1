"""Files at addresses (``s3://bucket/talks``), through fsspec, which comes with PyTorch."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from translate_svc.errors import InvalidArgument

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_WHEN = ("ETag", "etag", "mtime", "LastModified", "created")
"""What file systems call the age of a file."""

_SILENCE_S = 60.0
"""How long a web server may send nothing."""

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
        system, path = fsspec.core.url_to_fs(address, **_web_settings(address))
    except (ImportError, ValueError) as error:
        raise InvalidArgument(f"cannot be opened: {error}", field=address) from None
    return system, str(path)


def _web_settings(address: str) -> dict[str, dict[str, Any]]:
    """Settings by protocol: a large file may take longer than the five minutes that aiohttp gives any."""
    protocols = [each for each in ("http", "https") if f"{each}://" in address]
    if not protocols:
        return {}
    from aiohttp import ClientTimeout

    timeout = ClientTimeout(total=None, sock_connect=_SILENCE_S, sock_read=_SILENCE_S)
    return {each: {"client_kwargs": {"timeout": timeout}} for each in protocols}


@contextmanager
def _refusing(address: str) -> Iterator[None]:
    """Raises InvalidArgument, which names the address, for what is raised in the block. The libraries of file
    systems have errors of their own, with no common base: aiohttp's for HTTP 500 is no OSError.
    """
    try:
        yield
    except InvalidArgument:
        raise
    except FileNotFoundError:
        raise InvalidArgument("cannot be read: there is no such file", field=address) from None
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise InvalidArgument(f"cannot be read: {reason}", field=address) from None
    except Exception as error:
        raise InvalidArgument(f"cannot be read: {type(error).__name__}: {error}", field=address) from None


def matching(address: str, suffixes: Collection[str]) -> Iterator[tuple[str, str]]:
    """The files of an address: the file itself, those of a pattern, or those below a folder that have one of
    ``suffixes``. Each with its name: its path below the folder, without the suffix.

    Raises:
        InvalidArgument: it cannot be looked at. Names the address.
    """
    with _refusing(address):
        yield from _matching(address, suffixes)


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
    with _refusing(address):
        system.get_file(path, str(target))
    return target
