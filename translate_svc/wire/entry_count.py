"""Counts what a serialized message holds, before it is parsed.

A parsed message takes far more memory than its bytes: 4 MB of empty sub-messages become 200 MB of objects.
So a message is counted first. Counting reads tags and lengths alone, and stops at the limit.
"""

from __future__ import annotations

import functools

from google.protobuf.descriptor import Descriptor

from translate_svc.errors import OutOfRange

MAX_ENTRIES = 16_384
"""More fields than any message of the contract needs: 30 s of Opus in packets of 2.5 ms are 12,000."""

_FREE_BYTES = 16 * 1024
"""A message up to this size is not counted: it holds at most half as many entries, which is harmless."""

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_LONG = 128
"""A number from here on takes more than one byte."""


def check_entries(data: bytes, kind: Descriptor) -> None:
    """Raises OutOfRange if a serialized message of this kind holds more than ``MAX_ENTRIES`` fields.

    The error names the field that was counted last. Fields of sub-messages count too. Bytes that are not a
    message pass: parsing them fails.
    """
    if len(data) <= _FREE_BYTES:
        return
    count, field = entries(data, kind, MAX_ENTRIES + 1)
    if count > MAX_ENTRIES:
        raise OutOfRange(f"the message holds more than {MAX_ENTRIES} fields", field=field)


def entries(data: bytes, kind: Descriptor, limit: int) -> tuple[int, str]:
    """The number of fields in a serialized message of this kind, sub-messages included; at most ``limit``.

    With it comes the path of the last one counted that the contract knows, such as ``config.settings``.
    """
    count, known = 0, ("", "")
    open_messages = [(0, len(data), kind, "")]
    while open_messages:
        at, end, kind, inside = open_messages.pop()
        fields = _fields(kind)
        try:
            while at < end:
                count += 1
                tag = data[at]
                at += 1
                if tag >= _LONG:
                    tag, at = _varint(data, at - 1)
                field = fields.get(tag >> 3)
                if field is not None:
                    known = inside, field[0]
                if count >= limit:
                    break
                wire_type = tag & 7
                if wire_type == _LENGTH_DELIMITED:
                    length = data[at]
                    at += 1
                    if length >= _LONG:
                        length, at = _varint(data, at - 1)
                    if length and field is not None and field[1] is not None:
                        path = f"{inside}{field[0]}."
                        open_messages.append((at, min(at + length, end), field[1], path))
                    at += length
                elif wire_type == _VARINT:
                    _, at = _varint(data, at)
                elif wire_type in (_FIXED64, _FIXED32):
                    at += 8 if wire_type == _FIXED64 else 4
                else:
                    break  # groups: the contract has none
        except IndexError:
            continue  # it ends in the middle of a field
        if count >= limit:
            break
    return count, "".join(known)


@functools.cache
def _fields(kind: Descriptor) -> dict[int, tuple[str, Descriptor | None]]:
    """Name and message type of each field, by number. A descriptor's own mapping takes ten times as long."""
    return {number: (field.name, field.message_type) for number, field in kind.fields_by_number.items()}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at ``at``, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
