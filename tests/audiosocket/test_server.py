"""Calls over Asterisk's AudioSocket, as Asterisk makes them: an id, and packets of 20 ms."""

from __future__ import annotations

import asyncio
import struct
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.model_free_service import model_free_service
from tests.gateway.telephone.provider import speaks, telephone, tone
from tests.waiting import until
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.audio.pcm import to_s16
from translate_svc.audiosocket.server import AudioSocketServer
from translate_svc.errors import InvalidArgument, Unavailable
from translate_svc.serving.tcp_server import TcpOptions
from translate_svc.types import Samples

LINE = uuid.UUID("40325ec2-5efd-4bd3-805f-53576e581d13")
SETTINGS = f'[lines.{LINE}]\nsource = "en"\ntarget = "es"\n[keys.2]\ntarget = "fr"\n'
FRAME_S = 0.02


class Asterisk:
    """One call."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.times_s: list[float] = []

    def send(self, kind: int, payload: bytes = b"") -> None:
        self._writer.write(struct.pack("!BH", kind, len(payload)) + payload)

    def say(self, samples: Samples, kind: int = 0x10, frame_bytes: int = 320) -> None:
        data = to_s16(samples).tobytes()
        for start in range(0, len(data), frame_bytes):
            self.send(kind, data[start : start + frame_bytes])

    async def packet(self) -> tuple[int, bytes] | None:
        """The next packet; None once the connection is closed."""
        try:
            kind, length = struct.unpack("!BH", await self._reader.readexactly(3))
            self.times_s.append(asyncio.get_running_loop().time())
            return kind, await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def heard(self, packets: int, kind: int = 0x10) -> Samples:
        """What so many packets hold."""
        data = b""
        for _ in range(packets):
            packet = await self.packet()
            assert packet is not None
            assert packet[0] == kind
            data += packet[1]
        return (np.frombuffer(data, "<i2") / 32_768).astype(np.float32)


@asynccontextmanager
async def call(server: AudioSocketServer, line: uuid.UUID = LINE) -> AsyncIterator[Asterisk]:
    host, port = server.target.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        asterisk = Asterisk(reader, writer)
        asterisk.send(0x01, line.bytes)
        async with asyncio.timeout(30):
            yield asterisk
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(("kind", "rate_hz"), [(0x10, 8_000), (0x12, 16_000), (0x16, 48_000)])
async def test_who_calls_is_interpreted(tmp_path: Path, kind: int, rate_hz: int) -> None:
    """By the line that its id names; a key changes the language; packets come when they are to be played."""
    samples, frame_bytes = np.repeat(tone(0.6), rate_hz // 8_000), rate_hz // 25
    async with (
        model_free_service(speaks(25)) as service,
        AudioSocketServer(service, telephone(tmp_path, SETTINGS)) as server,
        call(server) as asterisk,
    ):
        asterisk.say(samples, kind, frame_bytes)
        heard = await asterisk.heard(25, kind)
        assert np.median(heard) == pytest.approx(0.25, abs=0.01)
        assert len(heard) == 25 * rate_hz // 50
        assert asterisk.times_s[-1] - asterisk.times_s[0] >= 22 * FRAME_S, "two may be ahead"
        asterisk.send(0x03, b"2")
        asterisk.say(samples, kind, frame_bytes)
        assert np.median(await asterisk.heard(25, kind)) == pytest.approx(0.5, abs=0.01)
        asterisk.send(0x00)
        assert await asterisk.packet() == (0x00, b"")
        assert await asterisk.packet() is None
        assert server.live_streams == 0
        assert set(service.held.values()) == {0}


async def test_a_line_that_falls_silent_ends_what_was_said(tmp_path: Path) -> None:
    """Who is muted in the middle of a word is heard to the last one; and again when the line is back."""
    async with (
        model_free_service(speaks(25)) as service,
        AudioSocketServer(service, telephone(tmp_path, SETTINGS)) as server,
        call(server) as asterisk,
    ):
        for _ in range(2):
            asterisk.say(tone(0.6, silence_s=0.0))
            assert np.median(await asterisk.heard(25)) == pytest.approx(0.25, abs=0.01)
        asterisk.send(0x00)
        assert await asterisk.packet() == (0x00, b"")
        assert set(service.held.values()) == {0}


@pytest.mark.parametrize(
    ("kind", "payload", "told"),
    [
        (0x02, b"", "type: 0x02 is not of the protocol"),
        (0x11, bytes(480), "type: changes within a call"),
        (0x01, b"abc", "uuid: must have 16 bytes"),
        (0x10, b"a", "payload: 1 bytes are no whole number"),
    ],
)
async def test_what_is_wrong_ends_the_call_and_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: int, payload: bytes, told: str
) -> None:
    async with (
        model_free_service() as service,
        AudioSocketServer(service, telephone(tmp_path, SETTINGS)) as server,
        call(server) as asterisk,
    ):
        asterisk.say(tone(0.1, 0.1))
        asterisk.send(0xFF, b"\x04")
        asterisk.send(kind, payload)
        assert await asterisk.packet() == (0x00, b"")
        assert await asterisk.packet() is None
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "Asterisk reports error 0x04 of a call"
    assert said[1].startswith(f"a call over AudioSocket ended: {told}")


@pytest.mark.parametrize(
    ("speaks", "missing"), [(False, "no audio"), (True, "no key that says the target language")]
)
async def test_a_call_that_does_not_begin_ends_and_the_log_says_what_was_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, speaks: bool, missing: str
) -> None:
    """A probe of the port sends nothing; a caller who was asked for a language may not choose one."""
    async with (
        model_free_service() as service,
        AudioSocketServer(service, telephone(tmp_path), TcpOptions(config_timeout_s=0.1)) as server,
        call(server) as asterisk,
    ):
        if speaks:
            asterisk.say(tone(0.02, 0.0))
        assert await asterisk.packet() == (0x00, b"")
        assert await asterisk.packet() is None
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == f"a call over AudioSocket ended: {missing} came for 0.1 s"


async def test_who_only_connects_keeps_no_caller_out(tmp_path: Path) -> None:
    """The oldest connection without a call gives way, and none with one."""
    async with (
        model_free_service() as service,
        AudioSocketServer(service, telephone(tmp_path, SETTINGS), TcpOptions(max_connections=2)) as server,
        call(server) as oldest,
    ):
        oldest.say(tone(0.1, 0.1))
        await until(lambda: server.live_streams == 1)
        async with call(server) as idle, call(server) as caller:
            assert await idle.packet() is None
            caller.say(tone(0.1, 0.1))
            await until(lambda: server.live_streams == 2)
            async with call(server) as late:
                assert await late.packet() is None, "all have calls"
            assert server.live_streams == 2


async def test_rates_above_48_khz_are_refused_by_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        model_free_service() as service,
        AudioSocketServer(service, telephone(tmp_path, SETTINGS)) as server,
        call(server) as asterisk,
    ):
        asterisk.send(0x17, bytes(3_840))
        assert await asterisk.packet() == (0x00, b"")
    assert "type: must be 0x10 to 0x16" in caplog.text


async def test_a_server_that_leaves_hangs_up(tmp_path: Path) -> None:
    async with (
        model_free_service(speaks(5)) as service,
        AudioSocketServer(service, telephone(tmp_path, SETTINGS)) as server,
        call(server) as asterisk,
        call(server, uuid.UUID(int=0)) as waiting,
    ):
        waiting.say(tone(0.1))
        asterisk.say(tone(0.6))
        await asterisk.heard(5)
        await server.stop(0, Unavailable("it moves"))
        for each in (asterisk, waiting):
            assert await each.packet() == (0x00, b"")
        assert server.live_streams == 0


async def test_who_may_listen_and_call(tmp_path: Path) -> None:
    """Plaintext stays on this machine, and calls count for the caller that the file names."""
    (tmp_path / "keys").write_text(key_line("alice", new_key()))
    callers = Callers(ApiKeys(tmp_path / "keys"))
    async with model_free_service() as service:
        for options, keys, field in (
            (TcpOptions(host="0.0.0.0"), None, "audiosocket"),
            (TcpOptions(), callers, "telephone"),
        ):
            with pytest.raises(InvalidArgument) as refused:
                AudioSocketServer(service, telephone(tmp_path), options, keys)
            assert refused.value.field == field
        for name, alive in (("alice", True), ("bob", False)):
            file = telephone(tmp_path, f'[audiosocket]\ncaller = "{name}"\n{SETTINGS}')
            async with AudioSocketServer(service, file, callers=callers) as server, call(server) as asterisk:
                asterisk.say(tone(0.1, 0.1))
                if alive:
                    asterisk.send(0x00)
                assert await asterisk.packet() == (0x00, b"")
                assert await asterisk.packet() is None
