"""What the interpreter publishes in one language: a track, and captions over a data channel."""

from __future__ import annotations

import asyncio
import logging

from aiortc import RTCDataChannel

from meeting_translate_svc.caption import Caption
from meeting_translate_svc.janus.session import JanusError, JanusSession
from meeting_translate_svc.janus.video_room import PLUGIN, Room, UnusableSound, join, publishing
from meeting_translate_svc.options import FEED_SUFFIX, MeetingOptions, language_name
from meeting_translate_svc.sound.interpreted_track import InterpretedTrack
from meeting_translate_svc.sound.originals import Originals
from meeting_translate_svc.sound.turns import Turns
from meeting_translate_svc.trouble import Trouble

_log = logging.getLogger("meeting_translate_svc")
_MAX_UNSENT_BYTES = 256 * 1024
"""Behind a channel that does not move captions are dropped: each of the next ones has the whole text."""


class LanguageFeed:
    """The feed of one language. Its turns outlive the connection that publishes them."""

    def __init__(self, language: str, options: MeetingOptions) -> None:
        self.language = language
        self.display = language_name(language) + FEED_SUFFIX
        self.turns = Turns(max_waiting_s=options.max_waiting_s)
        self.originals = Originals(options.duck_db) if options.original else None
        self._retry_s = options.retry_s
        self._channel: RTCDataChannel | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is published, down to its data channel."""
        return self._channel is not None and self._channel.readyState == "open"

    async def publish(self, session: JanusSession, room: Room) -> None:
        """Publishes, and again when the connection is lost, until it is cancelled.

        Raises:
            JanusLost: the session has ended.
        """
        silence = Trouble(f"room {room.room_id}: no feed in {self.language}")
        while True:
            handle = await session.attach(PLUGIN)
            try:
                await join(handle, room, self.display)
                track = InterpretedTrack(self.turns, self.originals)
                async with publishing(handle, track) as (_, self._channel):
                    silence.is_over()
                    await handle.until_hangup()
                _log.warning("room %s: the feed in %s was cut off", room.room_id, self.language)
            except (JanusError, UnusableSound, OSError) as error:
                silence.warn(error)
            finally:
                self._channel = None
                await handle.detach()
            await asyncio.sleep(self._retry_s)

    def show(self, caption: Caption) -> None:
        """Sends a caption to those who listen."""
        channel = self._channel
        if channel is not None and self.is_open and channel.bufferedAmount <= _MAX_UNSENT_BYTES:
            channel.send(caption.to_json())
