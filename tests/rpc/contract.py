"""Messages as their descriptors tell: fields, paths and values, so that no new field is forgotten."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

_INTEGERS = (0, 1, -1, 2, 9, 160, 300, 8_000, 16_000, 48_000, 96_000, 2**31 - 1, -(2**31))
_LONG_INTEGERS = (*_INTEGERS, 2**62, 2**63 - 1, -(2**63))
_DOUBLES = (0.0, 0.5, 0.9, 1.0, 2.0, -1.0, 1e-300, 1e308, math.nan, math.inf, -math.inf)
_STRINGS = ("", "spa", "es", "eng", "en-GB", "fra", "tlh", "Spanish", "\x00", "¿qué?")
_LENGTHS = (640, 20_000, 140_000)
_ENTRIES = 3
_MANY_ENTRIES = 2_000


def is_field_path(root: Any, path: str) -> bool:
    """Whether ``path`` names a field, an entry of a repeated one (``targets[0]``) or a oneof of ``root``."""
    here: Any = root
    for part in path.split("."):
        match = re.fullmatch(r"(\w+)(?:\[\d+\])?", part)
        if here is None or match is None:
            return False
        name = match[1]
        field = here.fields_by_name.get(name)
        if field is None:
            return path.endswith(name) and name in here.oneofs_by_name
        if part != name and not field.is_repeated:
            return False
        here = field.message_type
    return True


def leaf_paths(root: Any, prefix: str = "") -> Iterator[str]:
    """Every field under ``root`` that holds no fields itself; of messages without fields, the message."""
    for field in root.fields:
        path = f"{prefix}{field.name}"
        if field.message_type is not None and field.message_type.fields:
            yield from leaf_paths(field.message_type, f"{path}.")
        else:
            yield path


@cache
def any_message(descriptor: Descriptor) -> st.SearchStrategy[Any]:
    """Messages of this type with any field absent, right, wrong or huge."""
    members = {field.name: _any_value(field) for field in descriptor.fields}
    kind = GetMessageClass(descriptor)

    def build(values: dict[str, Any]) -> Message:
        return kind(**values)

    return st.fixed_dictionaries({}, optional=members).map(build)


def spoiled(bases: st.SearchStrategy[Message]) -> st.SearchStrategy[Message]:
    """Copies of messages with one field, at any depth, set to anything of its type or cleared."""

    @st.composite
    def spoil(draw: st.DrawFn) -> Message:
        base = draw(bases)
        copy = type(base)()
        copy.CopyFrom(base)
        here: Message = copy
        while True:
            field: FieldDescriptor = draw(st.sampled_from(list[Any](here.DESCRIPTOR.fields)))
            inside = _messages_in(here, field)
            deeper: bool = draw(st.booleans())
            if inside and deeper:
                here = draw(st.sampled_from(list(inside)))
                continue
            here.ClearField(field.name)
            if draw(st.integers(0, 4)):
                here.MergeFrom(type(here)(**{field.name: draw(_any_value(field))}))
            return copy

    return spoil()


def _messages_in(message: Message, field: FieldDescriptor) -> list[Message]:
    """The messages that stand in a field now and have fields themselves."""
    if field.message_type is None or not field.message_type.fields:
        return []
    value = getattr(message, field.name)
    if field.is_repeated:
        return list(value)
    return [value] if message.HasField(field.name) else []


def _any_value(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    one = _any_entry(field)
    if not field.is_repeated:
        return one
    many = one.map(lambda entry: [entry] * (_MANY_ENTRIES if _size_bytes(entry) < 100 else _ENTRIES))
    return st.one_of(*[st.lists(one, max_size=_ENTRIES)] * 9, many)


def _size_bytes(entry: Any) -> int:
    return entry.ByteSize() if isinstance(entry, Message) else 4


def _any_entry(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_MESSAGE:
            return any_message(field.message_type)
        case FieldDescriptor.CPPTYPE_ENUM:
            assert field.enum_type is not None
            return st.sampled_from(_enum_numbers(field.enum_type))
        case FieldDescriptor.CPPTYPE_INT32:
            return st.sampled_from(_INTEGERS)
        case FieldDescriptor.CPPTYPE_INT64:
            return st.sampled_from(_LONG_INTEGERS)
        case FieldDescriptor.CPPTYPE_DOUBLE:
            return st.sampled_from(_DOUBLES)
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case _ if field.type == FieldDescriptor.TYPE_BYTES:
            return st.one_of(st.binary(max_size=64), st.sampled_from(_LENGTHS).map(bytes))
        case _:
            long = st.sampled_from(_LENGTHS).map(lambda length: "ñ" * (length // 2))
            return st.one_of(*[st.sampled_from(_STRINGS)] * 3, st.text(max_size=9), long)


def _enum_numbers(enum: EnumDescriptor) -> list[int]:
    return [*(value.number for value in enum.values), 99, -1]
