"""Where the settings of a server come from: flags, the environment (``TRANSLATE_SVC_*``), a file."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from translate_svc.config_file import read_config_file, typed
from translate_svc.errors import InvalidArgument, OutOfRange, TranslateSvcError
from translate_svc.variables import API_KEY_VARIABLE, ENVIRONMENT_PREFIX, SERVER_VARIABLE, service_links

T = TypeVar("T")
_INFO = "info"

FILE_SETTING = "config"
"""The setting that names the file. The file itself cannot hold it."""

_OF_CLIENTS = (SERVER_VARIABLE, API_KEY_VARIABLE)
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """What a field of ``Settings`` declares in addition to its name, type and default.

    Attributes:
        help: one line, for the flag.
        low: the lowest allowed number.
        high: the highest allowed number.
        metavar: the name of the value in the help, if the type is not enough.
        choices: the texts that are allowed; empty: any.
    """

    help: str
    low: float | None = None
    high: float | None = None
    metavar: str | None = None
    choices: tuple[str, ...] = ()

    def check(self, name: str, value: Any) -> None:
        """Checks the value of the field ``name``.

        Raises:
            OutOfRange: the number is too low or too high.
            InvalidArgument: the text is none of the choices.
        """
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            raise OutOfRange(f"must be {self.low} to {self.high}", field=name)
        if self.choices and value not in self.choices:
            *others, last = self.choices
            raise InvalidArgument(f"must be {', '.join(others)} or {last}", field=name)


def setting(
    default: T,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    metavar: str | None = None,
    choices: tuple[str, ...] = (),
) -> T:
    """A field of ``Settings`` with its ``SettingInfo``, which defines the flag and the limits."""
    metadata = {_INFO: SettingInfo(help, low, high, metavar, choices)}
    return dataclasses.field(default=default, metadata=metadata)


def info_of(field: dataclasses.Field[Any]) -> SettingInfo:
    """What ``setting`` declared of a field."""
    info: SettingInfo = field.metadata[_INFO]
    return info


class _Source(Enum):
    FLAG = "flag"
    VARIABLE = "variable"
    FILE = "file"
    NONE = "none"


class SettingSources:
    """Flags that are not None count most, then the environment, then the file.

    Variables that Kubernetes adds for Services (``variables.service_links``) are ignored.
    """

    def __init__(
        self, flags: Mapping[str, Any], environment: Mapping[str, str], kinds: Mapping[str, type]
    ) -> None:
        """``kinds``: the type of every setting by its name. ``flags`` may hold other names."""
        links = service_links(environment)
        self._flags = flags
        self._environment = {name: value for name, value in environment.items() if name not in links}
        self._kinds = kinds

    def values(self) -> dict[str, Any]:
        """The settings that were given, by name.

        Raises:
            InvalidArgument: a value has the wrong type, a flag is empty, a name is not a setting, or the file
                cannot be read. The field is the flag or variable, or file and name.
        """
        self._refuse_unknown_variables()
        values: dict[str, Any] = {}
        for name, kind in self._kinds.items():
            match self._source(name, {}):
                case _Source.FLAG:
                    values[name] = self._flags[name]
                    if values[name] == "":  # of a shell variable that is not set: no keys would mean no check
                        raise InvalidArgument("is empty: leave it out", field=flag_of(name))
                case _Source.VARIABLE:
                    values[name] = _parse(self._environment[_variable(name)], kind, _variable(name))
        try:
            file = read_config_file(Path(self._path)) if self._path else {}
        except InvalidArgument as error:
            raise self.as_given(error) from None
        return {name: self._from_file(name, value) for name, value in file.items()} | values

    def as_given(self, error: TranslateSvcError) -> InvalidArgument:
        """``error`` of a setting, in the operator's words.

        A setting that was given is called as it was given. The others that the message mentions are called in
        the same way as ``error.field``. They are recognised by their underscore, or by backticks:
        ```insecure```.
        """
        if error.field not in self._kinds:
            return InvalidArgument(error.description, field=error.field)
        try:
            file = read_config_file(Path(self._path)) if self._path else {}
        except InvalidArgument:
            file = {}
        given = self._source(error.field, file)

        def spelled(name: str) -> str:
            source = self._source(name, file)
            match given if source is _Source.NONE else source:
                case _Source.VARIABLE:
                    return _variable(name)
                case _Source.FILE:
                    return name
            return flag_of(name)

        names = "|".join(f"`{name}`|{name}" if "_" in name else f"`{name}`" for name in self._kinds)
        description = re.sub(
            rf"(?<![\w/.-])({names})(?![\w/-])",
            lambda found: spelled(found[1].strip("`")),
            error.description,
        )
        place = f"{self._path}: " if given is _Source.FILE else ""
        return InvalidArgument(description, field=place + spelled(error.field))

    @property
    def _path(self) -> str:
        """The settings file; empty if there is none."""
        path: str = self._flags.get(FILE_SETTING) or self._environment.get(_variable(FILE_SETTING), "")
        return path

    def _source(self, name: str, file: Mapping[str, Any]) -> _Source:
        if self._flags.get(name) is not None:
            return _Source.FLAG
        if self._environment.get(_variable(name)):
            return _Source.VARIABLE
        return _Source.FILE if name in file else _Source.NONE

    def _from_file(self, name: str, value: Any) -> Any:
        field = f"{self._path}: {name}"
        if name not in self._kinds or name == FILE_SETTING:
            known = {each: each for each in self._kinds if each != FILE_SETTING}
            raise InvalidArgument(f"is not a setting{_hint(name, known)}", field=field)
        try:
            return typed(value, self._kinds[name])
        except InvalidArgument as error:
            raise InvalidArgument(error.description, field=field) from None

    def _refuse_unknown_variables(self) -> None:
        """Raises InvalidArgument for a misspelt variable, which would leave the default in place."""
        for variable in self._environment:
            if variable.startswith(ENVIRONMENT_PREFIX) and variable not in _OF_CLIENTS:
                name = variable.removeprefix(ENVIRONMENT_PREFIX)
                known = {each: _variable(each) for each in self._kinds}
                if variable not in known.values():
                    raise InvalidArgument(f"is not a setting{_hint(name, known)}", field=variable)


def _hint(name: str, known: Mapping[str, str]) -> str:
    """The setting whose name is most like ``name``, as ``known`` spells it."""
    alike = difflib.get_close_matches(name.replace("-", "_").lower(), known, n=1)
    return f"; did you mean {known[alike[0]]}?" if alike else ""


def flag_of(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def _variable(name: str) -> str:
    return ENVIRONMENT_PREFIX + name.upper()


def _parse(text: str, kind: type, variable: str) -> Any:
    try:
        if kind is bool:
            if text.lower() not in _TRUE + _FALSE:
                raise ValueError(text)
            return text.lower() in _TRUE
        return kind(text)
    except ValueError:
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise InvalidArgument(f"must be {wanted}", field=variable) from None
