"""Times of the packets of a film that is copied, as containers take them: in order and without jumps."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from translate_svc.audio.timed_planes import MAX_GAP_S, MAX_OVERLAP_S

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

_MOST_REORDERED = 16
"""Pictures that H.264 and HEVC may hold back at a time."""
_MOST_WAITING = 500
_REORDERED_S = 5
"""How far back a picture may be shown without a joint."""


class JoinedTimes:
    """Lets the times of a film go on where recordings were joined, each of which begins anew.

    Where a joint is, and where the next recording goes on, the sound tells, as in ``TimedPlanes``. A picture
    that reaches it first waits for the sound.
    """

    def __init__(self, sound: Stream | None) -> None:
        """``sound``: a track of the film; None if it has none."""
        self._sound = None if sound is None else sound.index
        self._shifts_s = [Fraction(0)]
        self._recordings: dict[int, int] = {}
        self._ends_s: dict[int, Fraction] = {}

    def going_on(self, packets: Iterable[Packet[Stream]]) -> Iterator[Packet[Stream]]:
        """The packets with data, with their new times. Each then has a decoding time, perhaps a wrong one."""
        waiting: deque[Packet[Stream]] = deque()
        for packet in packets:
            if packet.dts is None:
                packet.dts = packet.pts
            if packet.dts is None:
                continue
            if packet.stream.index == self._sound:
                yield self._moved(packet)
            else:
                waiting.append(packet)
            while waiting and (not self._is_ahead(waiting[0]) or len(waiting) > _MOST_WAITING):
                yield self._moved(waiting.popleft())
        yield from map(self._moved, waiting)

    def _is_ahead(self, packet: Packet[Stream]) -> bool:
        """Whether a picture is behind a joint that the sound has not reached."""
        recording = self._recording(packet)
        step_s = self._step_s(packet, recording)
        return packet.stream.type == "video" and not -_REORDERED_S <= step_s <= MAX_GAP_S

    def _recording(self, packet: Packet[Stream]) -> int:
        """The number of the recording, of those that are known, in which the packet follows best."""
        known = range(self._recordings.get(packet.stream.index, 0), len(self._shifts_s))
        return min(known, key=lambda number: abs(self._step_s(packet, number)))

    def _step_s(self, packet: Packet[Stream], recording: int) -> Fraction:
        """From the packet before to this one. Between subtitles much may be missing: from the sound."""
        start_s = _dts_s(packet) + self._shifts_s[recording]
        track = self._sound if packet.stream.type == "subtitle" else packet.stream.index
        return start_s - (start_s if track is None else self._ends_s.get(track, start_s))

    def _moved(self, packet: Packet[Stream]) -> Packet[Stream]:
        recording = self._recording(packet)
        step_s = self._step_s(packet, recording)
        most_s = MAX_OVERLAP_S if packet.stream.index == self._sound else _REORDERED_S
        if packet.stream.type != "subtitle" and not -most_s <= step_s <= MAX_GAP_S:
            recording = len(self._shifts_s)
            self._shifts_s.append(self._ends_s[packet.stream.index] - _dts_s(packet))
        track, shift_s = packet.stream.index, self._shifts_s[recording]
        self._recordings[track] = recording
        self._ends_s[track] = _dts_s(packet) + shift_s + (packet.duration or 0) * packet.time_base
        shift = round(shift_s / packet.time_base)
        assert packet.dts is not None
        packet.dts += shift
        packet.pts = None if packet.pts is None else packet.pts + shift
        return packet


def _dts_s(packet: Packet[Stream]) -> Fraction:
    assert packet.dts is not None
    return packet.dts * packet.time_base


def in_order(packets: Iterable[Packet[Stream]]) -> Iterator[Packet[Stream]]:
    """The packets, with decoding times that rise in each track, and are not after those of showing.

    Of Matroska, which stores none, FFmpeg guesses some wrongly. Those that are right stay.
    """
    waiting: dict[int, deque[Packet[Stream]]] = {}
    ends: dict[int, int] = {}
    for packet in packets:
        held = waiting.setdefault(packet.stream.index, deque())
        held.append(packet)
        if packet.stream.type != "video" or len(held) > _MOST_REORDERED:
            yield _next_in_order(held, ends)
    for held in waiting.values():
        while held:
            yield _next_in_order(held, ends)


def _next_in_order(held: deque[Packet[Stream]], ends: dict[int, int]) -> Packet[Stream]:
    """The first packet of a track. ``ends``: the decoding times of the last packets by track."""
    dts = min(_latest_dts(each) - place for place, each in enumerate(held))
    packet = held.popleft()
    track = packet.stream.index
    packet.dts = ends[track] = max(dts, ends.get(track, dts - 1) + 1)
    packet.pts = None if packet.pts is None else max(packet.pts, packet.dts)
    return packet


def _latest_dts(packet: Packet[Stream]) -> int:
    assert packet.dts is not None
    return packet.dts if packet.pts is None else min(packet.dts, packet.pts)
