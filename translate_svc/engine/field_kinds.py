"""Whether the fields of a request hold what its classes say. Not every program that calls is typed."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Union, get_args, get_origin, get_type_hints

from translate_svc.errors import InvalidArgument

_PLAIN: dict[object, tuple[type, str]] = {
    str: (str, "a text"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
}


def check_kinds(value: object, path: str = "") -> None:
    """Checks the fields of a dataclass, and of those inside it. What they may hold beyond that is not its
    affair, nor are arrays and policies. A list passes for a tuple.

    Raises:
        InvalidArgument: a field holds something else; ``field`` is its path.
    """
    of: Any = type(value)
    for name, kind in _fields(of):
        check_kind(getattr(value, name), kind, f"{path}.{name}" if path else name)


@functools.lru_cache
def _fields(kind: Any) -> list[tuple[str, Any]]:
    hints = get_type_hints(kind)
    return [(each.name, hints[each.name]) for each in dataclasses.fields(kind)]


def check_kind(value: Any, kind: Any, path: str) -> None:
    """Checks one value of a type annotation, as ``check_kinds`` does those of a dataclass."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        _check_one_of(value, inner, path)
    elif kind in _PLAIN:
        _require(value, *_PLAIN[kind], path)
    elif origin is tuple:
        _require(value, (tuple, list), "a tuple", path)
        for index, each in enumerate(value):
            check_kind(each, inner[0], f"{path}[{index}]")
    elif origin is Mapping:
        _require(value, Mapping, "a mapping", path)
        for key, each in value.items():
            check_kind(key, inner[0], path)
            check_kind(each, inner[1], path)
    elif _is_dataclass(kind):
        _require(value, kind, f"a {kind.__name__}", path)
        check_kinds(value, path)


def _check_one_of(value: object, kinds: tuple[Any, ...], path: str) -> None:
    """Of a value that may be None, or an array or a dataclass."""
    if value is None and type(None) in kinds:
        return
    for kind in kinds:
        if _is_dataclass(kind) and isinstance(value, kind):
            check_kinds(value, path)
            return
    others = [kind for kind in kinds if kind is not type(None)]
    if len(others) == 1:
        check_kind(value, others[0], path)


def _is_dataclass(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind)


def _require(value: object, kind: Any, called: str, path: str) -> None:
    if not isinstance(value, kind):
        raise InvalidArgument(f"must be {called}, not {type(value).__name__}", field=path)
