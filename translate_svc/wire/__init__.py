"""Converts protobuf messages to ``translate_svc.types`` and back, for the server and for the client.

This package validates only what the plain types cannot represent: a oneof that is not set, an enum value that
is unspecified or unknown, a negative count, NaN or infinity. The session validates everything else. Errors
name the field by its path in the public contract.
"""

from translate_svc.wire.catalog import decode_info, decode_languages, encode_info, encode_languages
from translate_svc.wire.event_json import event_json
from translate_svc.wire.events import decode_response, encode_response
from translate_svc.wire.one_shot import (
    decode_translate_request,
    decode_translate_response,
    encode_translate_request,
    encode_translate_response,
)
from translate_svc.wire.requests import decode_request, encode_request

__all__ = [
    "decode_info",
    "decode_languages",
    "decode_request",
    "decode_response",
    "decode_translate_request",
    "decode_translate_response",
    "encode_info",
    "encode_languages",
    "encode_request",
    "encode_response",
    "encode_translate_request",
    "encode_translate_response",
    "event_json",
]
