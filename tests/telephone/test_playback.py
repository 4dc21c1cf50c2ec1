"""Speech goes into a call a bounded time before it is heard, in whole frames, and can be taken back."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.virtual_time import virtual_time
from translate_svc.errors import InvalidArgument
from translate_svc.telephone.call_events import CallEvent
from translate_svc.telephone.playback import Playback
from translate_svc.types import AudioFormat, Encoding

MULAW = AudioFormat(Encoding.MULAW, 8_000)
SECOND = bytes(8_000)


class Line:
    """A provider that plays what it holds, from ``late_s`` after it came, and sends marks back."""

    bytes_out = 0
    audio_field = "payload"

    def __init__(self, ahead_ms: int, late_s: float = 0.0) -> None:
        self.ahead_ms = ahead_ms
        self.playback: Playback | None = None
        self.sizes: list[int] = []
        self.played = bytearray()
        self.most_held_s = 0.0
        self.gaps = 0
        self.cleared_s: list[float] = []
        self._late_s = late_s
        self._ends_s = -1.0

    def status_of(self, error: BaseException | None) -> str:
        return ""

    async def receive(self) -> CallEvent:
        raise InvalidArgument("nobody speaks")

    async def play(self, data: bytes) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._ends_s < now_s:
            self.gaps += 1
            self._ends_s = now_s + self._late_s
        self._ends_s += len(data) / 8_000
        self.sizes.append(len(data))
        self.played += data
        self.most_held_s = max(self.most_held_s, self._ends_s - now_s)

    async def mark(self, name: str) -> None:
        assert self.playback is not None
        asyncio.get_running_loop().call_at(self._ends_s, self.playback.heard, name)

    async def clear(self) -> None:
        now_s = asyncio.get_running_loop().time()
        self.cleared_s.append(self._ends_s - now_s)
        self._ends_s = now_s


async def played(line: Line, parts: list[bytes], *, every_s: float = 0.0) -> None:
    """Plays all parts of one utterance to its end."""
    line.playback = playback = Playback(line, MULAW)
    playing = asyncio.create_task(playback.run())
    for left, part in reversed(list(enumerate(parts))):
        await playback.say(part, final=left == 0)
        await asyncio.sleep(every_s)
    await asyncio.sleep(30)
    assert not playback.unheard
    playing.cancel()


@pytest.mark.parametrize("ahead_ms", [40, 1_000])
def test_a_long_speech_is_sent_as_it_is_heard(ahead_ms: int) -> None:
    line = Line(ahead_ms)
    with virtual_time() as runner:
        runner.run(played(line, [SECOND] * 20))
    assert sum(line.sizes) == 20 * len(SECOND)
    assert line.gaps == 1, "it begins, and never stops"
    assert line.most_held_s * 1000 == pytest.approx(ahead_ms, abs=20.1)


def test_nothing_is_shorter_than_a_frame() -> None:
    """What ends an utterance is filled up with silence; what does not waits for more."""
    line = Line(1_000)
    with virtual_time() as runner:
        runner.run(played(line, [bytes(130)] * 10, every_s=0.02))
    assert sum(line.sizes) == 9 * 160
    assert all(size % 160 == 0 for size in line.sizes)


def test_what_was_said_is_played_in_its_order() -> None:
    """Pieces of any length and at any time; silence only where a piece filled no frame and none followed."""
    choose = random.Random(7)
    pieces = [bytes(choose.choices(range(255), k=choose.randint(1, 4_000))) for _ in range(60)]

    async def scenario(line: Line) -> None:
        line.playback = playback = Playback(line, MULAW)
        playing = asyncio.create_task(playback.run())
        for piece in pieces:
            await playback.say(piece, final=choose.random() < 0.2)
            await asyncio.sleep(choose.expovariate(4))
        await asyncio.sleep(30)
        playing.cancel()

    line = Line(1_000)
    with virtual_time() as runner:
        runner.run(scenario(line))
    assert line.played.replace(b"\xff", b"") == b"".join(pieces)
    assert line.played.count(0xFF) < line.gaps * 160, "no silence while something plays"


def test_a_rest_is_played_even_if_no_more_comes() -> None:
    async def scenario(line: Line) -> None:
        line.playback = playback = Playback(line, MULAW)
        playing = asyncio.create_task(playback.run())
        await playback.say(bytes(200), final=False)
        await asyncio.sleep(1)
        playing.cancel()

    line = Line(1_000)
    with virtual_time() as runner:
        runner.run(scenario(line))
    assert sum(line.sizes) == 320


def test_marks_tell_how_late_a_provider_plays() -> None:
    """Its buffer was fuller than the clock said. After the first mark that is known."""

    async def scenario(line: Line) -> None:
        line.playback = playback = Playback(line, MULAW)
        playing = asyncio.create_task(playback.run())
        await playback.say(SECOND, final=True)
        await asyncio.sleep(0.3)
        await playback.say(SECOND * 10, final=True)
        await asyncio.sleep(1.5)
        line.most_held_s = 0.0
        await asyncio.sleep(5)
        playing.cancel()

    line = Line(1_000, late_s=0.4)
    with virtual_time() as runner:
        runner.run(scenario(line))
    assert line.most_held_s == pytest.approx(1.0, abs=0.05)


def test_what_was_not_heard_can_be_taken_back() -> None:
    async def scenario(line: Line) -> None:
        line.playback = playback = Playback(line, MULAW)
        playing = asyncio.create_task(playback.run())
        await playback.say(SECOND * 20, final=True)
        await asyncio.sleep(5)
        await playback.interrupt()
        assert not playback.unheard
        await playback.say(SECOND, final=True)
        await asyncio.sleep(3)
        playing.cancel()

    line = Line(1_000)
    with virtual_time() as runner:
        runner.run(scenario(line))
    assert line.cleared_s == [pytest.approx(0.9, abs=0.11)]
    assert sum(line.sizes) / 8_000 == pytest.approx(5 + 0.9 + 1, abs=0.11)


def test_a_full_provider_is_left_alone() -> None:
    async def scenario(line: Line) -> None:
        line.playback = playback = Playback(line, MULAW)
        playing = asyncio.create_task(playback.run())
        playback.hold(True)
        await playback.say(SECOND, final=True)
        await asyncio.sleep(5)
        assert line.sizes == []
        playback.hold(False)
        await asyncio.sleep(5)
        playing.cancel()

    line = Line(1_000)
    with virtual_time() as runner:
        runner.run(scenario(line))
    assert sum(line.sizes) == len(SECOND)
