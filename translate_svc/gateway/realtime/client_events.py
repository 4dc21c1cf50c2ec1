"""Reads the events that a client sends over its connection."""

from __future__ import annotations

import binascii
import json
from typing import Any

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.failures import failure_of
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.realtime.connection import Connection

_MAX_EVENT_ID_CHARACTERS = 512


class ClientEvents:
    """The events of one connection. A message that is no event is answered by an ``error`` event."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.event_id: str | None = None
        """The id that the client gave the event that came last."""
        self._kept: JsonObject | None = None

    def keep(self, event: JsonObject) -> None:
        """``receive`` returns ``event``, which came last, once more."""
        self._kept = event

    async def receive(self) -> JsonObject:
        """The next event. Its ``type`` is a string."""
        if (kept := self._kept) is not None:
            self._kept = None
            return kept
        while True:
            self.event_id = None
            try:
                return self._event(await self._connection.receive())
            except InvalidArgument as error:
                await self.refuse(error)

    async def refuse(self, error: BaseException) -> None:
        """Answers the event that came last by an ``error`` event."""
        await self._connection.send_failure(failure_of(error), self.event_id)

    def _event(self, text: str) -> JsonObject:
        try:
            values: Any = json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidArgument("the message is not JSON") from None
        event = JsonObject(values, "")
        event_id = values.get("event_id")
        if isinstance(event_id, str):
            self.event_id = event_id[:_MAX_EVENT_ID_CHARACTERS]
        if event.text("type", None) is None:
            raise InvalidArgument("is required", field="type")
        return event


class AudioReader:
    """Takes the audio out of ``append`` events: base64 in, whole samples out, in parts of a bounded size."""

    def __init__(self, bytes_per_sample: int, max_part_bytes: int) -> None:
        self._bytes_per_sample = bytes_per_sample
        self._part_bytes = max_part_bytes - max_part_bytes % bytes_per_sample
        self._rest = b""

    def read(self, event: JsonObject) -> list[bytes]:
        """The audio of one event. Half a sample at its end waits for the next event.

        Raises:
            InvalidArgument: the audio is missing or is not base64.
        """
        text = event.text("audio", None)
        if text is None:
            raise InvalidArgument("is required", field="audio")
        try:
            data = self._rest + binascii.a2b_base64(text, strict_mode=True)
        except (binascii.Error, ValueError):
            raise InvalidArgument("is not base64", field="audio") from None
        whole = len(data) - len(data) % self._bytes_per_sample
        data, self._rest = data[:whole], data[whole:]
        return [data[start : start + self._part_bytes] for start in range(0, whole, self._part_bytes)]

    def clear(self) -> None:
        """The audio so far is dropped, half a sample too: what comes next begins with a whole one."""
        self._rest = b""
