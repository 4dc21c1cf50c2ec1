"""A speaker over WHIP and listeners over WHEP, both aiortc, which knows nothing of rooms."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack, VideoStreamTrack

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.gateway.clients import from_pcm16, tone
from tests.gateway.webrtc.caller import SpokenTrack, hear, post_offer
from tests.waiting import until
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.engine.request import Request
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer
from translate_svc.gateway.webrtc.ice_fragment import IceFragment, read_fragment, write_fragment
from translate_svc.gateway.webrtc.ice_paths import IcePaths
from translate_svc.types import Samples

FRAGMENT = "application/trickle-ice-sdpfrag"
NOTHING = {"admitted": 0, "requests": 0, "vad_places": 0}


class Client:
    """One end of a connection. It sends ``track`` and a picture, or hears."""

    def __init__(self, track: SpokenTrack | None = None) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration([], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.path = ""
        self._heard: list[bytes] = []
        self._hearing: list[asyncio.Task[None]] = []
        if track is None:
            audio = self.peer.addTransceiver("audio", direction="recvonly")
            self.peer.on("track", self._listen)
        else:
            audio = self.peer.addTransceiver(track, direction="sendonly")
            self.peer.addTransceiver(VideoStreamTrack(), direction="sendonly")
        self.paths = IcePaths(audio.sender.transport.transport, [], patience_s=30)

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def post(self, target: str, path: str, **headers: str) -> int:
        """The status of the answer. Once it is 201, the connection is made."""
        status, answer, answered = await post_offer(target, await self.offer(), path=path, **headers)
        if status == 201:
            self.path = answered["Location"]
            await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await until(lambda: self.peer.connectionState == "connected")
        return status

    @property
    def heard(self) -> Samples:
        return from_pcm16(b"".join(self._heard))

    async def close(self) -> None:
        await self.peer.close()
        for task in self._hearing:
            task.cancel()
        await asyncio.gather(*self._hearing, return_exceptions=True)

    def _listen(self, track: MediaStreamTrack) -> None:
        self._hearing.append(asyncio.ensure_future(hear(track, self._heard)))


@asynccontextmanager
async def client(track: SpokenTrack | None = None) -> AsyncIterator[Client]:
    made = Client(track)
    try:
        yield made
    finally:
        await made.close()


async def request(
    target: str, method: str, path: str, body: str = "", **headers: str
) -> tuple[int, str, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(target) as http,
        http.request(method, path, data=body.encode(), headers=named) as response,
    ):
        return response.status, await response.text(), dict(response.headers)


def loudest(samples: Samples) -> float:
    return float(np.abs(samples).max(initial=0))


TONES_HZ = {"spa": 440.0, "fra": 880.0}


def a_tone_each(request: Request) -> ScriptedRequest:
    """Every language sounds like itself."""
    return ScriptedRequest(
        tuple(
            ScriptedSequence(piece_units=(50,), tone_hz=TONES_HZ[each.language], amplitude=0.5)
            for each in request.sequences
        ),
        encode_s=0.0,
    )


def pitch_hz(samples: Samples) -> float:
    """The strongest frequency of what is not silence."""
    heard = samples[np.abs(samples) > 0.02]
    powers = np.abs(np.fft.rfft(samples, 2**20))
    assert len(heard) > 4_800, "words were heard"
    return float(np.argmax(powers)) * 48_000 / 2**20


async def test_two_hear_two_languages_of_one_speaker() -> None:
    track = SpokenTrack()
    async with (
        model_free_service(a_tone_each) as service,
        GatewayServer(service) as server,
        client(track) as speaker,
        client() as spanish,
        client() as french,
    ):
        assert await speaker.post(server.target, "/v1/whip/stage?target=es&target=fr&language=en") == 201
        assert await spanish.post(server.target, "/v1/whep/stage") == 201
        assert await french.post(server.target, "/v1/whep/stage?language=fr") == 201
        track.say(tone(0.6))
        await track.finished.wait()
        assert (await request(server.target, "DELETE", speaker.path))[0] == 200
        for listener in (spanish, french):
            await until(lambda each=listener: each.peer.connectionState in ("closed", "failed"))  # type: ignore[misc]
        assert pitch_hz(spanish.heard) == pytest.approx(440, abs=5)
        assert pitch_hz(french.heard) == pytest.approx(880, abs=5)
        assert (await request(server.target, "DELETE", speaker.path))[0] == 404
        async with client() as late:
            assert await late.post(server.target, "/v1/whep/stage") == 404
        await until(lambda: (service.held, server.live_streams) == (NOTHING, 0))


async def test_both_change_networks_and_go_on(server: GatewayServer) -> None:
    track = SpokenTrack()
    async with client(track) as speaker, client() as listener:
        assert await speaker.post(server.target, "/v1/whip/stage?target=es&language=en") == 201
        assert await listener.post(server.target, "/v1/whep/stage") == 201
        for each in (speaker, listener):
            before, path = each.paths.current, await each.paths.further()
            own = IceFragment(path.local_username, path.local_password, tuple(path.local_candidates))
            fragment = write_fragment(own, each.peer.localDescription.sdp)
            headers = {"Content_Type": FRAGMENT, "If_Match": "*"}
            status, body, _ = await request(server.target, "PATCH", each.path, fragment, **headers)
            assert status == 200, body
            await each.paths.begin(path, *read_fragment(body))
            await until(lambda each=each, before=before: each.paths.current is not before)  # type: ignore[misc]
            await before.close()
        track.say(tone(0.6))
        await until(lambda: loudest(listener.heard) > 0.1)
        assert server.live_streams == 1


async def test_a_room_has_one_speaker_and_its_languages(server: GatewayServer) -> None:
    path = "/v1/whip/stage?target=es&language=en"
    async with client(SpokenTrack()) as speaker, client(SpokenTrack()) as another, client() as listener:
        assert await speaker.post(server.target, path) == 201
        assert await another.post(server.target, path) == 409
        assert await listener.post(server.target, "/v1/whep/elsewhere") == 404
        for query, param in (("language=fr", "language"), ("language=tlh", "language"), ("voice=1", "voice")):
            offer = listener.peer.localDescription.sdp
            status, body, _ = await post_offer(server.target, offer, path=f"/v1/whep/stage?{query}")
            assert (status, json.loads(body)["error"]["param"]) == (400, param)
        assert await listener.post(server.target, "/v1/whep/stage") == 201
        assert (await request(server.target, "DELETE", listener.path))[0] == 200
        await until(lambda: listener.peer.connectionState in ("closed", "failed"))
        assert (await request(server.target, "DELETE", listener.path))[0] == 404
    await until(lambda: server.live_streams == 0)
    status, _, headers = await request(server.target, "OPTIONS", "/v1/whip/stage")
    assert (status, headers["Accept-Post"]) == (204, "application/sdp")


@pytest.mark.parametrize(
    ("query", "change", "said"),
    [
        ("", lambda offer: offer, "`target` is required"),
        ("target=tlh", lambda offer: offer, "`target` is not a language"),
        ("target=es&target=es-MX&language=en", lambda offer: offer, "`target` is a target already"),
        ("target=es&speed=2", lambda offer: offer, "`speed` is not a parameter"),
        ("target=es", lambda offer: offer.replace("a=sendonly", "a=recvonly"), "must send"),
        ("target=es", lambda offer: offer[: offer.index("m=audio")], "one section of audio"),
        ("target=es", lambda offer: re.sub(r"opus/48000/2", "speex/16000", offer), "needs Opus"),
    ],
)
async def test_a_speaker_is_told_what_is_wrong(
    server: GatewayServer, query: str, change: Callable[[str], str], said: str
) -> None:
    async with client(SpokenTrack()) as speaker:
        offer = change(await speaker.offer())
        status, body, _ = await post_offer(server.target, offer, path=f"/v1/whip/stage?{query}")
    assert (status, said in json.loads(body)["error"]["message"]) == (400, True), body
    assert server.live_streams == 0


class TestUnconnected:
    @pytest.mark.parametrize("options", [GatewayOptions(max_calls=2, connect_timeout_s=3.0)])
    async def test_who_never_connects_gives_the_place_back(self, server: GatewayServer) -> None:
        path = "/v1/whip/stage?target=es&language=en"
        async with (
            client(SpokenTrack()) as speaker,
            client() as listener,
            client() as another,
            client(SpokenTrack()) as later,
        ):
            offer, hearing = await speaker.offer(), await listener.offer()
            assert (await post_offer(server.target, offer, path=path))[0] == 201
            assert (await post_offer(server.target, hearing, path="/v1/whep/stage"))[0] == 201
            status, body, _ = await post_offer(server.target, await another.offer(), path="/v1/whep/stage")
            assert (status, json.loads(body)["error"]["code"]) == (429, "overloaded")
            await until(lambda: server.live_streams == 0)
            assert await later.post(server.target, path) == 201


async def test_a_room_is_its_callers_own(tmp_path: Path, service: object) -> None:
    alice, bob = new_key(), new_key()
    (tmp_path / "keys").write_text(f"{key_line('alice', alice)}\n{key_line('bob', bob)}\n")
    callers = Callers(ApiKeys(tmp_path / "keys"))
    path = "/v1/whip/stage?target=es&language=en"
    async with (
        GatewayServer(service, callers=callers) as server,  # type: ignore[arg-type]
        client(SpokenTrack()) as speaker,
        client() as listener,
    ):
        assert await speaker.post(server.target, path) == 401
        assert await speaker.post(server.target, path, Authorization=f"Bearer {alice}") == 201
        for key, expected in ((bob, 404), (alice, 201)):
            headers = {"Authorization": f"Bearer {key}"}
            assert await listener.post(server.target, "/v1/whep/stage", **headers) == expected
        for key, expected in ((bob, 404), (alice, 200)):
            headers = {"Authorization": f"Bearer {key}"}
            assert (await request(server.target, "DELETE", speaker.path, **headers))[0] == expected


async def test_a_listener_whose_key_is_removed_hears_no_more(tmp_path: Path, service: object) -> None:
    kept, removed = new_key(), new_key()
    keys, lines = tmp_path / "keys", [key_line("alice", key) for key in (kept, removed)]
    keys.write_text("\n".join(lines))
    async with (
        GatewayServer(
            service,  # type: ignore[arg-type]
            GatewayOptions(revocation_check_s=0.1),
            callers=Callers(ApiKeys(keys)),
        ) as server,
        client(SpokenTrack()) as speaker,
        client() as stays,
        client() as leaves,
    ):
        bearer = {key: {"Authorization": f"Bearer {key}"} for key in (kept, removed)}
        path = "/v1/whip/stage?target=es&language=en"
        assert await speaker.post(server.target, path, **bearer[kept]) == 201
        assert await stays.post(server.target, "/v1/whep/stage", **bearer[kept]) == 201
        assert await leaves.post(server.target, "/v1/whep/stage", **bearer[removed]) == 201
        keys.write_text(lines[0])
        await until(lambda: leaves.peer.connectionState == "closed")
        assert [each.peer.connectionState for each in (speaker, stays)] == ["connected"] * 2


async def test_a_drain_ends_a_room_and_closes_every_connection(service: ModelFreeService) -> None:
    async with client(SpokenTrack()) as speaker, client() as listener:
        async with GatewayServer(service) as server:
            path = "/v1/whip/stage?target=es&language=en"
            assert await speaker.post(server.target, path) == 201
            assert await listener.post(server.target, "/v1/whep/stage") == 201
            async with asyncio.timeout(60):
                await server.stop(0)
        for each in (speaker, listener):
            await until(lambda each=each: each.peer.connectionState in ("closed", "failed"))  # type: ignore[misc]
    await until(lambda: service.held == NOTHING)
