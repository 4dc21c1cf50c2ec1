"""Something that does not work for now, and is tried again."""

from __future__ import annotations

import logging

_log = logging.getLogger("meeting_translate_svc")


class Trouble:
    """A warning for as long as something does not work: logged once, not at each try."""

    def __init__(self, what: str) -> None:
        """``what``: what does not work, such as "room 1: cannot hear 4711"."""
        self._what = what
        self._logged = ""

    def warn(self, error: BaseException) -> None:
        """It does not work. Logged unless the try before failed for the same reason."""
        if self._logged != (text := str(first_of(error))):
            self._logged = text
            _log.warning("%s: %s", self._what, text)

    def is_over(self) -> None:
        """It works. If it fails again, that is logged again."""
        self._logged = ""


def first_of(error: BaseException) -> BaseException:
    """The first error of a group, or the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
