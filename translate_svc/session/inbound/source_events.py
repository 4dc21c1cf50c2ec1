"""What an ``UtteranceSource`` tells. Positions count input samples at the declared rate."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.session.negotiation import Negotiated
from translate_svc.types import EndReason, SampleRange, Samples


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """An utterance runs; its audio starts at ``position``. One ``Utterance`` follows, unless cleared."""

    position: int


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One utterance: ``samples`` (16 kHz mono, at least one), its ``source`` range in input samples.

    ``commit_position`` is the commit point behind it, ``source.end <= commit_position``. ``voiced_frames``:
    how many of its frames the detector gave at least the threshold; None where it was not asked.
    """

    samples: Samples
    source: SampleRange
    reason: EndReason
    commit_position: int
    voiced_frames: int | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit point without an utterance: input before ``position`` will never be needed again."""

    position: int


@dataclass(frozen=True, slots=True)
class SettingsApplied:
    """These settings, given by one ``update``, hold from the next utterance on."""

    settings: Negotiated


SourceEvent = UtteranceStarted | Utterance | Committed | SettingsApplied
