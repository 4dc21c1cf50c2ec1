"""Negotiates settings: fills in defaults, and refuses what cannot be served, naming the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from translate_svc.audio.formats import check_input_format, check_output_format
from translate_svc.confidence import UNCALIBRATED, ConfidenceRule
from translate_svc.engine.simultaneous.hypothesis import (
    NO_HYPOTHESES,
    SAFE_COMMIT_DEFAULTS,
    CommitDefaults,
    HypothesisTraits,
)
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.languages import Language, LanguageTable
from translate_svc.session.beam_search_options import negotiate_beam_search
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.settings.planned_sequence import PlannedSequence, planned_sequences
from translate_svc.session.settings.term_options import negotiate_terms
from translate_svc.session.simultaneous_options import negotiate_simultaneous
from translate_svc.session.source_language import negotiate_source
from translate_svc.types import (
    AUTO,
    MAX_DURATION_FACTOR,
    MIN_DURATION_FACTOR,
    GuardSettings,
    Inspect,
    Segmentation,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    VadSettings,
)
from translate_svc.vad.options import VadOptions

_VAD_ONLY_FIELDS = ("min_speech_ms", "min_silence_ms", "prefix_padding_ms")
"""Fields of ``VadSettings`` without effect under manual segmentation. The other two keep theirs: the voice
gate uses the threshold, and an utterance is still cut at its maximum length.
"""

_SPEECH_FIELDS = ("speaker_id", "duration_factor", "catch_up_duration_factor")
"""Fields of ``TargetSettings`` that concern speech."""

_PAIR = 2

_TEXT_ONLY = TargetSettings("", speech=False)


@dataclass(frozen=True, slots=True)
class Negotiator:
    """Negotiates against the loaded checkpoint's languages and the operator's limits and defaults."""

    languages: LanguageTable
    max_targets: int
    vad: VadOptions
    hypotheses: CommitDefaults = SAFE_COMMIT_DEFAULTS
    traits: HypothesisTraits = NO_HYPOTHESES
    confidence: ConfidenceRule = UNCALIBRATED
    warn_low_confidence: bool = True
    usual_max_utterance_ms: int | None = None
    """Of a live stream that names no maximum; at most that of ``vad``. None: that of ``vad``."""
    max_slots: int | None = None
    """Of the engine, for all beams of an utterance. None: not known."""
    detected: tuple[str, ...] = ()
    """Languages that the model can tell by their sound."""
    characters: frozenset[str] = frozenset()
    """Those that the model can write; empty: not known."""
    cascade_weight: float = 0.0
    """That of translations of speech through its transcript, where there is room for them."""
    transcript_retries: int = 0
    """How often an unsure transcript is made again."""

    def limited(self, max_targets: int | None) -> Negotiator:
        """A negotiator that allows at most ``max_targets``; None: no change."""
        if max_targets is None or max_targets >= self.max_targets:
            return self
        return replace(self, max_targets=max_targets)

    def negotiate(self, config: StreamConfig) -> tuple[StreamConfig, Negotiated]:
        """Returns a stream's configuration with every default filled in, and its first settings.

        Raises:
            InvalidArgument, OutOfRange, Unsupported: as ``negotiate_settings`` and the checks of formats.
                Names the field.
        """
        check_input_format(config.input, field="config.input")
        check_output_format(config.output, field="config.output")
        settled = self.negotiate_settings(config.settings, "config.settings")
        return replace(config, settings=settled.settings), settled

    def negotiate_settings(self, settings: StreamSettings, path: str) -> Negotiated:
        """Checks ``settings`` and fills in defaults. ``path`` is their path in the contract; may be empty.

        Raises:
            InvalidArgument: as ``negotiate_source``. Also: unknown language or speaker; speech in a language
                that has none; a speech setting where speech is off, and units where no target has speech; a
                VAD setting that has no effect under manual segmentation; a language twice; a wrong term;
                neither a target nor a transcript; drafts without, and beam search with, simultaneous
                translation. Names the field.
            OutOfRange: too many targets; a duration factor outside 0.5 to 2; a catch-up duration factor
                outside 0.5 to the duration factor; a setting of VAD or beam search outside its limits. Names
                the field.
        """
        targets = self._targets(settings.targets, _under(path, "targets"))
        transcript = Inspect.TRANSCRIPT in settings.include
        if not targets and not transcript:
            raise InvalidArgument(
                "must name a language, unless a transcript is asked for", field=_under(path, "targets")
            )
        _check_include(settings, targets, _under(path, "include"))
        terms = negotiate_terms(settings.terms, self.languages, self.characters, _under(path, "terms"))
        beam_search = negotiate_beam_search(settings, self.max_slots, f"{path}." if path else "")
        if settings.segmentation is Segmentation.HINDSIGHT and settings.simultaneous is not None:
            raise InvalidArgument(
                "cannot be by hindsight with simultaneous", field=_under(path, "segmentation")
            )
        vad = self._vad(settings, _under(path, "vad"))
        vad_settings = vad.settings()
        if settings.segmentation is Segmentation.MANUAL:
            _refuse_without_vad(settings.vad, _under(path, "vad"))
            vad_settings = replace(vad_settings, **dict.fromkeys(_VAD_ONLY_FIELDS))
        source, candidates = negotiate_source(
            settings, self.languages, self.detected, f"{path}." if path else ""
        )
        known = None if source == AUTO else source
        self.languages.check_written([each.language for each in targets], known, _under(path, "targets"))
        settled = replace(
            settings,
            targets=targets,
            source_language=source,
            source_candidates=candidates,
            vad=vad_settings,
            guards=self._guards(settings.guards),
            beam_search=beam_search,
            terms=terms,
        )
        if settings.simultaneous is None:
            return Negotiated(
                settled,
                vad,
                self._whole_sequences(settled),
                confidence=self.confidence,
                detected=self.detected,
            )
        effective, options = negotiate_simultaneous(
            settings.simultaneous,
            self.hypotheses,
            self.traits,
            max_buffer_ms=self.vad.max_utterance_ms,
            max_utterance_ms=vad.max_utterance_ms,
            path=_under(path, "simultaneous"),
        )
        return Negotiated(
            replace(settled, simultaneous=effective),
            vad,
            planned_sequences(settled),
            options,
            self.confidence,
            self.detected,
        )

    def _whole_sequences(self, settings: StreamSettings) -> tuple[PlannedSequence, ...]:
        """With what the engine reads again: nothing of beams, and no translation without a slot for the
        transcript, or from a language that nobody knows.
        """
        beams, room = settings.beam_search, self.max_slots
        if beams is not None and beams.num_beams != 1:
            return planned_sequences(settings)
        has_room = room is None or len(settings.targets) < room
        weight = self.cascade_weight if has_room and settings.source_language else 0.0
        return planned_sequences(settings, weight, self.transcript_retries)

    def _targets(self, wanted: Sequence[TargetSettings], path: str) -> tuple[TargetSettings, ...]:
        if len(wanted) > self.max_targets:
            raise OutOfRange(f"has more than {self.max_targets} entries", field=path)
        targets: list[TargetSettings] = []
        for index, each in enumerate(wanted):
            target = self._target(each, f"{path}[{index}]")
            if any(target.language == other.language for other in targets):
                raise InvalidArgument("is a target already", field=f"{path}[{index}].language")
            targets.append(target)
        return tuple(targets)

    def _guards(self, settings: GuardSettings) -> GuardSettings:
        if self.warn_low_confidence:
            return settings
        return replace(settings, low_confidence=False)

    def _vad(self, stream: StreamSettings, path: str) -> VadOptions:
        settings, usual_ms = stream.vad, self.usual_max_utterance_ms
        is_live = stream.segmentation is Segmentation.VAD and stream.simultaneous is None
        if settings.max_utterance_ms is None and usual_ms is not None and is_live:
            settings = replace(settings, max_utterance_ms=min(usual_ms, self.vad.max_utterance_ms))
        options = self.vad.with_settings(settings, field=path)
        if options.max_utterance_ms > self.vad.max_utterance_ms:
            limit = self.vad.max_utterance_ms
            raise OutOfRange(f"must not exceed this server's {limit}", field=f"{path}.max_utterance_ms")
        return options

    def _target(self, target: TargetSettings, path: str) -> TargetSettings:
        language = self.languages.resolve(target.language, f"{path}.language")
        if not language.text:
            raise InvalidArgument("is a source language only, not a target", field=f"{path}.language")
        if not target.text and not target.speech:
            raise InvalidArgument("must be on where speech is off", field=f"{path}.text")
        if not MIN_DURATION_FACTOR <= target.duration_factor <= MAX_DURATION_FACTOR:
            raise OutOfRange(
                f"must be within {MIN_DURATION_FACTOR} and {MAX_DURATION_FACTOR}",
                field=f"{path}.duration_factor",
            )
        catch_up = target.catch_up_duration_factor
        if catch_up is not None and not MIN_DURATION_FACTOR <= catch_up <= target.duration_factor:
            raise OutOfRange(
                f"must be within {MIN_DURATION_FACTOR} and duration_factor",
                field=f"{path}.catch_up_duration_factor",
            )
        return replace(target, language=language.code, speaker_id=_speaker(target, language, path))


def _under(path: str, name: str) -> str:
    """The path of field ``name`` of the message at ``path``; an empty ``path`` is the request itself."""
    return f"{path}.{name}" if path else name


def _speaker(target: TargetSettings, language: Language, path: str) -> int | None:
    """The voice to use; None without speech."""
    if not target.speech:
        for name in _SPEECH_FIELDS:
            if getattr(target, name) != getattr(_TEXT_ONLY, name):
                raise InvalidArgument("is a speech setting, and speech is off", field=f"{path}.{name}")
        return None
    if not language.speech_out:
        message = f"needs a voice, and this model has none for {language.code}"
        raise InvalidArgument(message, field=f"{path}.speech")
    if target.speaker_id is None:
        return language.speaker_ids[0]
    if target.speaker_id not in language.speaker_ids:
        raise InvalidArgument("is not a voice of this language", field=f"{path}.speaker_id")
    return target.speaker_id


def _refuse_without_vad(vad: VadSettings, path: str) -> None:
    """Refuses settings without effect where the client alone ends utterances."""
    for name in _VAD_ONLY_FIELDS:
        if getattr(vad, name) is not None:
            raise InvalidArgument("has no effect with manual segmentation", field=f"{path}.{name}")


def _check_include(settings: StreamSettings, targets: Sequence[TargetSettings], path: str) -> None:
    """Refuses what these settings never bring."""
    if Inspect.DRAFTS in settings.include and settings.simultaneous is None:
        raise InvalidArgument("holds hypotheses, which simultaneous alone has", field=path)
    if Inspect.UNITS in settings.include and not any(target.speech for target in targets):
        raise InvalidArgument("holds units, which speech alone has", field=path)
