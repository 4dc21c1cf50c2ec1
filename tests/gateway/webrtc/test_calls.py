"""Calls over WebRTC on loopback, with aiortc as the caller."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, echo_script
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.gateway.clients import clip, connect, tone
from tests.gateway.webrtc.caller import CALLS, Caller, calling, post_offer
from tests.waiting import until
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.access.client_secrets import ClientSecrets
from translate_svc.engine.request import Request
from translate_svc.errors import InvalidArgument, Unavailable
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer
from translate_svc.gateway.webrtc.availability import check_ice_servers
from translate_svc.types import Caller as Who
from translate_svc.types import Samples

NOTHING = {"admitted": 0, "requests": 0, "vad_places": 0}
SPANISH = {"audio": {"output": {"language": "es"}}}
BY_UTTERANCE = SPANISH | {"simultaneous": None}


@pytest.mark.asyncio(loop_scope="module")
async def test_who_calls_hears_the_translation_and_reads_it(starter: GatewayServer) -> None:
    async with calling(starter.target) as caller:
        await caller.until("session.created")
        caller.send("session.update", session=BY_UTTERANCE)
        updated = await caller.until("session.updated")
        assert updated["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 48_000}
        caller.track.say(clip("eng_1.flac"))
        await caller.track.finished.wait()
        caller.send("session.close")
        await caller.until("session.closed")
        await until(lambda: caller.closed.is_set())
    assert caller.text() == "David envió el mensaje."
    assert not caller.of("session.output_audio.delta"), "speech comes by the track"
    assert not caller.of("error"), "the microphone stays on while the call ends"
    async with connect(starter.target) as session:
        await session.open("es", simultaneous=None)
        await session.append((clip("eng_1.flac") * 32_767).astype("<i2").tobytes())
        await session.send("session.close")
        await session.to_the_end()
    spoken = session.speech()
    assert _likeness(caller.heard[::2], spoken) > 0.6, "0.96 if no frame is late; backwards it is 0.48"


async def test_who_closes_behind_the_last_word_is_heard_to_the_end() -> None:
    heard: list[Samples] = []

    def script(request: Request) -> ScriptedRequest:
        assert isinstance(request.source, np.ndarray)
        heard.append(request.source)
        return echo_script(request)

    async with (
        model_free_service(script) as service,
        GatewayServer(service) as server,
        calling(server.target) as caller,
    ):
        caller.send("session.update", session=BY_UTTERANCE)
        await caller.until("session.updated")
        caller.track.say(tone(0.6))
        await caller.track.finished.wait()
        caller.send("session.close")
        await caller.until("session.closed")
    (utterance,) = heard
    loud = np.flatnonzero(np.abs(utterance) > 0.1)
    assert (loud[-1] - loud[0]) / 16_000 == pytest.approx(0.6, abs=0.03)


def _likeness(heard: Samples, spoken: Samples) -> float:
    """The correlation of ``spoken`` with the part of ``heard`` that is most like it."""
    size = 2 ** int(np.ceil(np.log2(len(heard) + len(spoken))))
    products = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(spoken, size)), size)
    start = int(np.argmax(products[: len(heard) - len(spoken)]))
    part = heard[start : start + len(spoken)]
    return float(part @ spoken / (np.linalg.norm(part) * np.linalg.norm(spoken)))


async def _utterance(caller: Caller) -> None:
    """Says something that ``EnergyVad`` takes for one utterance."""
    caller.track.say(tone(0.6))
    await caller.until("session.output_transcript.delta")


async def test_further_targets_are_spoken_in_events(server: GatewayServer) -> None:
    async with calling(server.target) as caller:
        output = {"targets": [{"language": "es"}, {"language": "fr"}]}
        caller.send("session.update", session={"audio": {"output": output}, "include": ["units"]})
        await _utterance(caller)
        await until(
            lambda: any(each["is_final"] for each in caller.of("session.output_audio.delta") if each["delta"])
        )
        spoken = caller.of("session.output_audio.delta")
        assert {each["language"] for each in spoken if each["delta"]} == {"fr"}
        assert all(each["units"] for each in spoken if not each["delta"]), "units need no audio beside them"
        await until(lambda: np.abs(caller.heard).max(initial=0) > 0.1)


async def test_what_is_wrong_is_answered_and_the_call_goes_on(server: GatewayServer) -> None:
    async with calling(server.target) as caller:
        caller.send("session.update", session=SPANISH)
        await caller.until("session.updated")
        caller.channel.send("no JSON")
        caller.channel.send(b"\0")
        caller.send("session.input_audio_buffer.append", audio="AAAA")
        format_ = {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}
        caller.send("session.update", session=format_)
        await until(lambda: len(caller.of("error")) == 4)
        assert [each["error"]["param"] for each in caller.of("error")] == [
            None,
            None,
            "type",
            "session.audio.input.format",
        ]
        await _utterance(caller)


@pytest.mark.parametrize("hidden", ["9d5a1a2e-51c5-4d61-8d12-4c2f9d2bb7a1.local", ""])
async def test_a_caller_may_hide_its_addresses(server: GatewayServer, hidden: str) -> None:
    """As browsers do before a page may use the microphone: by names that only their own network knows."""

    def change(offer: str) -> str:
        lines = offer.split("\r\n")
        if not hidden:
            return "\r\n".join(line for line in lines if not line.startswith("a=candidate:"))
        return re.sub(r"(a=candidate:\S+ \d udp \d+ )\S+", rf"\g<1>{hidden}", offer)

    async with calling(server.target, change=change) as caller:
        caller.send("session.update", session=SPANISH)
        await caller.until("session.updated")


async def test_who_hangs_up_leaves_nothing(service: ModelFreeService, server: GatewayServer) -> None:
    async with calling(server.target) as caller:
        caller.send("session.update", session=SPANISH)
        await caller.until("session.updated")
        await until(lambda: server.live_streams == 1)
    await until(lambda: service.held == NOTHING and server.live_streams == 0)


def _long_script(request: Request) -> ScriptedRequest:
    """Two minutes of speech for each utterance, as fast as it is taken."""
    one = ScriptedSequence(piece_units=(50,) * 120, piece_interval_s=0.0)
    return ScriptedRequest((one,) * len(request.sequences), encode_s=0.0)


async def test_a_clear_silences_what_was_not_heard_yet() -> None:
    async with (
        model_free_service(_long_script) as service,
        GatewayServer(service) as server,
        calling(server.target) as caller,
    ):
        caller.send("session.update", session=SPANISH)
        await caller.until("session.updated")
        caller.track.say(tone(0.6))
        await until(lambda: np.abs(caller.heard).max(initial=0) > 0.1)
        caller.send("session.input_audio_buffer.clear")
        await until(lambda: service.held["requests"] == 0)
        cleared_at = len(caller.heard)
        await until(lambda: len(caller.heard) > cleared_at + 4_800)
        await until(lambda: np.abs(caller.heard[-4_800:]).max() < 0.01)


async def test_a_drain_says_why_and_ends_the_call(service: ModelFreeService) -> None:
    async with GatewayServer(service) as server, calling(server.target) as caller:
        caller.send("session.update", session=SPANISH)
        await caller.until("session.updated")
        async with asyncio.timeout(60):
            await server.stop(0.5, Unavailable("the server is draining"))
        await until(lambda: caller.closed.is_set())
        assert caller.of("error")[-1]["error"]["code"] == "unavailable"
    await until(lambda: service.held == NOTHING)


class TestUnconnected:
    @pytest.mark.parametrize("options", [GatewayOptions(max_calls=1)])
    async def test_there_are_no_more_calls_than_allowed(self, server: GatewayServer) -> None:
        caller, another = Caller(), Caller()
        try:
            offer = await caller.offer()
            status, _, headers = await post_offer(server.target, offer)
            assert status == 201
            assert headers["Location"].startswith(f"{CALLS}/rtc_0_")
            status, body, headers = await post_offer(server.target, await another.offer())
            assert (status, json.loads(body)["error"]["code"]) == (429, "overloaded")
            assert int(headers["Retry-After"]) >= 1
        finally:
            await caller.hang_up()
            await another.hang_up()

    @pytest.mark.parametrize("options", [GatewayOptions(max_calls=1, connect_timeout_s=0.5)])
    async def test_one_that_never_connects_gives_its_place_back(self, server: GatewayServer) -> None:
        caller, another = Caller(), Caller()
        try:
            assert (await post_offer(server.target, await caller.offer()))[0] == 201
            offer = await another.offer()
            assert (await post_offer(server.target, offer))[0] == 429
            async with asyncio.timeout(60):
                while (await post_offer(server.target, offer))[0] != 201:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
        finally:
            await caller.hang_up()
            await another.hang_up()


class TestIdle:
    @pytest.fixture
    def options(self) -> GatewayOptions:
        return GatewayOptions(idle_timeout_s=2.0)

    async def test_a_track_that_sends_nothing_is_not_waited_for_forever(self, server: GatewayServer) -> None:
        async with calling(server.target) as caller:
            caller.send("session.update", session=SPANISH)
            await caller.until("session.updated")
            caller.track.muted = True
            assert (await caller.until("error"))["error"]["code"] == "timeout"
            await until(lambda: caller.closed.is_set())


class TestWithKeys:
    @pytest.fixture
    async def locked(self, service: ModelFreeService, tmp_path: Path) -> AsyncIterator[GatewayServer]:
        self.key, self.secrets = new_key(), ClientSecrets()
        (tmp_path / "keys").write_text(key_line("alice", self.key))
        keys = ApiKeys(tmp_path / "keys")
        async with GatewayServer(service, callers=Callers(keys), secrets=self.secrets) as running:
            yield running

    async def test_a_secret_brings_the_settings(self, locked: GatewayServer) -> None:
        secret, _ = self.secrets.seal(Who("alice"), SPANISH | {"model": "m"}, 600)
        async with calling(locked.target, Authorization=f"Bearer {secret}") as caller:
            created = await caller.until("session.created")
            assert created["session"]["model"] == "m"
            await _utterance(caller)

    async def test_nobody_else_calls(self, locked: GatewayServer) -> None:
        for credential in ("", "Bearer ek_x", "Bearer x"):
            status, _, _ = await post_offer(locked.target, "v=0", Authorization=credential)
            assert status == 401


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda offer: "", "one section of audio and one data channel"),
        (lambda offer: "hello", "one section of audio and one data channel"),
        (lambda offer: "v=0\r\nm=audio x", "not an SDP offer"),
        (lambda offer: offer[: offer.index("m=application")], "one section of audio and one data channel"),
        (lambda offer: offer.replace("m=audio", "m=video"), "one section of audio and one data channel"),
        (lambda offer: offer.replace("a=sendrecv", "a=recvonly"), "must send"),
        (lambda offer: offer.replace("opus/48000/2", "speex/16000"), "needs Opus, ICE and DTLS"),
        (lambda offer: offer.replace("a=fingerprint", "a=x"), "a fingerprint"),
        (lambda offer: offer + _CANDIDATE * 65, "more than 64 candidates"),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    server: GatewayServer, change: Callable[[str], str], said: str
) -> None:
    caller = Caller()
    try:
        status, body, _ = await post_offer(server.target, change(await caller.offer()))
    finally:
        await caller.hang_up()
    assert status == 400
    assert said in json.loads(body)["error"]["message"]


_CANDIDATE = "a=candidate:1 1 udp 2130706431 192.0.2.9 9 typ host\r\n"


async def test_an_offer_has_its_own_media_type(server: GatewayServer) -> None:
    status, body, _ = await post_offer(server.target, "v=0", **{"Content-Type": "text/plain"})
    assert (status, json.loads(body)["error"]["param"]) == (400, "content-type")


async def test_without_the_package_a_call_is_refused_and_says_what_to_install(
    service: ModelFreeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("translate_svc.gateway.webrtc.availability.find_spec", lambda name: None)
    async with GatewayServer(service) as server:
        assert (await post_offer(server.target, "", path=f"{CALLS}/rtc_1/hangup"))[0] == 501
        status, body, _ = await post_offer(server.target, "v=0")
    assert status == 501
    assert "translate-svc[webrtc]" in json.loads(body)["error"]["message"]
    with pytest.raises(InvalidArgument, match="http_ice_servers: has no effect without WebRTC"):
        check_ice_servers(GatewayOptions(ice_servers=("stun:stun.example:3478",)))
