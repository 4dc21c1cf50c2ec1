"""A file of keys that is read again when it has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from translate_svc.errors import InvalidArgument

T = TypeVar("T")
_Stamp = tuple[int, int, int]

_log = logging.getLogger(__name__)


class WatchedFile(Generic[T]):
    """What ``parse`` makes of a text file.

    If a changed file cannot be used, an error is logged, and the content read before stays in force: the
    file may be half written. With ``removal_empties``, a file that was removed counts as an empty one.
    """

    def __init__(
        self, path: Path, parse: Callable[[str], T], *, field: str, removal_empties: bool = False
    ) -> None:
        """Reads the file. ``parse`` raises ``InvalidArgument`` for a text that it cannot use.

        Raises:
            InvalidArgument: the file cannot be read or used. Names ``field``.
        """
        self._path = path
        self._parse = parse
        self._field = field
        self._removal_empties = removal_empties
        self._stamp = self._file_stamp()
        self._value = self._read()

    @property
    def value(self) -> T:
        """What the file holds now."""
        stamp = self._file_stamp()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._value = self._parse("") if stamp is None and self._removal_empties else self._read()
            except InvalidArgument as error:
                _log.error("%s; what was read before stays in force", error)
            else:
                _log.info("%s: the file was read again", self._field)
        return self._value

    def _file_stamp(self) -> _Stamp | None:
        """Changes with the file, or with the target of a link to it; None if the file does not exist."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> T:
        try:
            text = self._path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise InvalidArgument(f"cannot be read: {error.strerror}", field=self._field) from None
        except UnicodeDecodeError:
            raise InvalidArgument("is not UTF-8 text", field=self._field) from None
        return self._parse(text)
