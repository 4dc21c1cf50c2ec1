"""People come and go, connections break, servers are killed: what was said is still interpreted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from interpreting import interpreting, ready, said
from meeting_translate_svc import Interpreter, JanusError, JanusServer, MeetingOptions, Room

from benchmarks.meeting.janus_process import janus_process
from benchmarks.meeting.participant import RATE_HZ, clip, participating, until
from benchmarks.resume.servers import servers, starter_command
from tests.clips import texts
from translate_svc.access.resume_tokens import new_resume_key
from translate_svc.client import AsyncClient
from translate_svc.errors import InvalidArgument

SPANISH, ENGLISH = "Spanish (interpreted)", "English (interpreted)"
OPTIONS = MeetingOptions(languages=("es",), simultaneous=False)


async def test_who_leaves_in_a_sentence_is_interpreted_to_its_end(
    server: str, janus: str, room: Room
) -> None:
    async with (
        interpreting(server, janus, [room], OPTIONS) as interpreter,
        participating(janus, room, "Juan", speaks=False) as juan,
    ):
        async with participating(janus, room, "Ann (en)") as ann:
            heard = await juan.listen(SPANISH)
            await until(lambda: juan.published(ENGLISH))
            await ready(interpreter, room, ann, languages=2)
            ann.microphone.say(clip("eng_1"))
            await ann.microphone.finished.wait()
            await asyncio.sleep(0.2)  # the last packets are on their way
        await said(heard)
        assert heard.texts() == [texts("eng_1")["spa"]]
        assert interpreter.meetings[room.room_id].languages == ("spa",)
        await until(lambda: juan.published(ENGLISH) is None)


async def test_who_comes_late_hears_and_is_heard(server: str, janus: str, room: Room) -> None:
    async with (
        interpreting(server, janus, [room], OPTIONS) as interpreter,
        participating(janus, room, "Ann (en)") as ann,
    ):
        await ready(interpreter, room, ann, languages=2)
        ann.microphone.say(clip("eng_1"))
        await until(lambda: interpreter.meetings[room.room_id].tally.done)
        async with participating(janus, room, "Ben (en)") as ben:
            heard = await ben.listen(SPANISH)
            await ready(interpreter, room, ben, languages=2)
            ben.microphone.say(clip("eng_2"))
            await said(heard)
            assert heard.texts()[-1] == texts("eng_2")["spa"]


async def test_who_is_muted_in_the_end_of_a_sentence_is_interpreted(
    server: str, janus: str, room: Room
) -> None:
    async with (
        interpreting(server, janus, [room], OPTIONS) as interpreter,
        participating(janus, room, "Ann (en)") as ann,
    ):
        heard = await ann.listen(SPANISH)
        await ready(interpreter, room, ann, languages=2)
        ann.microphone.say(clip("eng_1"))
        await ann.microphone.finished.wait()
        ann.microphone.muted = True
        await said(heard)
        assert heard.texts() == [texts("eng_1")["spa"]]


async def test_no_utterance_is_lost_with_a_killed_server(janus: str, room: Room, tmp_path: Path) -> None:
    """It is killed in the first of three sentences, and started again two seconds later."""
    clips = ("eng_1", "eng_2", "eng_3")
    keys = tmp_path / "resume-keys"
    keys.write_text(new_resume_key() + "\n")
    async with (
        servers(1, starter_command(keys)) as (server,),
        interpreting(server.address, janus, [room], OPTIONS) as interpreter,
        participating(janus, room, "Ann (en)") as ann,
    ):
        heard = await ann.listen(SPANISH)
        await ready(interpreter, room, ann, languages=2)
        for name in clips:
            ann.microphone.say(clip(name))
            ann.microphone.say(np.zeros(RATE_HZ, np.float32))
        await asyncio.sleep(2)
        await server.kill()
        await asyncio.sleep(2)
        await server.start()
        wanted = [texts(name)["spa"] for name in clips]
        await said(heard, count=len(wanted))
        assert heard.texts() == wanted
        assert heard.loud_s() > 3.0, "all three of them are said"
        tally = interpreter.meetings[room.room_id].tally
        assert (tally.done, tally.failed, tally.lost_streams, tally.lost_ms) == (3, 0, 0, 0)


@pytest.mark.usefixtures("janus_installed")
async def test_the_interpreter_comes_back_to_a_janus_that_was_killed(server: str, tmp_path: Path) -> None:
    room = Room(1)
    with janus_process(tmp_path) as (url, janus):
        async with interpreting(server, url, [room], OPTIONS) as interpreter:
            async with participating(url, room, "Ann (en)") as ann:
                await ready(interpreter, room, ann, languages=2)
                janus.kill()
                await asyncio.to_thread(janus.start)
            async with participating(url, room, "Ben (en)") as ben:
                heard = await ben.listen(SPANISH)
                await ready(interpreter, room, ben, languages=2)
                ben.microphone.say(clip("eng_2"))
                await said(heard)
                assert heard.texts() == [texts("eng_2")["spa"]]


async def test_who_publishes_again_is_heard_again(server: str, janus: str, room: Room) -> None:
    """As a client does whose network has changed: the same feed, with another connection."""
    async with (
        interpreting(server, janus, [room], OPTIONS) as interpreter,
        participating(janus, room, "Ann (en)") as ann,
    ):
        heard = await ann.listen(SPANISH)
        await ready(interpreter, room, ann, languages=2)
        async with ann.published_again():
            await until(lambda: not interpreter.meetings[room.room_id].heard)
            await ready(interpreter, room, ann, languages=2)
            ann.microphone.say(clip("eng_1"))
            await said(heard)
            assert heard.texts() == [texts("eng_1")["spa"]]


async def test_an_interpreter_that_is_told_to_stop_finishes_its_sentence(
    server: str, janus: str, room: Room
) -> None:
    async with participating(janus, room, "Ann (en)") as ann, AsyncClient(server) as client:
        interpreter = Interpreter(client, JanusServer(janus), [room], OPTIONS)
        running = asyncio.ensure_future(interpreter.run())
        heard = await ann.listen(SPANISH)
        await ready(interpreter, room, ann, languages=2)
        ann.microphone.say(clip("eng_1"))
        await ann.microphone.finished.wait()
        await asyncio.sleep(0.2)  # the last packets are on their way
        interpreter.finish()
        await asyncio.wait_for(running, 20)
        assert heard.texts() == [texts("eng_1")["spa"]]
        assert heard.loud_s() > 0.8


async def test_what_cannot_be_is_refused_by_name(server: str, janus: str) -> None:
    async with AsyncClient(server) as client:
        with pytest.raises(InvalidArgument, match="languages\\[1\\]"):
            await Interpreter(
                client, JanusServer(janus), [Room(1)], MeetingOptions(languages=("es", "ja"))
            ).run()
        with pytest.raises(InvalidArgument, match="languages\\[0\\]"):
            MeetingOptions(languages=("zz",))
        with pytest.raises(ExceptionGroup) as refused:
            await Interpreter(client, JanusServer(janus), [Room(4711)], OPTIONS).run()
        assert refused.group_contains(JanusError, match="426")
