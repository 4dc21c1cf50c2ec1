"""Events of an ``UtteranceSource``. Positions count input samples at the declared rate."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.types import EndReason, SampleRange, Samples


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """An utterance has started, its audio at ``position`` and its speech at ``speech_position``. One
    ``Utterance`` follows, unless cleared.
    """

    position: int
    speech_position: int


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One complete utterance.

    Attributes:
        samples: 16 kHz mono ``[n]``, n at least 1.
        source: its range in input samples.
        reason: why it ended.
        commit_position: the commit point after it, at least ``source.end``.
        voiced_frames: how many of its frames reach the VAD threshold; None if they were not scored.
        heard_position: the input sample through which the input was heard when it ended.
        updates: settings that apply from the commit point on, in their order.
        due_position: the input sample from whose arrival on its results are awaited.
        commits: False if its end is no commit point, because it depends on what was heard later. That of an
            utterance to come covers it.
        followed: another utterance has ended with it and begins where it ends.
        doubtful: one sentence may go on from it to that one.
    """

    samples: Samples
    source: SampleRange
    reason: EndReason
    commit_position: int
    voiced_frames: int | None = None
    heard_position: int = 0
    updates: tuple[Negotiated, ...] = ()
    due_position: int = 0
    commits: bool = True
    followed: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class UtteranceGrew:
    """The running utterance has reached the next step of simultaneous translation. It may continue.

    Attributes:
        samples: the last part of its audio, 16 kHz mono ``[n]``.
        first_sample: place of ``samples[0]`` in the audio of the utterance, in samples at 16 kHz.
        heard_position: the input sample through which it was heard.
        voiced_frames: how many of its frames reach the VAD threshold; None if they were not scored.
    """

    samples: Samples
    first_sample: int
    heard_position: int
    voiced_frames: int | None


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit point without an utterance: input before ``position`` is never needed again.

    ``updates``: settings that apply from there on, in their order. ``SettingsApplied`` follows for each.
    """

    position: int
    updates: tuple[Negotiated, ...] = ()


@dataclass(frozen=True, slots=True)
class SettingsApplied:
    """The settings of one ``update`` apply from the next utterance on."""

    settings: Negotiated


SourceEvent = UtteranceStarted | UtteranceGrew | Utterance | Committed | SettingsApplied
