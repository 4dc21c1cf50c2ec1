"""Somebody whose sound cannot be used costs nobody else a word."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aioice import ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from interpreting import interpreting, ready, said
from meeting_translate_svc import JanusServer, MeetingOptions, Room
from meeting_translate_svc.janus.session import janus_session
from meeting_translate_svc.janus.video_room import PLUGIN, join

from benchmarks.meeting.participant import Microphone, clip, participating, until
from tests.clips import texts

SPANISH = "Spanish (interpreted)"
OPTIONS = MeetingOptions(languages=("es",), simultaneous=False, retry_s=0.1)


@asynccontextmanager
async def made_room(url: str, codecs: str) -> AsyncIterator[Room]:
    """A room that takes these codecs of sound."""
    async with janus_session(JanusServer(url)) as session:
        handle = await session.attach(PLUGIN)
        data, _ = await handle.ask({"request": "create", "publishers": 12, "audiocodec": codecs})
        room = Room(data["room"])
        yield room
        await handle.ask(room.request("destroy"))


@asynccontextmanager
async def speaking(url: str, room: Room, display: str, codec: str) -> AsyncIterator[None]:
    """Somebody who says that all sound is in this codec, whatever it is."""
    peer = RTCPeerConnection(RTCConfiguration([]))
    async with janus_session(JanusServer(url)) as session:
        try:
            handle = await session.attach(PLUGIN)
            await join(handle, room, display)
            peer.addTransceiver(Microphone(), direction="sendonly")
            await peer.setLocalDescription(await peer.createOffer())
            offer = re.sub("opus/48000/2|PCM[AU]/8000|G722/8000", codec, peer.localDescription.sdp)
            _, answer = await handle.ask({"request": "publish"}, {"type": "offer", "sdp": offer})
            assert answer is not None
            own = re.sub(codec, "opus/48000/2", answer["sdp"], flags=re.IGNORECASE)
            await peer.setRemoteDescription(RTCSessionDescription(own, "answer"))
            await until(lambda: peer.connectionState == "connected", 20)
            yield
        finally:
            await peer.close()


@pytest.mark.parametrize("codec", ["ISAC/32000", "PCMU/8000"])
async def test_who_does_not_speak_in_opus_costs_nobody_else_a_word(
    server: str, janus: str, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        made_room(janus, "opus,isac32,pcmu") as room,
        interpreting(server, janus, [room], OPTIONS) as interpreter,
        participating(janus, room, "Ann (en)") as ann,
    ):
        heard = await ann.listen(SPANISH)
        await ready(interpreter, room, ann, languages=2)
        async with speaking(janus, room, "Ben (en)", codec):
            await until(lambda: "the sound is not in Opus" in caplog.text)
            ann.microphone.say(clip("eng_1"))
            await said(heard)
        assert heard.texts() == [texts("eng_1")["spa"]]
        assert caplog.text.count("cannot hear") == 1, "it was tried many times, and is logged once"


async def test_who_cannot_be_connected_for_want_of_descriptors_is_heard_later(
    server: str, janus: str, room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    addresses = ice.get_host_addresses
    has_any = True

    def addresses_if_any(*, use_ipv4: bool, use_ipv6: bool) -> list[str]:
        if not has_any:
            raise OSError(errno.EMFILE, "Too many open files")
        found: list[str] = addresses(use_ipv4=use_ipv4, use_ipv6=use_ipv6)
        return found

    async with (
        participating(janus, room, "Ann (en)") as ann,
        participating(janus, room, "Juan", speaks=False) as juan,
    ):
        monkeypatch.setattr(ice, "get_host_addresses", addresses_if_any)
        has_any = False
        async with interpreting(server, janus, [room], OPTIONS) as interpreter:
            for what in ("no feed in spa", f"cannot hear {ann.feed_id}"):
                await until(lambda what=what: f"{what}: [Errno 24] Too many open files" in caplog.text)
            has_any = True
            heard = await juan.listen(SPANISH)
            await ready(interpreter, room, ann, languages=2)
            ann.microphone.say(clip("eng_1"))
            await said(heard)
            assert heard.texts() == [texts("eng_1")["spa"]]


async def test_a_janus_that_cannot_be_reached_is_told_once_with_the_reason(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with interpreting(server, "ws://127.0.0.1:9", [Room(1)], OPTIONS):
        await until(lambda: "Janus cannot be reached" in caplog.text)
        await asyncio.sleep(5 * OPTIONS.retry_s)
    assert caplog.text.count("cannot be reached") == 1


@pytest.mark.parametrize("codecs", ["isac32", "pcmu"])
async def test_a_room_without_opus_costs_no_other_room_a_word(
    server: str, janus: str, room: Room, codecs: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        made_room(janus, codecs) as other,
        interpreting(server, janus, [other, room], OPTIONS) as interpreter,
        participating(janus, room, "Ann (en)") as ann,
    ):
        heard = await ann.listen(SPANISH)
        await ready(interpreter, room, ann, languages=2)
        await until(lambda: "no feed in spa: the sound is not in Opus" in caplog.text)
        ann.microphone.say(clip("eng_1"))
        await said(heard)
        assert heard.texts() == [texts("eng_1")["spa"]]
