"""The interpreter of several rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from meeting_translate_svc.janus.session import JanusServer
from meeting_translate_svc.janus.video_room import Room
from meeting_translate_svc.meeting import Meeting
from meeting_translate_svc.options import MeetingOptions
from translate_svc.client import AsyncClient
from translate_svc.errors import InvalidArgument


class Interpreter:
    """Interprets rooms of one Janus server by way of one translation server, or of several that take turns.

    async with AsyncClient("127.0.0.1:50051") as client:
        await Interpreter(client, JanusServer("ws://127.0.0.1:8188"), [Room(1234)]).run()
    """

    def __init__(
        self,
        client: AsyncClient,
        server: JanusServer,
        rooms: Iterable[Room],
        options: MeetingOptions = MeetingOptions(),  # noqa: B008 - frozen
    ) -> None:
        self._client = client
        self._server = server
        self._rooms = tuple(rooms)
        self._options = options
        self._meetings: dict[int | str, Meeting] = {}

    @property
    def meetings(self) -> Mapping[int | str, Meeting]:
        """The meetings by the ids of their rooms, once ``run`` has begun."""
        return MappingProxyType(self._meetings)

    def finish(self) -> None:
        """Hears nobody any more. ``run`` returns when what was said is interpreted, or soon after."""
        for meeting in self._meetings.values():
            meeting.finish()

    async def run(self) -> None:
        """Interprets until all rooms are closed, or until ``finish``.

        Raises:
            InvalidArgument: the model of the server does not speak a language. Names the field.
            ExceptionGroup: of what ``Meeting.run`` raises.
        """
        table, info = await asyncio.gather(self._client.languages(), self._client.info())
        possible = frozenset(each.code for each in table if each.speech_in and each.speech_out)
        for index, code in enumerate(self._options.codes):
            if code not in possible:
                raise InvalidArgument(f"the server does not speak {code}", field=f"languages[{index}]")
        if len(self._options.codes) > info.limits.max_targets:
            raise InvalidArgument(f"are more than the server's {info.limits.max_targets}", field="languages")
        async with asyncio.TaskGroup() as running:
            for room in self._rooms:
                meeting = Meeting(
                    self._client, self._server, room, self._options, possible, info.limits.max_targets
                )
                self._meetings[room.room_id] = meeting
                running.create_task(meeting.run())
