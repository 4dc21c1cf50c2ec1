"""Negotiates the settings of beam search."""

from __future__ import annotations

from dataclasses import replace

from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.text.beam_search import MAX_LENGTH_PENALTY
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.types import MAX_BEAMS, BeamSearchSettings, Inspect, StreamSettings

DEFAULT_BEAMS = 5
"""That of the published figures of SeamlessM4T."""

DEFAULT_LENGTH_PENALTY = 1.0


def negotiate_beam_search(
    settings: StreamSettings, max_slots: int | None, path: str
) -> BeamSearchSettings | None:
    """Checks ``settings.beam_search`` and fills in defaults; None without beam search.

    Args:
        settings: those of the stream.
        max_slots: of the engine, for all beams of an utterance; None if they are not known.
        path: the path of ``settings`` in the contract, with a dot at its end; may be empty.

    Raises:
        InvalidArgument: with simultaneous translation; alternatives without at least two beams. Names the
            field.
        OutOfRange: a number outside its limits. Names the field.
    """
    wanted, field = settings.beam_search, f"{path}beam_search"
    made = None if wanted is None else _with_defaults(wanted)
    if Inspect.ALTERNATIVES in settings.include and (made is None or made.num_beams == 1):
        raise InvalidArgument("are those of beam search, which is off", field=f"{path}include")
    if made is None:
        return None
    if settings.simultaneous is not None:
        raise InvalidArgument("cannot be with simultaneous, whose texts grow", field=field)
    is_asked = Inspect.TRANSCRIPT in settings.include
    texts = len(settings.targets) + is_asked
    hidden = bool(settings.terms) and not is_asked  # a transcript, without beams
    most = MAX_BEAMS if max_slots is None else max(1, min(MAX_BEAMS, (max_slots - hidden) // max(1, texts)))
    if made.num_beams is None or not 1 <= made.num_beams <= most:
        raise OutOfRange(
            f"must be 1 to {most}, with {texts} text{'s' * (texts > 1)}", field=f"{field}.num_beams"
        )
    if made.length_penalty is None or not abs(made.length_penalty) <= MAX_LENGTH_PENALTY:
        limit = f"{MAX_LENGTH_PENALTY:g}"
        raise OutOfRange(f"must be -{limit} to {limit}", field=f"{field}.length_penalty")
    return made


def with_beam_search(spec: SequenceSpec, settings: StreamSettings) -> SequenceSpec:
    """``spec`` with the negotiated ``settings.beam_search``."""
    beams = settings.beam_search
    if beams is None or beams.num_beams is None or beams.length_penalty is None:
        return spec
    return replace(
        spec,
        num_beams=beams.num_beams,
        length_penalty=beams.length_penalty,
        alternatives=Inspect.ALTERNATIVES in settings.include,
    )


def _with_defaults(wanted: BeamSearchSettings) -> BeamSearchSettings:
    beams, penalty = wanted.num_beams, wanted.length_penalty
    return BeamSearchSettings(
        DEFAULT_BEAMS if beams is None else beams, DEFAULT_LENGTH_PENALTY if penalty is None else penalty
    )
