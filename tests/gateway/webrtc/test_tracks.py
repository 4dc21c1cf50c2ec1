"""The two tracks of a call: received audio keeps its time, sent speech keeps its samples."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from tests.virtual_time import virtual_time
from translate_svc.gateway.webrtc.heard_audio import RATE_HZ, heard_audio
from translate_svc.gateway.webrtc.speech_track import SpeechTrack

_FRAME = RATE_HZ // 50


class _Track(MediaStreamTrack):
    """Frames of 20 ms that begin at given positions; left and right differ."""

    kind = "audio"

    def __init__(self, positions: list[int], sides: tuple[int, int] = (1_000, 3_000)) -> None:
        super().__init__()
        self._positions = list(positions)
        self._sides = sides

    async def recv(self) -> AudioFrame:
        if not self._positions:
            raise MediaStreamError
        frame = AudioFrame(format="s16", layout="stereo", samples=_FRAME)
        frame.planes[0].update(np.tile(np.array(self._sides, "<i2"), _FRAME).tobytes())
        frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        frame.pts = self._positions.pop(0)
        return frame


async def _heard(positions: list[int]) -> np.ndarray:
    return np.frombuffer(b"".join([part async for part in heard_audio(_Track(positions))]), "<i2")


@pytest.mark.parametrize(
    ("positions", "silent"),
    [
        ([0, _FRAME, 2 * _FRAME], 0),
        ([0, 3 * _FRAME], 2 * _FRAME),
        ([0, 60 * RATE_HZ], 5 * RATE_HZ),
        ([5 * _FRAME, 0, _FRAME], 0),
        ([0, _FRAME + 3], 0),
    ],
)
async def test_what_was_lost_is_silence_and_both_channels_count(positions: list[int], silent: int) -> None:
    heard = await _heard(positions)
    assert len(heard) == len(positions) * _FRAME + silent
    assert np.count_nonzero(heard == 2_000) == len(positions) * _FRAME
    assert np.count_nonzero(heard == 0) == silent


async def test_a_microphone_whose_channels_are_out_of_phase_is_heard() -> None:
    parts = [part async for part in heard_audio(_Track([0, _FRAME, 2 * _FRAME], (1_000, -1_000)))]
    assert (np.frombuffer(b"".join(parts[1:]), "<i2") == 1_000).all()


class _Pauses(_Track):
    """The frame at ``after`` comes ``comes_s`` after the first one was asked for, as of one who was muted."""

    def __init__(self, positions: list[int], after: int, comes_s: float) -> None:
        super().__init__(positions)
        self._after, self._comes_s = after, comes_s
        self._began_s: float | None = None

    async def recv(self) -> AudioFrame:
        now_s = asyncio.get_running_loop().time()
        self._began_s = now_s if self._began_s is None else self._began_s
        if self._positions[:1] == [self._after]:
            await asyncio.sleep(self._began_s + self._comes_s - now_s)
        return await super().recv()


def test_silence_is_told_while_it_lasts_and_once() -> None:
    later = 2 * RATE_HZ

    async def told() -> list[tuple[float, int]]:
        now_s = asyncio.get_running_loop().time
        began_s = now_s()
        parts = heard_audio(_Pauses([0, later], later, 1.99), silent_s=0.25)
        return [(round(now_s() - began_s, 2), len(part) // 2) async for part in parts]

    with virtual_time() as runner:
        parts = runner.run(told())
    assert parts[:4] == [(0, _FRAME), (0.25, RATE_HZ // 4), (0.5, RATE_HZ // 4), (0.75, RATE_HZ // 4)]
    assert sum(samples for _, samples in parts) == later + _FRAME


async def _told_of(positions: list[int], after: int, comes_s: float) -> list[int]:
    """How many samples each part has that is heard of a track with a pause."""
    return [len(part) // 2 async for part in heard_audio(_Pauses(positions, after, comes_s))]


@pytest.mark.parametrize(
    ("positions", "comes_s", "expected"),
    [
        pytest.param([0, 2 * RATE_HZ], 1.99, 2 * RATE_HZ + _FRAME, id="a-pause"),
        pytest.param([0, 60 * RATE_HZ], 59.99, 5 * RATE_HZ + 2 * _FRAME, id="a-long-pause"),
        pytest.param([0, _FRAME, 2 * RATE_HZ], 1.97, 2 * RATE_HZ + _FRAME, id="a-frame-that-was-held-back"),
        pytest.param([0, _FRAME], 1.5, RATE_HZ + 2 * _FRAME, id="late-without-a-loss"),
        pytest.param([0, _FRAME, 2 * _FRAME, 63 * _FRAME], 1.5, 64 * _FRAME, id="late-and-then-a-loss"),
    ],
)
def test_a_pause_is_told_while_it_lasts_and_counts_once(
    positions: list[int], comes_s: float, expected: int
) -> None:
    """Else the last words of who is muted would wait for the next ones."""
    with virtual_time() as runner:
        parts = runner.run(_told_of(positions, positions[1], comes_s))
    assert sum(parts) == expected
    assert parts[:2] == [_FRAME, RATE_HZ], "a second of silence, after a second"
    assert all(parts)


async def _played(sizes: list[int], frames: int) -> np.ndarray:
    """What a listener gets of speech that arrives in parts of so many samples."""
    track, said = SpeechTrack(), np.arange(1, sum(sizes) + 1, dtype="<i2")
    for size in sizes:
        track.append(said[:size].tobytes())
        said = said[size:]
    began_s = asyncio.get_running_loop().time()
    played = [np.frombuffer(bytes((await track.recv()).planes[0])[:960], "<i2") for _ in range(frames)]
    assert asyncio.get_running_loop().time() - began_s == pytest.approx((frames - 1) * 0.02)
    return np.concatenate(played)


def test_parts_of_any_size_are_played_without_a_seam_and_in_real_time() -> None:
    with virtual_time() as runner:
        played = runner.run(_played([1, 479, 777, 5_000, 3], 40))
    assert list(played[:6_240]) == list(range(1, 6_241)), "whole frames follow one another"
    rest = played[np.nonzero(played)[0]][6_240:]
    assert list(rest) == list(range(6_241, 6_261)), "a rest that fills no frame comes after a short wait"


async def _backlog() -> tuple[float, float]:
    track = SpeechTrack()
    track.append(bytes(2 * 24_000 * 31))

    async def listen() -> None:
        while True:
            await track.recv()

    began_s = asyncio.get_running_loop().time()
    listening = asyncio.ensure_future(listen())
    await track.room()
    room_s = asyncio.get_running_loop().time() - began_s
    await track.played()
    listening.cancel()
    return room_s, asyncio.get_running_loop().time() - began_s


def test_a_listener_who_is_behind_slows_the_sender_down() -> None:
    with virtual_time() as runner:
        room_s, played_s = runner.run(_backlog())
    assert room_s == pytest.approx(1.0, abs=0.05)
    assert played_s == pytest.approx(31.0, abs=0.3)


async def test_nobody_waits_for_a_track_that_was_stopped() -> None:
    track = SpeechTrack()
    track.append(bytes(2 * 24_000 * 31))
    waiting = asyncio.ensure_future(track.room())
    await asyncio.sleep(0)
    track.stop()
    await asyncio.wait_for(waiting, 1)
    with pytest.raises(MediaStreamError):
        await track.recv()
