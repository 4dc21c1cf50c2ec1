"""Plain dataclasses as values that JSON can express, and back."""

from __future__ import annotations

import dataclasses
import enum
import types
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """``value`` as dictionaries, lists, strings and numbers. Fields with their default are left out.

    It may be a dataclass, an enum, a tuple, a frozenset, an array, or what JSON has itself.
    """
    if dataclasses.is_dataclass(value):
        return {
            field.name: to_plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if not _is_default(field, getattr(value, field.name))
        }
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, frozenset):
        return sorted(map(to_plain, value))
    return [to_plain(item) for item in value] if isinstance(value, tuple) else value


def from_plain(kind: type[T], plain: Any) -> T:
    """The inverse. Unknown fields are ignored, missing ones take their default: another version wrote them.

    Raises:
        TypeError, ValueError, KeyError: ``plain`` is not of this kind.
    """
    value: T = _from_plain(kind, plain)
    return value


def _from_plain(kind: Any, plain: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is types.UnionType or origin is Union:  # only optional ones
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return None if plain is None else _from_plain(inner, plain)
    if origin is tuple or origin is frozenset:
        return origin(_from_plain(arguments[0], item) for item in plain)
    if origin is np.ndarray:
        (number,) = get_args(arguments[1])
        return np.asarray(plain, number)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        known = (field.name for field in dataclasses.fields(kind) if field.name in plain)
        values = {name: _from_plain(hints[name], plain[name]) for name in known}
        return kind(**values)  # type: ignore[operator]  # a class, not an instance
    return kind(plain)


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    return not isinstance(value, np.ndarray) and bool(value == field.default)
