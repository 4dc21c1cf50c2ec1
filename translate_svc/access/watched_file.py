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

    If a changed file cannot be used, or is empty now, an error is logged, and the content read before stays
    in force: the file may be half written. A file that cannot be read is tried again each time. With
    ``removal_empties``, a file that was removed or emptied counts as an empty one, also while what follows
    cannot be used: who emptied it may have meant it.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[str], T],
        *,
        field: str,
        subject: str = "",
        removal_empties: bool = False,
    ) -> None:
        """Reads the file. ``parse`` raises ``InvalidArgument`` for a text that it cannot use.

        ``subject``: what messages call the file, if it is not the one that ``field`` names.

        Raises:
            InvalidArgument: the file cannot be read or used. Names ``field``.
        """
        self._path = path
        self._parse = parse
        self._field = field
        self._subject = f"{subject} " if subject else ""
        self._removal_empties = removal_empties
        self._unreadable = ""
        self._is_emptied = False
        self._stamp = self._file_stamp()
        self._value = parse(self._text())

    @property
    def value(self) -> T:
        """What the file holds now."""
        try:
            stamp = self._file_stamp()
            if stamp != self._stamp:
                self._follow(stamp)
        except InvalidArgument as error:
            if str(error) != self._unreadable:
                self._unreadable = str(error)
                self._log_unusable(error)
        else:
            self._unreadable = ""
        return self._value

    def _follow(self, stamp: _Stamp | None) -> None:
        """Takes the changed content over. Raises InvalidArgument if it cannot be read now."""
        text = "" if stamp is None and self._removal_empties else self._text()
        self._stamp = stamp
        try:
            if not text.strip():
                self._check_may_be_empty()
            self._value = self._parse(text)
        except InvalidArgument as error:
            self._log_unusable(error)
        else:
            self._is_emptied = not text.strip()
            _log.info("%s: the file was read again", self._field)

    def _check_may_be_empty(self) -> None:
        if not self._removal_empties:
            raise InvalidArgument(f"{self._subject}is empty", field=self._field)
        _log.warning("%s: the file is empty or was removed: nothing that it held counts", self._field)

    def _log_unusable(self, error: InvalidArgument) -> None:
        kept = "what was read before stays in force"
        if self._is_emptied:
            kept = "the file was empty before, so nothing counts"
        _log.error("%s; %s", error, kept)

    def _file_stamp(self) -> _Stamp | None:
        """Changes with the file, or with the target of a link to it; None if the file does not exist."""
        try:
            status = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:  # its folder may not be entered, for example
            raise self._cannot_be_read(error) from None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _text(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise self._cannot_be_read(error) from None
        except UnicodeDecodeError:
            raise InvalidArgument(f"{self._subject}is not UTF-8 text", field=self._field) from None

    def _cannot_be_read(self, error: OSError) -> InvalidArgument:
        return InvalidArgument(f"{self._subject}cannot be read: {error.strerror}", field=self._field)
