"""Events in protobuf's JSON mapping, which any protobuf library can read."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format

from translate_svc.types import SessionEvent
from translate_svc.wire.events import encode_response


def event_json(seq: int, event: SessionEvent, *, audio: bool) -> dict[str, Any]:
    """The ``seq``-th response in protobuf's JSON mapping: lowerCamelCase names, 64-bit integers as strings,
    bytes in base64. With ``audio`` False the bytes of speech are omitted; ``sampleCount`` gives their length.
    """
    response = encode_response(seq, event)
    if not audio and response.WhichOneof("event") == "audio":
        response.audio.ClearField("data")
        response.audio.ClearField("packets")
    return json_format.MessageToDict(response, always_print_fields_with_no_presence=True)
