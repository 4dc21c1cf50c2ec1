"""Listening on a Unix socket: only for its owner, and never in place of another server."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from translate_svc.errors import InvalidArgument

_SCHEME = "unix:"
_MAX_PATH_BYTES = 107
"""``sockaddr_un`` on Linux: 108 bytes with the zero at the end."""
_CONNECT_TIMEOUT_S = 1.0
_ONLY_OWNER = 0o177


def check_unix_address(address: str) -> None:
    """Raises InvalidArgument if ``address`` is a Unix socket that cannot be listened on.

    A path that is too long is refused, and so is a socket at which another server answers: gRPC would remove
    it, and that server's callers would lose it. A socket that nobody listens on is left over and is replaced.
    """
    path = _path_of(address)
    if path is None:
        return
    if not path:
        raise InvalidArgument("needs a path: unix:/PATH", field="address")
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        raise InvalidArgument(f"has a path of more than {_MAX_PATH_BYTES} bytes", field="address")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_CONNECT_TIMEOUT_S)
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return
        except OSError as error:  # it may be another user's
            reason = error.strerror or "it does not answer"
            raise InvalidArgument(f"is taken: {reason}", field="address") from None
    raise InvalidArgument("is taken by another server", field="address")


@contextmanager
def only_for_owner(address: str) -> Iterator[None]:
    """A Unix socket that is bound in this block has the mode 0600. No effect on other addresses."""
    if _path_of(address) is None:
        yield
        return
    before = os.umask(_ONLY_OWNER)
    try:
        yield
    finally:
        os.umask(before)


def _path_of(address: str) -> str | None:
    """The path of a Unix socket; None for other addresses. ``unix:/a`` and ``unix:///a`` are the same."""
    if not address.startswith(_SCHEME):
        return None
    path = address.removeprefix(_SCHEME)
    return path.removeprefix("//") if path.startswith("///") else path
