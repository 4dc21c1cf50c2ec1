"""One room: who is in it, and into which languages they are interpreted."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack

from meeting_translate_svc.caption import Caption
from meeting_translate_svc.janus.session import (
    JanusError,
    JanusLost,
    JanusServer,
    JanusSession,
    Message,
    janus_session,
)
from meeting_translate_svc.janus.video_room import (
    PLUGIN,
    Feed,
    Room,
    UnusableSound,
    attached_peer,
    join,
    room_change,
    subscribe,
)
from meeting_translate_svc.language_feed import LanguageFeed
from meeting_translate_svc.options import FEED_SUFFIX, MeetingOptions
from meeting_translate_svc.person import Person
from meeting_translate_svc.sound.turns import RATE_HZ, SpeechKey
from meeting_translate_svc.speaker import Speaker
from meeting_translate_svc.tally import Tally
from meeting_translate_svc.trouble import Trouble
from translate_svc.audio.pcm import from_s16
from translate_svc.client import AsyncClient
from translate_svc.gateway.webrtc.heard_audio import heard_audio
from translate_svc.types import Echo, Samples

_PRESENCE = "Interpreter"
_SILENT_S = 0.5
_LAST_S = 0.5
"""How long the last words are on their way to those who listen."""

_PAUSE = bytes(2 * RATE_HZ)
"""A second of silence: it ends the utterance of somebody whose connection has broken."""


@dataclass(frozen=True, slots=True)
class _Attendance:
    """A session with Janus, the tasks that end with it, and those that outlive it."""

    session: JanusSession
    tasks: asyncio.TaskGroup
    speaking: asyncio.TaskGroup


class Meeting:
    """Interprets one room. Implements ``Floor``.

    Streams and turns outlive a lost connection to Janus: it is made again, and who is still there goes on. A
    room that was joined once may be missing then, until somebody has made it again.
    """

    def __init__(
        self,
        client: AsyncClient,
        server: JanusServer,
        room: Room,
        options: MeetingOptions,
        possible: frozenset[str],
        max_targets: int,
    ) -> None:
        """``possible``: Seamless codes of the languages that can be interpreted from and into.

        ``max_targets``: how many of them at a time.
        """
        self._client = client
        self._server = server
        self._room = room
        self._options = options
        self._possible = possible
        self._max_targets = max_targets
        self._people: dict[int | str, Person] = {}
        self._feeds: dict[str, LanguageFeed] = {}
        self._publishing: dict[str, asyncio.Task[None]] = {}
        self._speaking: set[asyncio.Task[None]] = set()
        self._finishing = asyncio.Event()
        self._joined = False
        self._absence = Trouble(f"room {room.room_id}: the connection to Janus was lost")
        self.tally = Tally()

    @property
    def languages(self) -> tuple[str, ...]:
        """Seamless codes of the languages that are interpreted into now."""
        known = [person.speaker.named for person in self._people.values() if self._options.follow]
        asked = dict.fromkeys([*self._options.codes, *(code for code in known if code)])
        return tuple(asked)[: self._max_targets]

    @property
    def heard(self) -> frozenset[int | str]:
        """The feeds of those whose sound comes now."""
        return frozenset(feed_id for feed_id, person in self._people.items() if person.is_heard)

    @property
    def published(self) -> frozenset[str]:
        """The languages whose feeds can be heard and read now."""
        return frozenset(code for code, feed in self._feeds.items() if feed.is_open)

    async def run(self) -> None:
        """Interprets until the room is closed, or after ``finish`` until what was said is interpreted.

        Raises:
            JanusError: there is no such room, or the pin is wrong.
            TranslateSvcError: the translation server does not take the settings or the caller.
        """
        async with asyncio.TaskGroup() as speaking:
            while not (await self._attend(speaking) or self._finishing.is_set()):  # noqa: ASYNC110 - retries
                await asyncio.sleep(self._options.retry_s)
            for feed_id in tuple(self._people):
                self._leave(feed_id)

    def finish(self) -> None:
        """Hears nobody any more. ``run`` returns when what was said is interpreted, or soon after."""
        self._finishing.set()

    def say(self, language: str, key: SpeechKey, samples: Samples) -> None:
        """Implements ``Floor.say``."""
        if (feed := self._feeds.get(language)) is not None:
            feed.turns.add(key, samples)

    def end(self, language: str, key: SpeechKey) -> None:
        """Implements ``Floor.end``."""
        if (feed := self._feeds.get(language)) is not None:
            feed.turns.end(key)

    def show(self, caption: Caption) -> None:
        """Implements ``Floor.show``."""
        if (feed := self._feeds.get(caption.language)) is not None:
            feed.show(caption)

    async def _attend(self, speaking: asyncio.TaskGroup) -> bool:
        """One session with Janus. Returns whether the room is closed; else the session was lost."""
        closed = False
        try:
            async with janus_session(self._server) as session, asyncio.TaskGroup() as tasks:
                await self._follow_room(_Attendance(session, tasks, speaking))
                listening = [each.listening for each in self._people.values() if each.listening]
                for task in [*self._publishing.values(), *listening]:
                    task.cancel()
                closed = True
        except* JanusLost as group:
            self._absence.warn(group)
        except* JanusError as group:
            if not self._joined:
                raise
            self._absence.warn(group)
        finally:
            self._publishing.clear()
        return closed

    async def _follow_room(self, here: _Attendance) -> None:
        """Returns when the room is closed, or all is finished."""
        handle = await here.session.attach(PLUGIN)
        _, present = await join(handle, self._room, _PRESENCE)
        self._joined = True
        self._absence.is_over()
        for gone in self._people.keys() - {feed.feed_id for feed in present}:
            self._leave(gone)
        for person in self._people.values():
            person.listening = here.tasks.create_task(self._listen(here.session, person))
        self._meet(present, here)
        while (message := await self._unless_finishing(handle.event())) is not None:
            change = room_change(message)
            if change.closed:
                return
            if change.left is not None:
                self._leave(change.left)
            self._meet(change.feeds, here)
        await self._finish()

    async def _unless_finishing(self, event: Coroutine[Any, Any, Message]) -> Message | None:
        """What ``event`` returns; None once there is nothing more to hear."""
        coming, finishing = asyncio.ensure_future(event), asyncio.ensure_future(self._finishing.wait())
        both: set[asyncio.Future[Any]] = {coming, finishing}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return None if finishing.done() else coming.result()
        finally:
            coming.cancel()
            finishing.cancel()

    async def _finish(self) -> None:
        """Waits until what was said is interpreted and heard."""
        for feed_id in tuple(self._people):
            self._leave(feed_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.finish_s):
                if self._speaking:
                    await asyncio.wait(self._speaking)
                while any(feed.turns.waiting_samples for feed in self._feeds.values()):  # noqa: ASYNC110
                    await asyncio.sleep(_LAST_S)
                await asyncio.sleep(_LAST_S)

    def _meet(self, feeds: tuple[Feed, ...], here: _Attendance) -> None:
        """Listens to those who are new, and publishes what they ask for."""
        for feed in feeds:
            known = self._people.get(feed.feed_id)
            if known is not None and known.feed != feed:
                self._leave(feed.feed_id)
            elif known is not None:
                continue
            if feed.audio_mid and not feed.display.endswith(FEED_SUFFIX):
                deafness = Trouble(f"room {self._room.room_id}: cannot hear {feed.feed_id}")
                person = self._people[feed.feed_id] = Person(feed, self._speaker(feed), deafness)
                person.speaker.interpret_into(self.languages)
                running = here.speaking.create_task(person.speaker.run())
                self._speaking.add(running)
                running.add_done_callback(self._speaking.discard)
                person.listening = here.tasks.create_task(self._listen(here.session, person))
        self._publish_languages(here)

    def _publish_languages(self, here: _Attendance) -> None:
        languages = self.languages
        for code in self._feeds.keys() - set(languages):
            del self._feeds[code]
            if (task := self._publishing.pop(code, None)) is not None:
                task.cancel()
        for code in languages:
            feed = self._feeds.setdefault(code, LanguageFeed(code, self._options))
            if code not in self._publishing:
                self._publishing[code] = here.tasks.create_task(feed.publish(here.session, self._room))
        for person in self._people.values():
            person.speaker.interpret_into(languages)

    def _speaker(self, feed: Feed) -> Speaker:
        named = self._options.spoken(feed.display)
        return Speaker(
            self._client,
            self,
            self._options,
            speaker_id=feed.feed_id,
            display=feed.display,
            spoken=named if named in self._possible else None,
            tally=self.tally,
        )

    def _leave(self, feed_id: int | str) -> None:
        """What was said already is still interpreted."""
        person = self._people.pop(feed_id, None)
        if person is None:
            return
        person.speaker.leave()
        if person.listening is not None:
            person.listening.cancel()
        for feed in self._feeds.values():
            if feed.originals is not None:
                feed.originals.forget(feed_id)

    async def _listen(self, session: JanusSession, person: Person) -> None:
        """Hears a person, and again when the connection was cut off, until it is cancelled."""
        while True:
            try:
                async with attached_peer(session) as (peer, handle), asyncio.TaskGroup() as hearing:
                    hears = lambda track: hearing.create_task(self._hear(track, person))  # noqa: E731
                    peer.on("track", hears)
                    await subscribe(peer, handle, self._room, person.feed)
                    await handle.until_hangup()
                    await peer.close()  # which ends the track
            except* (JanusError, UnusableSound, OSError) as group:
                person.deafness.warn(group)
            person.is_heard = False
            person.speaker.hear(_PAUSE)
            await asyncio.sleep(self._options.retry_s)

    async def _hear(self, track: MediaStreamTrack, person: Person) -> None:
        heard = heard_audio(track, silent_s=_SILENT_S, most_silent_s=math.inf)
        async with contextlib.aclosing(heard) as parts:
            async for pcm in parts:
                person.is_heard = True
                person.deafness.is_over()
                person.speaker.hear(pcm)
                if self._options.original:
                    self._pass_on(person, from_s16(np.frombuffer(pcm, "<i2")))

    def _pass_on(self, person: Person, samples: Samples) -> None:
        """Adds a person's own sound to the tracks, but for those that play it in its turn."""
        own = person.speaker.language if self._options.echo is Echo.PASS else None
        for feed in self._feeds.values():
            if feed.originals is not None and feed.language != own:
                feed.originals.add(person.feed.feed_id, samples)
