"""The settings of a call, as texts by their names: a provider's parameters, or the operator's file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from translate_svc.errors import InvalidArgument
from translate_svc.languages import LanguageTable
from translate_svc.serving.source_language import source_or_auto
from translate_svc.types import AUTO, Echo, SimultaneousSettings, StreamSettings, TargetSettings

_FLAGS = {"true": True, "false": False}
_MODES = ("utterance", "simultaneous")
_PAIR = 2
_NAMES = ("source", "target", "between", "mode", "barge_in", "voice")
_MADE_OF = (
    (re.compile(r"targets(\[\d+\]\.(language|speech))?"), ("between", "target")),
    (re.compile(r"targets\[\d+\]\.speaker_id"), ("voice",)),
    (re.compile(r"source_(language|candidates(\[\d+\])?)"), ("between", "source")),
    (re.compile(r"simultaneous.*"), ("mode",)),
)
"""Of which settings of a call a field of its stream's settings is made; the first one that is said counts."""


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
        places: where each setting was said, by its name: a parameter of the call or a place in the file.
    """

    source: str = ""
    target: str = ""
    between: tuple[str, ...] = ()
    mode: str = ""
    barge_in: bool = False
    voice: int | None = None
    places: Mapping[str, str] = field(default_factory=dict, compare=False)

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
        said = {name: f"{path}.{name}" for name in _NAMES if values.get(name, "")}
        changed = replace(self, places=dict(self.places) | said)
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
        """Raises InvalidArgument for a language that the loaded checkpoint does not have, or one to be heard
        for which it has no voice.
        """
        if self.source not in ("", AUTO):
            languages.resolve(self.source, f"{path}.source")
        heard = [("target", self.target)] if self.target else [("between", each) for each in self.between]
        for name, tag in heard:
            if not (language := languages.resolve(tag, f"{path}.{name}")).speech_out:
                message = f"needs a voice, and this model has none for {language.code}"
                raise InvalidArgument(message, field=f"{path}.{name}")

    def place(self, path: str) -> str:
        """Where it was said what became of a field of the stream's settings, such as ``targets[0].language``.
        A field that is made of no setting keeps its path.
        """
        for pattern, names in _MADE_OF:
            if pattern.fullmatch(path):
                name = next((each for each in names if getattr(self, each)), names[-1])
                return self.places.get(name, name)
        return path

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
