"""The sequences that a stream's settings ask for, and the lanes of what is sent of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from translate_svc.engine.sequence_spec import HEARD, SequenceSpec, TextGuards
from translate_svc.session.beam_search_options import with_beam_search
from translate_svc.session.source_language import takes_turns, with_echo
from translate_svc.types import AUTO, GuardSettings, Inspect, StreamSettings

_PAIR = 2


class LaneKind(enum.Enum):
    """The kind of result that a lane carries."""

    TRANSCRIPT = "transcript"
    TRANSLATION = "translation"
    AUDIO = "audio"


class LaneKey(NamedTuple):
    """A lane: one kind of result in one language (a Seamless code). Order is kept within a lane only."""

    kind: LaneKind
    language: str


@dataclass(frozen=True, slots=True)
class PlannedSequence:
    """One sequence of every request, and the lanes of its text and its speech (None: not sent).

    A sequence without lanes is a transcript that nobody asked for, in which terms are looked for, or which is
    translated.

    ``catch_up_duration_factor``: the lowest duration factor that may be used to catch up; None: no catch-up.
    """

    spec: SequenceSpec
    text: LaneKey | None
    audio: LaneKey | None
    catch_up_duration_factor: float | None = None

    @property
    def name(self) -> tuple[str, bool]:
        """The same in all settings that ask for this text: its language, and whether it is the transcript."""
        return self.spec.language, self.is_transcript

    @property
    def is_transcript(self) -> bool:
        """Whether its text says what the source says."""
        return self.is_hidden or (self.text is not None and self.text.kind is LaneKind.TRANSCRIPT)

    @property
    def is_hidden(self) -> bool:
        """Whether nothing of it is sent."""
        return not self.lanes

    @property
    def can_go_unspoken(self) -> bool:
        """Whether its words reach the client without its speech, too."""
        return self.text is not None and self.audio is not None

    @property
    def lanes(self) -> tuple[LaneKey, ...]:
        """The lanes in use."""
        return tuple(key for key in (self.text, self.audio) if key is not None)


def text_guards(settings: GuardSettings) -> TextGuards:
    """The guards that the engine applies."""
    return TextGuards(**{field.name: getattr(settings, field.name) for field in fields(TextGuards)})


def planned_sequences(
    settings: StreamSettings, cascade_weight: float = 0.0, transcript_retries: int = 0
) -> tuple[PlannedSequence, ...]:
    """Those of negotiated settings. The transcript is the last one.

    ``cascade_weight``: of the translations of speech. With any, a text in the language that is spoken is that
    of the transcript, if there is one.
    """
    guards = text_guards(settings.guards)
    source, is_asked = settings.source_language, Inspect.TRANSCRIPT in settings.include
    known = None if source == AUTO else source
    if not is_asked and all(target.language == known for target in settings.targets):
        cascade_weight = 0.0  # it would need a transcript beside itself
    planned = [
        PlannedSequence(
            SequenceSpec(
                language=target.language,
                speech=target.speech,
                speaker_id=target.speaker_id or 0,
                duration_factor=target.duration_factor,
                guards=guards,
                source_language=known,
                cascade_weight=cascade_weight,
            ),
            text=LaneKey(LaneKind.TRANSLATION, target.language) if target.text else None,
            audio=LaneKey(LaneKind.AUDIO, target.language) if target.speech else None,
            catch_up_duration_factor=target.catch_up_duration_factor if target.speech else None,
        )
        for target in settings.targets
    ]
    if takes_turns(settings) and len(planned) == _PAIR:
        # nobody can hear both at once
        both = LaneKey(LaneKind.AUDIO, HEARD)
        planned = [replace(each, audio=both if each.audio else None) for each in planned]
    if source is not None:
        planned = [replace(each, spec=with_echo(each.spec, settings.echo)) for each in planned]
    spec = SequenceSpec(
        HEARD if known is None else known,
        guards=guards,
        source_language=known,
        retries=transcript_retries,
    )
    if is_asked and source is not None:
        lane = LaneKey(LaneKind.TRANSCRIPT, spec.language)
        planned.append(PlannedSequence(spec, text=lane, audio=None))
    planned = [replace(each, spec=with_beam_search(each.spec, settings)) for each in planned]
    has_cascade = any(each.spec.cascade_weight for each in planned)
    if not is_asked and (has_cascade or (settings.terms and known is not None)):
        planned.append(PlannedSequence(replace(spec, hidden=True), None, None))
    return tuple(planned)
