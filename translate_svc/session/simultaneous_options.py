"""Simultaneous translation as a stream asks for it: defaults filled in, bounds checked."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.engine.simultaneous.commit_policy import CommitPolicy, commit_policy, most_held_frames
from translate_svc.engine.simultaneous.hypothesis import CommitDefaults, HypothesisTraits
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.types import FRAME_SAMPLES, INTERNAL_SAMPLE_RATE_HZ, SimultaneousSettings
from translate_svc.vad.options import FRAME_MS

SIMULTANEOUS_LIMITS = {
    "step_ms": (160, 5_000, 500),
    "patience_frames": (0, 32, 0),
    "max_buffer_ms": (4_000, 30_000, 12_000),
}
"""Lowest, highest and default value of each field of ``SimultaneousSettings``. The default of the patience is
the checkpoint's.
"""

_MIN_BUFFER_SAMPLES = 1_600
"""The least audio that the engine takes, 100 ms."""

_CONTEXT_MS = 2_000
"""What a draft hears at least of a word that is committed: the word, and what it needs around it. With 1 s
the starter still lost words of a speaker who does not pause.
"""


@dataclass(frozen=True, slots=True)
class SimultaneousOptions:
    """Simultaneous translation with every default filled in.

    Attributes:
        step_ms: audio between two hypotheses.
        max_buffer_ms: most audio that a hypothesis hears.
        policy: what of a hypothesis is committed.
        frame_samples: samples of an encoder frame, 16 kHz.
        min_buffer_samples: the least audio that the engine takes.
    """

    step_ms: int
    max_buffer_ms: int
    policy: CommitPolicy
    frame_samples: int
    min_buffer_samples: int

    @property
    def step_frames(self) -> int:
        """VAD frames between two hypotheses, at least one."""
        return max(1, round(self.step_ms / FRAME_MS))

    @property
    def step_s(self) -> float:
        """Audio between two hypotheses, in seconds."""
        return self.step_frames * FRAME_MS / 1000

    @property
    def step_samples(self) -> int:
        """Audio between two hypotheses, in samples at 16 kHz."""
        return self.step_frames * FRAME_SAMPLES

    @property
    def cut_from_samples(self) -> int:
        """From this length on, in samples at 16 kHz, an utterance is cut where its buffer begins."""
        return self.max_buffer_samples * 2 // 3

    @property
    def min_cut_samples(self) -> int:
        """An utterance is not cut shorter than this, in samples at 16 kHz."""
        return self.max_buffer_samples // 6

    @property
    def max_buffer_frames(self) -> int:
        """Most VAD frames that a hypothesis hears."""
        return self.max_buffer_ms // FRAME_MS

    @property
    def max_buffer_samples(self) -> int:
        """Most samples at 16 kHz that a hypothesis hears."""
        return self.max_buffer_frames * FRAME_SAMPLES


def negotiate_simultaneous(
    settings: SimultaneousSettings,
    defaults: CommitDefaults,
    traits: HypothesisTraits,
    *,
    max_buffer_ms: int,
    max_utterance_ms: int,
    path: str,
) -> tuple[SimultaneousSettings, SimultaneousOptions]:
    """Returns the settings with every default filled in, and the options made of them.

    ``max_buffer_ms`` is the server's bound, ``max_utterance_ms`` that of the stream's utterances; ``path`` is
    that of the settings in the contract.

    Without usable attention in the checkpoint nothing has a patience: words are committed when two hypotheses
    agree.

    Raises:
        OutOfRange: a setting outside its limits, or a buffer that words would leave before any draft commits
            them. Names the field.
        InvalidArgument: a patience, and the checkpoint has no usable attention. Names the field.
    """
    for name, (low, high, _) in SIMULTANEOUS_LIMITS.items():
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
            raise OutOfRange(f"must be within {low} and {high}", field=f"{path}.{name}")
    if settings.max_buffer_ms is not None and settings.max_buffer_ms > max_buffer_ms:
        raise OutOfRange(f"must not exceed this server's {max_buffer_ms}", field=f"{path}.max_buffer_ms")
    step_ms = settings.step_ms or SIMULTANEOUS_LIMITS["step_ms"][2]
    buffer_ms = settings.max_buffer_ms or min(SIMULTANEOUS_LIMITS["max_buffer_ms"][2], max_buffer_ms)
    patience_frames = settings.patience_frames
    if defaults.uses_attention:
        patience_frames = defaults.cutoff_frames if patience_frames is None else patience_frames
    elif patience_frames is not None:
        raise InvalidArgument(
            "has no effect: without a calibration of its attention this checkpoint commits words when two "
            "drafts agree",
            field=f"{path}.patience_frames",
        )
    if buffer_ms < max_utterance_ms:
        held_ms = _held_ms(step_ms, patience_frames, traits)
        _check_buffer(buffer_ms, step_ms + held_ms + _CONTEXT_MS, f"{path}.max_buffer_ms")
    options = SimultaneousOptions(
        step_ms,
        buffer_ms,
        commit_policy(
            defaults.policy, patience_frames or 0, defaults.sure_probability, defaults.unsure_probability
        ),
        traits.frame_samples,
        _MIN_BUFFER_SAMPLES,
    )
    return SimultaneousSettings(step_ms, patience_frames, buffer_ms), options


def _held_ms(step_ms: int, patience_frames: int | None, traits: HypothesisTraits) -> int:
    """How long a draft may hold a word that it hears: until the next one agrees, or until it is trusted."""
    if patience_frames is None:
        return step_ms
    frames = most_held_frames(patience_frames)
    return max(step_ms, frames * traits.frame_samples * 1000 // INTERNAL_SAMPLE_RATE_HZ)


def _check_buffer(buffer_ms: int, least_ms: int, field: str) -> None:
    """Raises OutOfRange where words of a long utterance would leave the buffer before they are committed."""
    if buffer_ms < least_ms:
        message = f"must be at least {least_ms}, not {buffer_ms}, with this step_ms and patience_frames: "
        raise OutOfRange(f"{message}words would leave the buffer before they are committed", field=field)
