"""Messages of Gemini's Live API: JSON objects whose fields may be written in either case."""

from __future__ import annotations

import json
from typing import Any

from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.web_socket import WebSocket, WireEvent

_KINDS = ("setup", "realtimeInput", "clientContent", "toolResponse", "contextUpdate")


class LiveMessage:
    """One message of a client: its kind, and the object that says more.

    It is JSON of protocol buffers. So clients write ``realtimeInput`` or ``realtime_input``, and Google's own
    package mixes both; errors name the former. An empty string is the same as none.
    """

    def __init__(self, data: str | bytes) -> None:
        """Raises InvalidArgument: it is not a message of the protocol."""
        try:
            values = JsonObject(_camel(json.loads(data)), "")
        except (ValueError, RecursionError):
            raise InvalidArgument("the message is not JSON") from None
        values.refuse_unknown(_KINDS)
        if len(values.values) != 1:
            raise InvalidArgument(f"a message must have one of {', '.join(_KINDS)}")
        self.kind: str = next(iter(values.values))
        self.body = values.object(self.kind) or JsonObject({}, self.kind)


def refuse(wanted: JsonObject, reasons: dict[str, str]) -> None:
    """Refuses the fields that ask for what is not served. One that asks for nothing (``false``, an empty
    list) may stand there.

    Raises:
        Unsupported: with the field and its reason.
    """
    for name, reason in reasons.items():
        if wanted.values.get(name):
            raise Unsupported(reason, field=wanted.under(name))


async def send_live(socket: WebSocket, message: WireEvent) -> None:
    """Sends a message as Google's server does: JSON in a binary message, which browsers see as a Blob."""
    await socket.send_message(json.dumps(message, separators=(",", ":")).encode())


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {_camel_name(name): _camel(each) for name, each in value.items() if each != ""}
    return [_camel(each) for each in value] if isinstance(value, list) else value


def _camel_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each[:1].upper() + each[1:] for each in others)
