"""People in a room of a real Janus server hear and read each other in their own languages."""

from __future__ import annotations

from interpreting import interpreting, recognized
from meeting_translate_svc import MeetingOptions, Room
from participant import clip, participating, until

from tests.clips import texts


async def test_a_speaker_is_heard_and_read_in_another_language(server: str, janus: str, room: Room) -> None:
    options = MeetingOptions(languages=("es",), simultaneous=False)
    async with (
        interpreting(server, janus, [room], options) as interpreter,
        participating(janus, room, "Ann (en)") as ann,
        participating(janus, room, "Juan", speaks=False) as juan,
    ):
        heard = await juan.listen("Spanish (interpreted)")
        ann.microphone.say(clip("eng_1"))
        await until(heard.texts)
        await until(lambda: heard.quiet_s() > 0.5)
        wanted = texts("eng_1")["spa"]
        assert heard.texts() == [wanted]
        assert 1.0 < heard.loud_s() < 4.0
        assert await recognized(server, heard.samples, "spa") == wanted
        assert interpreter.meetings[room.room_id].tally.done == 1
