"""The file of ``--telephone``: which providers may connect, by what they are known, and what calls become."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from translate_svc.access.watched_file import WatchedFile
from translate_svc.config_file import parse_config
from translate_svc.errors import InvalidArgument
from translate_svc.languages import LanguageTable
from translate_svc.telephone.call_events import CallStarted
from translate_svc.telephone.call_settings import CallSettings

FIELD = "telephone"

_Text = Annotated[str, Field(min_length=1, max_length=512)]
_Key = Annotated[str, Field(pattern=r"^[0-9*#A-D]$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SettingsTable(_Section):
    """Settings of calls, as texts: those of ``CallSettings``, by the same names."""

    source: _Text = ""
    target: _Text = ""
    between: _Text = ""
    mode: _Text = ""
    barge_in: Literal["true", "false", ""] = ""
    voice: _Text = ""

    def over(self, former: CallSettings, path: str) -> CallSettings:
        """``former`` with these. Raises InvalidArgument, which names the place in the file."""
        return former.updated(self.model_dump(), path)


class Provider(_Section):
    """A provider that may connect.

    Attributes:
        secrets: what proves that it is the provider; one of them is enough, so that they can be changed.
        caller: the name of the caller that its calls count for; None: each call brings a key.
    """

    secrets: list[_Text] = []
    caller: _Text | None = None

    def knows(self, given: str) -> bool:
        """Whether ``given`` is one of the secrets. Takes the same time for all."""
        matches = [hmac.compare_digest(each.encode(), given.encode()) for each in self.secrets]
        return any(matches)


class TelephoneFile(_Section):
    """The whole file."""

    public_url: Annotated[str, Field(pattern=r"^wss://[^/?#]+[^?#]*$")] | None = None
    call: SettingsTable = SettingsTable()
    lines: dict[_Text, SettingsTable] = {}
    keys: dict[_Key, SettingsTable] = {}
    twilio: Provider | None = None
    telnyx: Provider | None = None
    signalwire: Provider | None = None
    asterisk: Provider | None = None
    audiosocket: Provider | None = None

    @model_validator(mode="after")
    def _can_be_known(self) -> TelephoneFile:
        if self.twilio is not None and not self.twilio.secrets:
            raise ValueError("twilio.secrets must hold the auth token, by which calls are signed")
        for name in ("telnyx", "signalwire", "asterisk"):
            section = getattr(self, name)
            if section is not None and section.caller and not section.secrets:
                raise ValueError(f"{name}.caller needs secrets: everybody could be that caller")
        if self.audiosocket is not None and self.audiosocket.secrets:
            raise ValueError("audiosocket.secrets: the protocol has none")
        return self

    def first_settings(self, started: CallStarted) -> CallSettings:
        """The settings of a call: those of ``call``, of its line, and of its own parameters.

        Raises:
            InvalidArgument: a setting is not valid. Names the field.
        """
        settings = self.call.over(CallSettings(), "call")
        line = started.parameters.get("line", started.line)
        if line in self.lines:
            settings = self.lines[line].over(settings, f"lines.{line}")
        elif "line" in started.parameters:
            raise InvalidArgument("is not a line of this server", field="parameters.line")
        return settings.updated(started.parameters, "parameters")

    def key_settings(self, first: CallSettings) -> dict[str, CallSettings]:
        """What each key changes ``first`` to."""
        return {key: table.over(first, f"keys.{key}") for key, table in self.keys.items()}

    def check(self, languages: LanguageTable) -> None:
        """Raises InvalidArgument for a language that the loaded checkpoint does not have, or cannot speak.
        Also if it speaks none: no call could be served, whatever its own parameters say.
        """
        tables: Iterable[tuple[str, SettingsTable]] = (
            ("call", self.call),
            *((f"lines.{name}", each) for name, each in self.lines.items()),
            *((f"keys.{name}", each) for name, each in self.keys.items()),
        )
        for path, table in tables:
            table.over(CallSettings(), path).check(languages, path)
        if not any(each.speech_out for each in languages):
            raise InvalidArgument("calls need a model that speaks, and this one has no voices")


class Telephone:
    """The file, which is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidArgument, which names ``telephone``: the file cannot be used."""
        self._languages: LanguageTable | None = None
        self._file = WatchedFile(path, lambda text: self._checked(_parsed(text, path)), field=FIELD)

    @property
    def file(self) -> TelephoneFile:
        """What it holds now."""
        return self._file.value

    def serve(self, languages: LanguageTable) -> None:
        """Checks the languages of the file against those of the loaded checkpoint, from now on.

        Raises:
            InvalidArgument: it names a language that the checkpoint does not have or cannot speak, or the
                checkpoint speaks none. Names ``telephone``.
        """
        self._languages = languages
        self._checked(self.file)

    def _checked(self, file: TelephoneFile) -> TelephoneFile:
        try:
            if self._languages is not None:
                file.check(self._languages)
        except InvalidArgument as error:
            raise InvalidArgument(str(error), field=FIELD) from None
        return file


def _parsed(text: str, path: Path) -> TelephoneFile:
    try:
        file = TelephoneFile.model_validate(parse_config(text, path.suffix))
        for place, table in (("call", file.call), *file.lines.items(), *file.keys.items()):
            table.over(CallSettings(), place)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidArgument(f"{place}: {message}" if place else message, field=FIELD) from None
    except ValueError as error:
        raise InvalidArgument(str(error), field=FIELD) from None
    except InvalidArgument as error:
        raise InvalidArgument(str(error), field=FIELD) from None
    return file
