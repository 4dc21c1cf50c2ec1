"""Peers that go, stall or are told to go: the connection ends with a code, and everything is given back."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.gateway.clients import base64_parts, connect, pcm16, silence, tone
from tests.gateway.raw_socket import PING, PONG, RawSocket, raw_connect
from tests.waiting import until
from translate_svc.engine.request import Request
from translate_svc.errors import Unavailable
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer

APPEND = "session.input_audio_buffer.append"
SPOKEN = pcm16(tone(0.6)) + pcm16(silence(0.8))
NOTHING = {"admitted": 0, "requests": 0, "vad_places": 0}
ES = {"audio": {"output": {"language": "es"}}}


def slow_script(request: Request) -> ScriptedRequest:
    """An hour of work for each utterance."""
    one = ScriptedSequence(deltas=("a",) * 60, token_interval_s=60.0)
    return ScriptedRequest((one,) * len(request.sequences))


def long_script(request: Request) -> ScriptedRequest:
    """Two minutes of speech for each utterance, as fast as it is taken."""
    one = ScriptedSequence(piece_units=(50,) * 120, piece_interval_s=0.0)
    return ScriptedRequest((one,) * len(request.sequences), encode_s=0.0)


async def _speak(session: RawSocket) -> None:
    await session.send("session.update", session=ES)
    await session.until("session.updated")
    for part in base64_parts(SPOKEN):
        await session.send(APPEND, audio=part)


class TestLeaving:
    async def test_a_socket_that_is_cut_off_leaves_nothing(self) -> None:
        async with (
            model_free_service(slow_script) as service,
            GatewayServer(service) as server,
            connect(server.target) as neighbour,
        ):
            await neighbour.open("es")
            async with raw_connect(server.target) as session:
                await _speak(session)
                await until(lambda: service.held["requests"] == 1)
            await until(lambda: service.held == {"admitted": 1, "requests": 0, "vad_places": 1})
            await until(lambda: server.live_streams == 1)


class TestPings:
    async def test_a_client_that_answers_is_asked_again_and_stays(self, service: ModelFreeService) -> None:
        options = GatewayOptions(ping_interval_s=0.1, ping_timeout_s=60.0)
        async with GatewayServer(service, options) as server, raw_connect(server.target) as session:
            await session.send("session.update", session=ES)
            await session.until("session.updated")
            for _ in range(5):
                opcode, payload = await session.receive()
                assert opcode == PING
                session.writer.write(session.frame(payload, PONG))
            await session.send("session.close")
            assert await session.to_the_end() == 1000

    async def test_a_frozen_client_is_noticed(self, service: ModelFreeService) -> None:
        options = GatewayOptions(ping_interval_s=0.2, ping_timeout_s=2.0)
        async with GatewayServer(service, options) as server, raw_connect(server.target) as session:
            await session.send("session.update", session=ES)
            await session.until("session.updated")
            before_s = time.monotonic()
            opcode, _ = await session.receive()
            assert opcode == PING
            await until(lambda: service.held == NOTHING)
            assert time.monotonic() - before_s < GatewayOptions().ping_timeout_s

    async def test_the_servers_end_answers_pings(self, server: GatewayServer) -> None:
        async with raw_connect(server.target) as session:
            await session.until("session.created")
            session.writer.write(session.frame(b"mark", PING))
            assert await session.receive() == (PONG, b"mark")

    async def test_a_client_that_is_held_back_is_not_taken_for_dead(self) -> None:
        """A file that comes faster than it is translated: nothing is read for longer than a ping may take."""
        async with (
            model_free_service(slow_script, max_running_requests=1) as service,
            GatewayServer(service, GatewayOptions(ping_interval_s=0.1, ping_timeout_s=0.5)) as server,
            connect(server.target) as session,
        ):
            await session.open("es")
            sending = asyncio.create_task(session.append(SPOKEN * 40, 96_000))
            reading = asyncio.create_task(session.to_the_end())
            await asyncio.sleep(1.5)
            assert not reading.done()
            for task in (sending, reading):
                task.cancel()
            await asyncio.gather(sending, reading, return_exceptions=True)


class TestReaders:
    async def test_a_reader_that_stopped_is_evicted_and_costs_little(self) -> None:
        options = GatewayOptions(write_timeout_s=0.5, abort_timeout_s=0.2)
        async with (
            model_free_service(long_script) as service,
            GatewayServer(service, options) as server,
            connect(server.target) as neighbour,
        ):
            await neighbour.open("fr")
            async with raw_connect(server.target) as session:
                await session.send("session.update", session=ES)
                await session.until("session.updated")
                session.writer.transport.set_write_buffer_limits(high=1 << 20)
                for part in base64_parts(SPOKEN * 3, 96_000):
                    session.writer.write(
                        session.frame(b'{"type":"%b","audio":"%b"}' % (APPEND.encode(), part.encode()))
                    )
                await until(lambda: service.held["requests"] > 0)
                await until(lambda: service.held["admitted"] == 1)
                assert service.held["requests"] == 0
                connections = server._runner.server
                assert connections is not None
                await until(lambda: len(connections.connections) == 1)
            await neighbour.append(SPOKEN)
            await neighbour.until("session.output_audio.delta")


class TestDrain:
    REASON = Unavailable("the server is draining")

    async def test_what_was_said_is_finished_and_the_client_may_come_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ModelFreeService, "finish_s", 59.0)  # of a minute, so it hears for a second
        async with model_free_service() as service, GatewayServer(service) as server:
            async with connect(server.target) as session, connect(server.target) as idle:
                await session.open("es", include=["warnings"])
                await idle.until("session.created")
                await session.append(pcm16(tone(0.6)))
                draining = asyncio.create_task(server.stop(60.0, self.REASON))
                assert await idle.to_the_end() == 1012, "a session without a language has nothing to finish"
                async with connect(server.target) as late:
                    await late.update(**ES)
                    assert await late.to_the_end() == 1012
                assert await session.to_the_end() == 1012
                await draining
            assert session.of("session.going_away")[0]["deadline_ms"] == 60_000
            assert session.text().startswith("spa ")
            error = session.of("error")[-1]["error"]
            assert (error["type"], error["code"]) == ("server_error", "unavailable")
            await until(lambda: service.held == NOTHING)

    async def test_a_session_that_grew_too_old_ends(self) -> None:
        options, began_s = GatewayOptions(session_lifetime_s=2.0, drain_finish_s=0.2), time.time()
        async with (
            model_free_service() as service,
            GatewayServer(service, options) as server,
            connect(server.target) as session,
        ):
            described = await session.open("es")
            assert int(began_s + 2.0) <= described["expires_at"] <= time.time() + 2.0
            assert await session.to_the_end() == 1001
            assert session.of("error")[-1]["error"]["code"] == "session_expired"


async def test_an_engine_that_is_lost_ends_every_session() -> None:
    async with (
        model_free_service(slow_script) as service,
        GatewayServer(service) as server,
        connect(server.target) as session,
    ):
        await session.open("es")
        await session.append(SPOKEN)
        await until(lambda: service.held["requests"] == 1)
        service.engine.lose_device()
        await session.send("session.close")
        code = await session.to_the_end()
        assert code in (1000, 1012)


@pytest.mark.parametrize("wrong", [b"GET / HTTP/1.1\r\nHost: " + b"x" * 70_000, b"\x00\x01\x02\r\n\r\n"])
async def test_what_is_no_http_is_refused(server: GatewayServer, wrong: bytes) -> None:
    host, port = server.target.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(wrong)
    answer = await asyncio.wait_for(reader.read(), 60)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    writer.close()
    async with connect(server.target) as session:
        await session.open("es")
