"""A call changes networks and lives: ICE is restarted, or gets further candidates (RFC 9725, section 4.3)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from aioice import Connection

from tests.gateway.clients import tone
from tests.gateway.webrtc.caller import CALLS, Caller, calling, post_offer
from translate_svc.gateway.server import GatewayServer
from translate_svc.gateway.webrtc.ice_fragment import IceFragment, read_fragment, write_fragment
from translate_svc.gateway.webrtc.ice_paths import IcePaths

SPANISH = {"audio": {"output": {"language": "es"}}}
FRAGMENT = "application/trickle-ice-sdpfrag"


class MovingCaller(Caller):
    """A caller that can restart ICE."""

    def __init__(self) -> None:
        super().__init__()
        assert self.peer.sctp is not None
        self.paths = IcePaths(self.peer.sctp.transport.transport, [], patience_s=30)


async def patch(
    target: str, caller: Caller, body: str, *, method: str = "PATCH", **headers: str
) -> tuple[int, str, dict[str, str]]:
    named = {"Content-Type": FRAGMENT} | {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(target) as http,
        http.request(method, caller.path, data=body.encode(), headers=named) as response,
    ):
        return response.status, await response.text(), dict(response.headers)


async def said(caller: Caller, count: int) -> None:
    """Says one more utterance, the ``count``-th, and waits for its text."""
    caller.track.say(tone(0.6))
    async with asyncio.timeout(60):
        while len({each["utterance_id"] for each in caller.of("session.output_transcript.delta")}) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def described(caller: Caller, path: Connection) -> str:
    """The fragment about one end."""
    ice = IceFragment(path.local_username, path.local_password, tuple(path.local_candidates))
    return write_fragment(ice, caller.peer.localDescription.sdp)


async def lose(path: Connection, paths: IcePaths) -> None:
    """The network of a path is gone, once the other one carries the call."""
    async with asyncio.timeout(60):
        while paths.current is path:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await path.close()


async def by_patch(server: GatewayServer, caller: MovingCaller) -> None:
    path = await caller.paths.further()
    status, body, headers = await patch(server.target, caller, described(caller, path), If_Match="*")
    assert (status, headers["Etag"] != caller.etag) == (200, True), body
    assert headers["Content-Type"].startswith(FRAGMENT)
    await caller.paths.begin(path, *read_fragment(body))


async def by_offer(server: GatewayServer, caller: MovingCaller) -> None:
    await offer_to(server, caller, CALLS)


async def by_offer_to_the_call(server: GatewayServer, caller: MovingCaller) -> None:
    await offer_to(server, caller, caller.path)


async def offer_to(server: GatewayServer, caller: MovingCaller, place: str) -> None:
    path = await caller.paths.further()
    offer = caller.peer.localDescription.sdp
    offer = re.sub(r"a=ice-ufrag:\S+", f"a=ice-ufrag:{path.local_username}", offer)
    offer = re.sub(r"a=ice-pwd:\S+", f"a=ice-pwd:{path.local_password}", offer)
    status, answer, headers = await post_offer(server.target, offer, path=place)
    assert (status, headers["Location"]) == (200, caller.path)
    before = caller.peer.remoteDescription.sdp
    kept = ("m=", "a=mid", "a=fingerprint", "a=setup", "a=rtpmap", "a=sctp-port")
    for text in (before, answer):
        assert [line for line in text.splitlines() if line.startswith(kept)] == [
            line for line in before.splitlines() if line.startswith(kept)
        ], "nothing but ICE is negotiated anew"
    await caller.paths.begin(path, *read_fragment(answer))


@pytest.mark.parametrize("restart", [by_patch, by_offer, by_offer_to_the_call])
async def test_a_call_changes_networks_and_its_session_goes_on(
    server: GatewayServer, monkeypatch: pytest.MonkeyPatch, restart: Callable[..., object]
) -> None:
    monkeypatch.setattr("tests.gateway.webrtc.caller.Caller", MovingCaller)
    async with calling(server.target) as caller:
        assert isinstance(caller, MovingCaller)
        caller.send("session.update", session=SPANISH)
        await caller.until("session.updated")
        await said(caller, 1)
        for count in (2, 3):
            before = caller.paths.current
            await restart(server, caller)  # type: ignore[misc]
            await lose(before, caller.paths)
            await said(caller, count)
        assert server.live_streams == 1
        assert len(caller.of("session.created")) == 1
        caller.send("session.close")
        await caller.until("session.closed")


async def test_an_offer_that_comes_twice_is_answered_twice_by_one_call(server: GatewayServer) -> None:
    async with calling(server.target) as caller:
        status, answer, headers = await post_offer(server.target, caller.peer.localDescription.sdp)
        assert (status, headers["Location"], headers["Etag"]) == (200, caller.path, caller.etag)
        await caller.until("session.created")
        own = caller.peer.remoteDescription.sdp
        assert read_fragment(answer).username == read_fragment(own).username


async def test_an_offer_to_a_call_must_be_of_its_peer_connection(server: GatewayServer) -> None:
    another = Caller()
    try:
        async with calling(server.target) as caller:
            await caller.until("session.created")
            offer = await another.offer()
            status, body, _ = await post_offer(server.target, offer, path=caller.path)
            assert (status, "peer connection" in body) == (400, True)
            assert (await post_offer(server.target, offer, path=f"{caller.path}0"))[0] == 404
            caller.send("session.update", session=SPANISH)
            await caller.until("session.updated")
    finally:
        await another.hang_up()


async def test_an_offer_that_is_posted_three_times_at_once_makes_one_call(server: GatewayServer) -> None:
    caller = Caller()
    try:
        offer = await caller.offer()
        posted = await asyncio.gather(*(post_offer(server.target, offer) for _ in range(3)))
        assert sorted(status for status, _, _ in posted) == [200, 200, 201]
        assert len({headers["Location"] for _, _, headers in posted}) == 1
        assert len({read_fragment(answer).username for _, answer, _ in posted}) == 1
        await caller.accept(posted[0][1])
        await caller.until("session.created")
    finally:
        await caller.hang_up()


async def test_further_candidates_are_taken(server: GatewayServer) -> None:
    """From a caller that could name none in its offer."""

    def bare(offer: str) -> str:
        return re.sub(r"a=(candidate:\S+ \d udp|end-of-candidates).*\r\n", "", offer)

    async with calling(server.target, change=bare) as caller:
        offer = caller.peer.localDescription.sdp
        fragment = write_fragment(read_fragment(offer), offer)
        status, body, _ = await patch(server.target, caller, fragment, If_Match=caller.etag)
        assert (status, body) == (204, "")
        more = fragment + "a=candidate:9 1 udp 1 192.0.2.9 9 typ host\r\n" * 2
        many = fragment + "".join(f"a=candidate:{n} 1 udp 1 192.0.2.9 {n} typ host\r\n" for n in range(1, 65))
        assert (await patch(server.target, caller, more, If_Match=caller.etag))[0] == 204
        status, body, _ = await patch(server.target, caller, many, If_Match=caller.etag)
        assert (status, "more than 64 candidates" in body) == (400, True)
        caller.send("session.update", session=SPANISH)
        await said(caller, 1)


async def test_what_is_wrong_with_a_fragment_is_said_and_the_call_goes_on(server: GatewayServer) -> None:
    async with calling(server.target) as caller:
        offer = caller.peer.localDescription.sdp
        same, other = (
            write_fragment(read_fragment(offer)._replace(username=name), offer)
            for name in (read_fragment(offer).username, "another")
        )
        wrong: list[tuple[str, dict[str, str], int]] = [
            (same, {"If_Match": "*", "Content_Type": "application/sdp"}, 415),
            (same, {}, 428),
            (same, {"If_Match": '"older"'}, 412),
            (other, {"If_Match": caller.etag}, 412),
            ("a=mid:0\r\n", {"If_Match": "*"}, 400),
            (same + "a=candidate:nothing\r\n", {"If_Match": "*"}, 400),
            (same + "a=candidate:1 1 udp 1 host.example 9 typ host\r\n", {"If_Match": "*"}, 400),
            (same + "a=candidate:1 1 udp 1 192.0.2.9 65536 typ host\r\n", {"If_Match": "*"}, 400),
        ]
        for body, headers, expected in wrong:
            named = {"Content_Type": FRAGMENT} | headers
            assert (await patch(server.target, caller, body, **named))[0] == expected, headers
        caller.send("session.update", session=SPANISH)
        await said(caller, 1)


async def test_delete_ends_a_call(server: GatewayServer) -> None:
    async with calling(server.target) as caller:
        await caller.until("session.created")
        assert (await patch(server.target, caller, "", method="DELETE"))[0] == 200
        await asyncio.wait_for(caller.closed.wait(), 60)
        assert (await patch(server.target, caller, "", method="DELETE"))[0] == 404
        assert (await patch(server.target, caller, "", If_Match="*"))[0] == 404


def sockets() -> int:
    """Sockets of this process, which has both ends."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one of this listing is gone
            count += "socket:" in str(each.readlink())
    return count


async def test_restarts_that_lead_nowhere_leave_nothing_behind(server: GatewayServer) -> None:
    """Each one gathers sockets of its own; those of the one before are closed, and all with the call."""
    before = sockets()
    async with calling(server.target) as caller:
        caller.send("session.update", session=SPANISH)
        await said(caller, 1)
        offer = caller.peer.localDescription.sdp
        during = []
        for number in range(8):
            ice = IceFragment(f"user{number}", "password" * 3, ())
            body = write_fragment(ice, offer)
            assert (await patch(server.target, caller, body, If_Match="*"))[0] == 200
            await asyncio.sleep(0.05)
            during.append(sockets())
        assert during[-1] <= during[0] + 2
        await said(caller, 2)
    async with asyncio.timeout(30):
        while sockets() > before:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
