"""The part of a file that is translated (``--start``, ``--duration``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from translate_svc.cli.exit_codes import UsageError
from translate_svc.errors import InvalidArgument
from translate_svc.types import Samples

_TIME = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Part:
    """From ``start_s`` on, ``duration_s`` long; None: to the end. Times in it count from its start."""

    start_s: float = 0.0
    duration_s: float | None = None

    @classmethod
    def given(cls, start: str | None, duration: str | None) -> Part:
        """The part of the values of ``--start`` and ``--duration``.

        Raises:
            UsageError: one of them is no time, or the part has no length.
        """
        lasts_s = None if duration is None else _seconds(duration, "--duration")
        if lasts_s == 0:
            raise UsageError("must be more than 0", field="--duration")
        return cls(0.0 if start is None else _seconds(start, "--start"), lasts_s)

    @property
    def is_all(self) -> bool:
        """Whether it is the whole file."""
        return self == Part()

    def ms_of(self, duration_ms: int | None) -> int | None:
        """How long the part of a file is that is ``duration_ms`` long, as far as that is known."""
        asked_ms = None if self.duration_s is None else round(self.duration_s * 1000)
        if duration_ms is None:
            return asked_ms
        rest_ms = max(duration_ms - round(self.start_s * 1000), 0)
        return rest_ms if asked_ms is None else min(rest_ms, asked_ms)

    def cut(self, blocks: Iterator[Samples], rate_hz: int, name: str) -> Iterator[Samples]:
        """The samples of the part.

        Args:
            blocks: all samples of the file.
            rate_hz: their rate.
            name: the file's name in errors.

        Raises:
            InvalidArgument: the file ends before the part starts.
        """
        skip = round(self.start_s * rate_hz)
        rest = None if self.duration_s is None else round(self.duration_s * rate_hz)
        for block in blocks:
            kept = block[skip:]
            skip = max(skip - len(block), 0)
            if rest is not None:
                kept = kept[:rest]
                rest -= len(kept)
            if len(kept):
                yield kept
            if rest == 0:
                return
        if skip:
            raise InvalidArgument(f"its sound ends {skip / rate_hz:.1f} s before --start", field=name)


def _seconds(text: str, flag: str) -> float:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise UsageError("must be a time: 90, 1:30 or 1:02:03.5", field=flag)
    hours, minutes, seconds = (float(each or 0) for each in found.groups())
    return hours * 3600 + minutes * 60 + seconds
