"""People in a room of a real Janus server hear and read each other in their own languages."""

from __future__ import annotations

from contextlib import AsyncExitStack

from interpreting import interpreting, ready, recognized, said
from meeting_translate_svc import MeetingOptions, Room

from benchmarks.meeting.participant import Participant, clip, participating, until
from tests.clips import texts
from translate_svc.types import Echo

ENGLISH, SPANISH, FRENCH = (f"{name} (interpreted)" for name in ("English", "Spanish", "French"))


async def test_a_speaker_is_heard_and_read_in_another_language(server: str, janus: str, room: Room) -> None:
    options = MeetingOptions(languages=("es",), simultaneous=False)
    async with (
        interpreting(server, janus, [room], options) as interpreter,
        participating(janus, room, "Ann (en)") as ann,
        participating(janus, room, "Juan", speaks=False) as juan,
    ):
        heard = await juan.listen(SPANISH)
        await ready(interpreter, room, ann, languages=2)
        ann.microphone.say(clip("eng_1"))
        await ann.microphone.finished.wait()
        assert not heard.loud_s(), "the original is not in it"
        await said(heard)
        wanted = texts("eng_1")["spa"]
        assert heard.texts() == [wanted]
        assert 0.8 < heard.loud_s() < 4.0
        assert await recognized(server, heard.samples, "spa") == [wanted]
        assert interpreter.meetings[room.room_id].tally.done == 1


async def test_three_people_speak_at_once_and_all_hear_all_in_their_own(
    server: str, janus: str, room: Room
) -> None:
    clips = {"Ann (en)": "eng_1", "Juan [spa]": "spa_1", "Lea (fr-CA)": "fra_1"}
    feeds = {"Ann (en)": ENGLISH, "Juan [spa]": SPANISH, "Lea (fr-CA)": FRENCH}
    codes = {"Ann (en)": "eng", "Juan [spa]": "spa", "Lea (fr-CA)": "fra"}
    async with AsyncExitStack() as stack:
        options = MeetingOptions(simultaneous=False)
        interpreter = await stack.enter_async_context(interpreting(server, janus, [room], options))
        people: dict[str, Participant] = {}
        for name in clips:
            people[name] = await stack.enter_async_context(participating(janus, room, name))
        heard = {name: await person.listen(feeds[name]) for name, person in people.items()}
        await ready(interpreter, room, *people.values(), languages=3)
        for name, person in people.items():
            person.microphone.say(clip(clips[name]))
        await said(*heard.values(), count=3)
        for name, each in heard.items():
            code, others = codes[name], [clips[other] for other in clips if other != name]
            assert set(each.texts()) == {texts(said_)[code] for said_ in clips.values()}
            originals = {each["text"] for each in each.captions if each["final"] and each["original"]}
            assert originals == {texts(clips[name])[code]}
            # one after another, in whatever order: both are understood
            spoken = " ".join(await recognized(server, each.samples, code))
            one, other = (texts(said_)[code] for said_ in others)
            assert spoken in (f"{one} {other}", f"{other} {one}")
        tally = interpreter.meetings[room.room_id].tally
        assert (tally.done, tally.failed) == (3, 0)


async def test_a_language_that_nobody_named_is_found_out(server: str, janus: str, room: Room) -> None:
    options = MeetingOptions(languages=("eng", "spa"), simultaneous=False)
    async with (
        interpreting(server, janus, [room], options) as interpreter,
        participating(janus, room, "Ann") as ann,
        participating(janus, room, "Juan") as juan,
    ):
        english, spanish = await ann.listen(ENGLISH), await juan.listen(SPANISH)
        await ready(interpreter, room, ann, juan, languages=2)
        ann.microphone.say(clip("eng_1"))
        await said(spanish)
        juan.microphone.say(clip("spa_1"))
        await said(english, spanish, count=2)
        assert spanish.texts() == [texts("eng_1")["spa"], texts("spa_1")["spa"]]
        assert english.texts() == [texts("eng_1")["eng"], texts("spa_1")["eng"]]
        assert await recognized(server, spanish.samples, "spa") == [texts("eng_1")["spa"]], "not Juan"


async def test_own_sound_comes_in_its_turn_where_it_shall_pass(server: str, janus: str, room: Room) -> None:
    options = MeetingOptions(languages=("en", "es"), simultaneous=False, echo=Echo.PASS)
    async with (
        interpreting(server, janus, [room], options) as interpreter,
        participating(janus, room, "Ann (en)") as ann,
        participating(janus, room, "Bea", speaks=False) as bea,
    ):
        english, spanish = await bea.listen(ENGLISH), await bea.listen(SPANISH)
        await ready(interpreter, room, ann, languages=2)
        ann.microphone.say(clip("eng_1"))
        await said(english, spanish)
        assert english.texts() == [texts("eng_1")["eng"]]
        assert await recognized(server, english.samples, "eng") == [texts("eng_1")["eng"]]
        assert spanish.texts() == [texts("eng_1")["spa"]]


async def test_the_original_is_heard_where_it_is_wanted(server: str, janus: str, room: Room) -> None:
    """Whole utterances are interpreted, so what is heard before the end of one is the original."""
    options = MeetingOptions(languages=("es",), simultaneous=False, original=True)
    async with (
        interpreting(server, janus, [room], options) as interpreter,
        participating(janus, room, "Ann (en)") as ann,
        participating(janus, room, "Juan", speaks=False) as juan,
    ):
        heard = await juan.listen(SPANISH)
        await ready(interpreter, room, ann, languages=2)
        ann.microphone.say(clip("eng_1"))
        await ann.microphone.finished.wait()
        before_s = heard.loud_s()
        assert before_s > 0.5
        await until(lambda: heard.loud_s() > before_s + 0.5)


async def test_rooms_do_not_hear_each_other(server: str, janus: str, room: Room, other_room: Room) -> None:
    options = MeetingOptions(languages=("es",), simultaneous=False)
    async with (
        interpreting(server, janus, [room, other_room], options) as interpreter,
        participating(janus, room, "Ann (en)") as ann,
        participating(janus, other_room, "Ben (en)") as ben,
    ):
        one, other = await ann.listen(SPANISH), await ben.listen(SPANISH)
        await ready(interpreter, room, ann, languages=2)
        await ready(interpreter, other_room, ben, languages=2)
        ann.microphone.say(clip("eng_1"))
        ben.microphone.say(clip("eng_2"))
        await said(one, other)
        assert one.texts() == [texts("eng_1")["spa"]]
        assert other.texts() == [texts("eng_2")["spa"]]
