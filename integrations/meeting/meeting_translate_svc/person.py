"""Somebody who is in the room."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from meeting_translate_svc.janus.video_room import Feed
from meeting_translate_svc.speaker import Speaker
from meeting_translate_svc.trouble import Trouble


@dataclass(slots=True)
class Person:
    """Somebody who is in the room.

    Attributes:
        feed: what the person publishes.
        speaker: interprets what the person says.
        deafness: why the person cannot be heard.
        listening: the task that hears the person.
        is_heard: whether sound comes now.
    """

    feed: Feed
    speaker: Speaker
    deafness: Trouble
    listening: asyncio.Task[None] | None = None
    is_heard: bool = False
