"""What a room is called, and who comes when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from tests.fakes.model_free_service import model_free_service
from tests.gateway.webrtc.caller import SpokenTrack, post_offer
from tests.gateway.whip.test_whip import client
from tests.waiting import until
from translate_svc.gateway.server import GatewayServer
from translate_svc.session.admission import AdmissionOptions

QUERY = "target=es&language=en"


async def left(target: str, path: str) -> int:
    """The status of a DELETE of a path that is sent as it is."""
    async with aiohttp.ClientSession() as http, http.delete(URL(target + path, encoded=True)) as response:
        return response.status


@pytest.mark.parametrize("room", ["a%20hall", "b%C3%BChne", "a%2Fb", "50%25", "who%3F%23", "a%0D%0AX-B:%201"])
async def test_the_address_of_a_connection_is_one_that_can_be_asked(server: GatewayServer, room: str) -> None:
    async with client(SpokenTrack()) as speaker, client() as listener:
        offers = {f"/v1/whip/{room}?{QUERY}": await speaker.offer()}
        offers[f"/v1/whep/{room}"] = await listener.offer()
        paths = []
        for path, offer in offers.items():
            status, body, headers = await post_offer(server.target, offer, path=path)
            assert status == 201, body
            paths.append(headers["Location"])
        for path, address in zip(paths, offers, strict=True):
            assert path.startswith(address.partition("?")[0] + "/")
        for path in reversed(paths):
            assert await left(server.target, path) == 200


async def test_a_listener_who_comes_as_the_room_ends_is_told(server: GatewayServer) -> None:
    """Nobody would tell it later that there is nothing to hear, and the server waited for it to stop."""
    async with client(SpokenTrack()) as speaker, client() as listener:
        assert await speaker.post(server.target, f"/v1/whip/stage?{QUERY}") == 201
        offer = (await listener.offer()).encode()

        async def slowly() -> AsyncIterator[bytes]:
            yield offer[:100]
            await left(server.target, speaker.path)
            await until(lambda: server.live_streams == 0)
            await until(lambda: speaker.peer.connectionState in ("closed", "failed"))
            yield offer[100:]

        headers = {"Content-Type": "application/sdp"}
        async with (
            aiohttp.ClientSession(server.target) as http,
            http.post("/v1/whep/stage", data=slowly(), headers=headers) as response,
        ):
            assert response.status == 404
            assert "nobody speaks" in (await response.text()).lower()


async def test_a_speaker_who_is_refused_leaves_nothing_behind() -> None:
    """The server waited on for sound of a connection that it had closed, and logged that as its own error."""
    before = asyncio.all_tasks()
    async with (
        model_free_service(admission=AdmissionOptions(max_streams=1)) as service,
        GatewayServer(service) as server,
        client(SpokenTrack()) as speaker,
        client(SpokenTrack()) as another,
    ):
        assert await speaker.post(server.target, f"/v1/whip/stage?{QUERY}") == 201
        assert await another.post(server.target, f"/v1/whip/hall?{QUERY}") == 429
    await until(lambda: asyncio.all_tasks() <= before)
