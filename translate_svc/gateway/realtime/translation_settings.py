"""The settings of a translation session, as ``session.update`` changes them.

OpenAI's fields keep their names and meaning. What this server has beyond them are further fields of the same
objects; docs/openai/sessions.md lists them. An update changes what it names and leaves the rest as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.realtime.audio_formats import PCM_24K, InputFormat, read_format
from translate_svc.gateway.realtime.session_target import TARGET_FIELDS, SessionTarget, bcp47
from translate_svc.gateway.realtime.turn_detection import (
    DEFAULT_VAD,
    describe_turn_detection,
    read_turn_detection,
    segmentation_of,
)
from translate_svc.gateway.terms import describe_terms, read_terms
from translate_svc.languages import LanguageTable
from translate_svc.serving.protocols import TranslationService
from translate_svc.serving.source_language import source_or_auto
from translate_svc.types import (
    AUTO,
    Echo,
    Inspect,
    SimultaneousSettings,
    StreamSettings,
    Term,
    VadSettings,
)

LANGUAGE_PARAM = "session.audio.input.language"

INCLUDES: Mapping[str, Inspect | None] = MappingProxyType(
    {
        "logprobs": Inspect.TOKENS,
        "units": Inspect.UNITS,
        "timings": Inspect.TIMINGS,
        "drafts": Inspect.DRAFTS,
        "speech_activity": None,
        "utterances": None,
        "warnings": None,
        "languages": None,
        "progress": None,
    }
)
"""What a session can ask for beside OpenAI's events, and what of it the engine must be asked for."""

_SIMULTANEOUS = tuple(each.name for each in fields(SimultaneousSettings))
_OUTPUT = (*TARGET_FIELDS, "targets", "echo")


@dataclass(frozen=True, slots=True)
class TranslationSettings:
    """The settings of a translation session.

    Attributes:
        targets: the target languages; empty before the first update.
        source_language: what the speaker speaks; empty: found out, if the model can.
        candidates: the languages it may be; empty: any.
        transcription_model: the name that the client gave the transcription; None: no transcript.
        input: the audio that the client sends.
        include: names of ``INCLUDES``.
        vad: how speech is cut; None: the client cuts it.
        simultaneous: None: utterance by utterance.
        echo: what becomes of a target that is spoken already.
        terms: words of the caller's own.
        input_is_fixed: whether the connection decides on the format of the audio.
    """

    targets: tuple[SessionTarget, ...] = ()
    source_language: str = ""
    candidates: tuple[str, ...] = ()
    transcription_model: str | None = None
    input: InputFormat = PCM_24K
    include: frozenset[str] = field(default_factory=frozenset)
    vad: VadSettings | None = DEFAULT_VAD
    simultaneous: SimultaneousSettings | None = None
    echo: Echo = Echo.SILENT
    terms: tuple[Term, ...] = ()
    input_is_fixed: bool = False

    @property
    def missing(self) -> str:
        """Implements ``SessionSettings.missing``."""
        return "" if self.targets else "session.audio.output.language"

    def check(self, languages: LanguageTable) -> None:
        """Implements ``SessionSettings.check``."""
        for target in self.targets:
            languages.resolve(target.language, "session.audio.output.language")
        if self.source_language not in ("", AUTO):
            languages.resolve(self.source_language, LANGUAGE_PARAM)

    def updated(self, session: JsonObject) -> TranslationSettings:
        """These settings with the changes of a ``session`` object.

        Raises:
            InvalidArgument: a field is unknown or its value is not valid. Names the field.
            Unsupported: the session asks for what this server does not have. Names the field.
        """
        session.choice("type", ("translation",), None)
        known = ("type", "id", "model", "expires_at", "audio", "include", "simultaneous", "terms")
        session.refuse_unknown(known)
        changed = self
        if "include" in session:
            changed = replace(changed, include=session.choices("include", INCLUDES))
        if "simultaneous" in session:
            changed = replace(changed, simultaneous=_simultaneous(session))
        if "terms" in session:
            changed = replace(changed, terms=read_terms(session))
        audio = session.object("audio")
        if audio is None:
            return changed
        audio.refuse_unknown(("input", "output"))
        if (wanted := audio.object("input")) is not None:
            changed = changed._with_input(wanted)
        if (wanted := audio.object("output")) is not None:
            changed = replace(changed, targets=self._targets(wanted), echo=self._echo(wanted))
        return changed

    def _with_input(self, wanted: JsonObject) -> TranslationSettings:
        wanted.refuse_unknown(
            ("format", "language", "candidates", "transcription", "noise_reduction", "turn_detection")
        )
        if wanted.object("noise_reduction") is not None:
            raise Unsupported("this server has no noise reduction", field=wanted.under("noise_reduction"))
        changed = self
        if "format" in wanted:
            format_ = read_format(wanted)
            if self.input_is_fixed and format_ != self.input:
                raise Unsupported("is that of the audio track", field=wanted.under("format"))
            changed = replace(changed, input=format_)
        if "language" in wanted:
            changed = replace(changed, source_language=wanted.text("language", ""))
        if "candidates" in wanted:
            changed = replace(changed, candidates=wanted.texts("candidates"))
        if "transcription" in wanted:
            changed = changed._with_transcription(wanted.object("transcription"))
        if "turn_detection" in wanted:
            changed = replace(changed, vad=read_turn_detection(wanted.object("turn_detection")))
        return changed

    def _with_transcription(self, wanted: JsonObject | None) -> TranslationSettings:
        if wanted is None:
            return replace(self, transcription_model=None)
        wanted.refuse_unknown(("model", "language"))
        return replace(
            self,
            transcription_model=wanted.text("model", ""),
            source_language=wanted.text("language", self.source_language),
        )

    def _targets(self, wanted: JsonObject) -> tuple[SessionTarget, ...]:
        """The targets of ``audio.output``: those of its list, or the one that ``language`` names. Without
        either, its fields are about the first of the targets that there are.
        """
        wanted.refuse_unknown(_OUTPUT)
        if "targets" not in wanted:
            former = self.targets[0] if self.targets else SessionTarget("")
            if "language" in wanted and wanted.text("language", "") != former.language:
                former = SessionTarget("", text=former.text, speech=former.speech)
            others = () if "language" in wanted else self.targets[1:]
            return (former.updated(wanted, known=_OUTPUT), *others)
        targets = tuple(SessionTarget("").updated(each) for each in wanted.objects("targets"))
        first = wanted.text("language", None)
        if not targets or (first is not None and targets[0].language != first):
            raise InvalidArgument("must begin with `language`", field=wanted.under("targets"))
        return targets

    def _echo(self, wanted: JsonObject) -> Echo:
        return Echo(wanted.choice("echo", [each.value for each in Echo], self.echo.value))

    def stream_settings(self, languages: LanguageTable) -> StreamSettings:
        """The settings of the stream. ``languages`` are those of the loaded checkpoint."""
        include = {inspect for name in self.include if (inspect := INCLUDES[name]) is not None}
        if self.transcription_model is not None:
            include.add(Inspect.TRANSCRIPT)
        if self.simultaneous is None:
            include.discard(Inspect.DRAFTS)
        targets = tuple(target.target_settings(languages) for target in self.targets)
        if not any(target.speech for target in targets):
            include.discard(Inspect.UNITS)
        source = source_or_auto(self.source_language, languages)
        return StreamSettings(
            targets,
            source,
            frozenset(include),
            segmentation_of(self.vad),
            self.vad or DEFAULT_VAD,
            simultaneous=self.simultaneous,
            source_candidates=self.candidates if source == AUTO else (),
            echo=self.echo,
            terms=self.terms,
        )

    def to_json(self, languages: LanguageTable) -> dict[str, Any]:
        """The fields ``audio``, ``include``, ``simultaneous`` and ``terms`` of the session object."""
        targets = [target.to_json(languages) for target in self.targets]
        output: dict[str, Any] = dict(targets[0]) | {"targets": targets} if targets else {}
        output["echo"] = self.echo.value
        transcription = None
        source = bcp47(self.source_language, languages) or None
        if self.transcription_model is not None:
            transcription = {"model": self.transcription_model, "language": source}
        return {
            "audio": {
                "input": {
                    "format": self.input.to_json(),
                    "language": source,
                    "candidates": list(self.candidates),
                    "transcription": transcription,
                    "noise_reduction": None,
                    "turn_detection": describe_turn_detection(self.vad),
                },
                "output": output,
            },
            "include": sorted(self.include),
            "simultaneous": None
            if self.simultaneous is None
            else {
                name: value
                for name in _SIMULTANEOUS
                if (value := getattr(self.simultaneous, name)) is not None
            },
            "terms": describe_terms(self.terms),
        }


def first_settings(options: GatewayOptions, service: TranslationService) -> TranslationSettings:
    """The settings of a session before its first update: drafts if the checkpoint is calibrated."""
    return TranslationSettings(
        source_language=options.source_language,
        simultaneous=SimultaneousSettings() if service.calibrated else None,
    )


def _simultaneous(session: JsonObject) -> SimultaneousSettings | None:
    wanted = session.object("simultaneous")
    if wanted is None:
        return None
    wanted.refuse_unknown(_SIMULTANEOUS)
    return SimultaneousSettings(**{name: wanted.whole(name, None) for name in _SIMULTANEOUS})
