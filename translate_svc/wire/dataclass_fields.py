"""Converts settings messages whose fields have the same names as the fields of a dataclass.

A new field in the dataclass and in the contract needs no change here.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from translate_svc.errors import InvalidArgument

T = TypeVar("T")
M = TypeVar("M", bound=Message)


def encode_dataclass(message_type: type[M], value: Any) -> M:
    """A message with every field of the dataclass ``value``; fields that are None stay unset."""
    return message_type(**{field.name: getattr(value, field.name) for field in fields(value)})


def encode_given(kind: type[Any], message_type: type[M], value: Any, path: str) -> M:
    """As ``encode_dataclass``, of what a program gave for a dataclass ``kind``.

    Raises:
        InvalidArgument: it is something else, or holds what no message can. Names the field, below ``path``.
    """
    if not isinstance(value, kind):
        raise InvalidArgument(f"must be {kind.__name__}, not {type(value).__name__}", field=path)
    return message_of(message_type, path, {field.name: getattr(value, field.name) for field in fields(kind)})


def message_of(message_type: type[M], path: str, values: Mapping[str, Any]) -> M:
    """A message with ``values`` that a program gave; ``path`` is its path in the contract, "" that of a call.

    Raises:
        InvalidArgument: the message cannot hold one of them. Names its field.
    """
    for name, value in values.items():
        if _is_bytes_for_text(message_type, name, value):
            raise _not_held(path, name, value)
    try:
        return message_type(**values)
    except (TypeError, ValueError):
        for name, value in values.items():
            try:
                message_type(**{name: value})
            except (TypeError, ValueError):
                raise _not_held(path, name, value) from None
        raise


def _is_bytes_for_text(message_type: type[Message], name: str, value: Any) -> bool:
    """Protobuf would take them as UTF-8."""
    values = value if isinstance(value, list | tuple) else (value,)
    is_text = message_type.DESCRIPTOR.fields_by_name[name].type == FieldDescriptor.TYPE_STRING
    return is_text and any(isinstance(each, bytes) for each in values)


def _not_held(path: str, name: str, value: Any) -> InvalidArgument:
    return InvalidArgument(f"cannot be {reprlib.repr(value)}", field=f"{path}.{name}" if path else name)


def decode_dataclass(kind: type[T], message: Message, path: str) -> T:
    """The inverse: an instance of the dataclass ``kind``. An unset field takes its default.

    Raises:
        InvalidArgument: a count is negative, or a number is not finite. Names the field, below ``path``.
    """
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]  # a dataclass
        descriptor = message.DESCRIPTOR.fields_by_name[field.name]
        if not descriptor.has_presence or message.HasField(field.name):
            values[field.name] = _checked(getattr(message, field.name), f"{path}.{field.name}")
    return kind(**values)


def non_negative(number: int, field: str) -> int:
    """Returns ``number``; raises InvalidArgument if it is negative."""
    if number < 0:
        raise InvalidArgument("must not be negative", field=field)
    return number


def _checked(value: Any, field: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidArgument("must be a finite number", field=field)
    return non_negative(value, field) if isinstance(value, int) else value
