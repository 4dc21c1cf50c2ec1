"""A stream's input: samples, and the client's control messages at their positions."""

from __future__ import annotations

import enum
from collections import deque

from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.session.inbound.input_buffer import InputBuffer
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.types import MAX_POSITION, EndReason, Samples

_MAX_MARKERS = 1024


class Boundary(enum.Enum):
    """A marker that ends the running utterance at its exact sample, named as the field of its message."""

    FINALIZE = "finalize"
    END = "end"
    CUT_OFF = "cut_off"  # the server's own end: the client may have more to say

    @property
    def end_reason(self) -> EndReason:
        """Why the utterance ended."""
        return _END_REASONS[self]


_END_REASONS = {
    Boundary.FINALIZE: EndReason.FINALIZE,
    Boundary.END: EndReason.END_OF_STREAM,
    Boundary.CUT_OFF: EndReason.GOING_AWAY,
}


_ENDS = (Boundary.END, Boundary.CUT_OFF)

Marker = Boundary | Negotiated
"""``Negotiated`` is an update: it replaces the settings from the next utterance on."""


class MarkedInput:
    """An ``InputBuffer`` with markers at exact positions. Bounds both.

    Args:
        start: Position of the first sample.
        max_stored_samples: Most samples held in memory; more are refused.
    """

    def __init__(self, start: int, max_stored_samples: int) -> None:
        self.buffer = InputBuffer(start)
        self._max_stored_samples = max_stored_samples
        self._markers: deque[tuple[int, Marker]] = deque()
        self._ended = False

    def push(self, samples: Samples) -> None:
        """Appends samples. Raises ``OutOfRange`` if there is no room, ``InvalidArgument`` after the end."""
        self._check(len(samples), stored=len(samples), field="audio")
        self.buffer.append(samples)

    def push_silence(self, samples: int) -> None:
        """Appends zeros. Raises as ``push``, and ``InvalidArgument`` for a negative number."""
        field = "silence.samples"
        if samples < 0:
            raise InvalidArgument("must not be negative", field=field)
        self._check(samples, stored=self.buffer.silence_cost(samples), field=field)
        self.buffer.append_silence(samples)

    def mark(self, marker: Marker) -> None:
        """Puts a marker after the last sample. A second ``FINALIZE`` at the same position is ignored.

        Raises:
            OutOfRange: too many markers wait. Names the message.
            InvalidArgument: after the end. Names the message.
        """
        field = "update" if isinstance(marker, Negotiated) else marker.value
        if self._ended:
            raise InvalidArgument("nothing may follow the end of the stream", field=field)
        entry = (self.buffer.end, marker)
        if marker is Boundary.FINALIZE and self._markers and self._markers[-1] == entry:
            return
        if marker in _ENDS:
            self._ended = True
        elif len(self._markers) >= _MAX_MARKERS:
            raise OutOfRange(f"is one of more than {_MAX_MARKERS} control messages at once", field=field)
        self._markers.append(entry)

    def next_marker(self) -> tuple[int, Marker] | None:
        """The first marker and its position; None without one."""
        return self._markers[0] if self._markers else None

    def pop_marker(self) -> None:
        """Removes the first marker."""
        self._markers.popleft()

    def readable_end(self) -> int:
        """Position up to which input may be read before the next marker is handled."""
        return self._markers[0][0] if self._markers else self.buffer.end

    def updates(self) -> list[Negotiated]:
        """The updates among the markers, in order."""
        return [marker for _, marker in self._markers if isinstance(marker, Negotiated)]

    def drop(self) -> list[Negotiated]:
        """Drops all samples, and all markers but the end. Returns the dropped updates. Positions count on."""
        updates = self.updates()
        ends = [entry for entry in self._markers if entry[1] in _ENDS]
        self._markers = deque(ends)
        self.buffer.discard_before(self.buffer.end)
        return updates

    def _check(self, samples: int, *, stored: int, field: str) -> None:
        if self._ended:
            raise InvalidArgument("nothing may follow the end of the stream", field=field)
        if self.buffer.end + samples > MAX_POSITION:
            raise OutOfRange("the stream's position would pass 2^63 - 1 samples", field=field)
        if self.buffer.stored_samples + stored > self._max_stored_samples:
            raise OutOfRange("more input at once than the stream can hold", field=field)
