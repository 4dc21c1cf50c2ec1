"""Settings messages whose fields bear the names of a dataclass's fields: declared there, carried whole.

A field that is added to the dataclass and to the contract needs no line here.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, TypeVar

from google.protobuf.message import Message

from translate_svc.errors import InvalidArgument

T = TypeVar("T")
M = TypeVar("M", bound=Message)


def encode_plain(message_type: type[M], value: Any) -> M:
    """The message that holds every field of the dataclass ``value``; None is absent."""
    return message_type(**{field.name: getattr(value, field.name) for field in fields(value)})


def decode_plain(kind: type[T], message: Message, path: str) -> T:
    """The inverse: a ``kind``, a dataclass; an absent field takes its default.

    Raises:
        InvalidArgument: a negative count, or a number that is not finite. Names the field, below ``path``.
    """
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]  # a dataclass
        described = message.DESCRIPTOR.fields_by_name[field.name]
        if not described.has_presence or message.HasField(field.name):
            values[field.name] = _checked(getattr(message, field.name), f"{path}.{field.name}")
    return kind(**values)


def count(number: int, field: str) -> int:
    """Raises InvalidArgument: negative."""
    if number < 0:
        raise InvalidArgument("must not be negative", field=field)
    return number


def _checked(value: Any, field: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidArgument("must be a finite number", field=field)
    return count(value, field) if isinstance(value, int) else value
