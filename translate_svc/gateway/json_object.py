"""Reads the fields of a JSON object, and refuses missing ones and those of the wrong kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.failures import UnknownParameter

T = TypeVar("T")

_MAX_NUMBER = 2**53
"""Beyond this a JSON number is exact in Python alone (RFC 8259, section 6)."""


class JsonObject:
    """One object of a request. Errors name the path of the field, such as ``session.audio.output.language``.

    Every getter returns the field's value; what takes a ``default``, that where it is absent or ``null``.
    """

    def __init__(self, values: Any, path: str) -> None:
        """Raises InvalidArgument if ``values`` is not a JSON object."""
        if not isinstance(values, dict):
            raise InvalidArgument("must be an object", field=path)
        self.values: dict[str, Any] = values
        self.path = path

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def under(self, name: str) -> str:
        """The path of the field ``name``."""
        return f"{self.path}.{name}" if self.path else name

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Raises UnknownParameter for the first field that is not in ``known``."""
        for name in self.values:
            if name not in known:
                raise UnknownParameter("is not a parameter of this server", field=self.under(name[:64]))

    def object(self, name: str) -> JsonObject | None:
        """An object; None if the field is absent or ``null``."""
        value = self.values.get(name)
        return None if value is None else JsonObject(value, self.under(name))

    def objects(self, name: str) -> list[JsonObject]:
        """A list of objects; empty if the field is absent or ``null``."""
        return [
            JsonObject(item, f"{self.under(name)}[{index}]") for index, item in enumerate(self._list(name))
        ]

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings that are not empty; empty if the field is absent or ``null``."""
        values = self._list(name)
        for index, value in enumerate(values):
            if not isinstance(value, str) or not value:
                raise InvalidArgument("must be a string", field=f"{self.under(name)}[{index}]")
        return tuple(values)

    def text(self, name: str, default: T) -> str | T:
        """A string that is not empty."""
        text: str | T = self._get(
            name, default, lambda value: isinstance(value, str) and value != "", "a string that is not empty"
        )
        return text

    def any_text(self, name: str) -> str:
        """A string, which may be empty; empty, too, if the field is absent or ``null``."""
        text: str = self._get(name, "", lambda value: isinstance(value, str), "a string")
        return text

    def boolean(self, name: str, default: T) -> bool | T:
        """``true`` or ``false``."""
        flag: bool | T = self._get(name, default, lambda value: isinstance(value, bool), "true or false")
        return flag

    def whole(self, name: str, default: T) -> int | T:
        """A whole number."""
        number: int | T = self._get(name, default, lambda value: _is_number(value, int), "a whole number")
        return number

    def number(self, name: str, default: T) -> float | T:
        """A number of moderate size; neither NaN nor an infinity."""
        number: float | T = self._get(
            name, default, lambda value: _is_number(value, int) or _is_number(value, float), "a number"
        )
        return number

    def choice(self, name: str, choices: Collection[str], default: T) -> str | T:
        """One of ``choices``."""
        names = ", ".join(sorted(choices))
        wanted = names if len(choices) == 1 else f"one of {names}"
        chosen: str | T = self._get(
            name, default, lambda value: isinstance(value, str) and value in choices, wanted
        )
        return chosen

    def choices(self, name: str, choices: Collection[str]) -> frozenset[str]:
        """A list of some of ``choices``; empty if the field is absent or ``null``."""
        values = self._list(name)
        for index, value in enumerate(values):
            if not isinstance(value, str) or value not in choices:
                raise InvalidArgument(
                    f"must be one of {', '.join(sorted(choices))}", field=f"{self.under(name)}[{index}]"
                )
        return frozenset(values)

    def _list(self, name: str) -> Iterable[Any]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise InvalidArgument("must be a list", field=self.under(name))
        return value

    def _get(self, name: str, default: T, valid: Callable[[Any], bool], wanted: str) -> Any:
        value = self.values.get(name)
        if value is None:
            return default
        if valid(value):
            return value
        raise InvalidArgument(f"must be {wanted}", field=self.under(name))


def _is_number(value: Any, kind: type[int] | type[float]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and abs(value) <= _MAX_NUMBER
