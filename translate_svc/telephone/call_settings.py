"""The settings of a call, as texts by their names: a provider's parameters, or the operator's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from translate_svc.errors import InvalidArgument
from translate_svc.languages import LanguageTable
from translate_svc.serving.source_language import source_or_auto
from translate_svc.types import AUTO, Echo, SimultaneousSettings, StreamSettings, TargetSettings

_FLAGS = {"true": True, "false": False}
_MODES = ("utterance", "simultaneous")
_PAIR = 2


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What becomes of a call.

    Attributes:
        source: the language that the caller speaks; empty: it is found out, if the model can.
        target: the language that the caller hears; empty: not said yet.
        between: two languages, each of which goes into the other one; empty: one direction.
        mode: ``utterance`` or ``simultaneous``; empty: simultaneous where the checkpoint is calibrated.
        barge_in: whether speech that still plays stops when somebody speaks.
        voice: the number of the target's voice; None: its default.
    """

    source: str = ""
    target: str = ""
    between: tuple[str, ...] = ()
    mode: str = ""
    barge_in: bool = False
    voice: int | None = None

    @property
    def complete(self) -> bool:
        """Whether the languages are said."""
        return bool(self.target or self.between)

    def updated(self, values: Mapping[str, str], path: str) -> CallSettings:
        """These settings with those of ``values``; other names are not looked at.

        ``source`` or ``target`` end a conversation between two, and the other way round.

        Raises:
            InvalidArgument: a value is not valid. Names the field, under ``path``.
        """
        changed = self
        if value := values.get("source", ""):
            changed = replace(changed, between=(), source=value)
        if value := values.get("target", ""):
            changed = replace(changed, between=(), target=value)
        if value := values.get("between", ""):
            pair = tuple(part.strip() for part in value.split(","))
            if len(pair) != _PAIR or not all(pair):
                raise InvalidArgument('must be two languages, such as "en,es"', field=f"{path}.between")
            changed = replace(changed, between=pair, source="", target="", voice=None)
        if value := values.get("mode", ""):
            if value not in _MODES:
                raise InvalidArgument(f"must be one of {', '.join(_MODES)}", field=f"{path}.mode")
            changed = replace(changed, mode=value)
        if value := values.get("barge_in", ""):
            if value not in _FLAGS:
                raise InvalidArgument("must be true or false", field=f"{path}.barge_in")
            changed = replace(changed, barge_in=_FLAGS[value])
        if value := values.get("voice", ""):
            if not value.isascii() or not value.isdecimal() or len(value) > 4:
                raise InvalidArgument("must be the number of a voice", field=f"{path}.voice")
            changed = replace(changed, voice=int(value))
        return changed

    def check(self, languages: LanguageTable, path: str) -> None:
        """Raises InvalidArgument for a language that the loaded checkpoint does not have."""
        for name in ("source", "target"):
            if (language := getattr(self, name)) not in ("", AUTO):
                languages.resolve(language, f"{path}.{name}")
        for language in self.between:
            languages.resolve(language, f"{path}.between")

    def stream_settings(self, languages: LanguageTable, *, calibrated: bool) -> StreamSettings:
        """The settings of the call's stream.

        ``languages``: of the loaded checkpoint. ``calibrated``: for simultaneous translation.
        """
        simultaneous = self.mode == "simultaneous" or (not self.mode and calibrated)
        source = AUTO if self.between else source_or_auto(self.source, languages)
        targets = tuple(
            TargetSettings(language, text=False, speaker_id=self.voice)
            for language in self.between or (self.target,)
        )
        return StreamSettings(
            targets,
            source,
            simultaneous=SimultaneousSettings() if simultaneous else None,
            source_candidates=self.between,
            echo=Echo.SILENT if source == AUTO else Echo.SPEAK,
        )


NAMES = tuple(each.name for each in fields(CallSettings))
"""What a call can be told."""
