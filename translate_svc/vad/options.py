"""How speech is found and cut."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from translate_svc.errors import OutOfRange
from translate_svc.types import FRAME_SAMPLES, INTERNAL_SAMPLE_RATE_HZ, VadSettings

FRAME_MS = FRAME_SAMPLES * 1000 // INTERNAL_SAMPLE_RATE_HZ
"""Duration of one VAD frame: 32 ms. All durations below act in whole frames."""

_LIMITS: dict[str, tuple[float, float]] = {
    "threshold": (0.05, 0.95),
    "hysteresis": (0.0, 0.5),
    "min_speech_ms": (0, 1000),
    "min_silence_ms": (300, 5000),
    "prefix_padding_ms": (0, 1000),
    "suffix_padding_ms": (0, 300),
    "max_utterance_ms": (2500, 30_000),
    "cut_search_ms": (FRAME_MS, 30_000),
    "idle_timeout_ms": (2000, 60_000),
}


@dataclass(frozen=True, slots=True)
class VadOptions:
    """Options of the segmenter. Out of its limits, a field raises ``OutOfRange`` that names it.

    The limits are such that every combination of fields within them works.

    Attributes:
        threshold: Speech probability from which on a frame counts as speech; 0.05 to 0.95. Default 0.5. Raise
            it where noise or distant voices start utterances, lower it for quiet speakers.
        hysteresis: How far below ``threshold`` the probability must fall before a frame counts as silence,
            though never farther than half of it; 0 to 0.5. Default 0.15, Silero's own. Frames in between
            prolong the state that is. Raise it where words are torn apart at soft syllables.
        min_speech_ms: Speech, uninterrupted by silence, that starts an utterance; shorter bursts are dropped;
            0 to 1000 ms. Default 100 ms. Raise it against clicks and coughs; short answers ("no") need it
            low.
        min_silence_ms: Silence that ends an utterance; 300 to 5000 ms. Default 500 ms. Lower answers sooner,
            higher keeps hesitant sentences whole. Not under 300 ms, for clean speech has gaps of 220 ms.
        prefix_padding_ms: Audio kept before the first speech frame; 0 to 1000 ms. Default 300 ms. Soft onsets
            are recognised late and would be lost without it. Never reaches behind the last commit point.
        suffix_padding_ms: Audio kept after the last speech frame when silence ends the utterance; 0 to 300
            ms. Default 200 ms. Lower it only to save computing.
        max_utterance_ms: Longest utterance, padding included; 2500 to 30000 ms. Default 15000 ms, for which
            the engine's slots are sized by default. A longer one is cut in its longest late pause
            (100 ms or more), or at its quietest late frame.
        cut_search_ms: How far back from ``max_utterance_ms`` the place for a cut is searched, though never
            farther than half of the utterance; 32 to 30000 ms. Default 3000 ms. Raise it for readers who
            rarely pause: later speech is heard twice by the VAD, but cuts fall between sentences.
        idle_timeout_ms: Without speech for this long, the frame grid restarts: a commit point without an
            utterance, 2000 to 60000 ms. Default 10000 ms. It bounds what a resuming client sends again.
    """

    threshold: float = 0.5
    hysteresis: float = 0.15
    min_speech_ms: int = 100
    min_silence_ms: int = 500
    prefix_padding_ms: int = 300
    suffix_padding_ms: int = 200
    max_utterance_ms: int = 15_000
    cut_search_ms: int = 3000
    idle_timeout_ms: int = 10_000

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            if not low <= getattr(self, name) <= high:
                raise OutOfRange(f"must be within [{low}, {high}]", field=name)

    @property
    def negative_threshold(self) -> float:
        """Probability below which a frame counts as silence."""
        return self.threshold - min(self.hysteresis, self.threshold / 2)

    @property
    def min_speech_frames(self) -> int:
        """``min_speech_ms`` rounded up, at least one."""
        return max(1, math.ceil(self.min_speech_ms / FRAME_MS))

    @property
    def min_silence_frames(self) -> int:
        """``min_silence_ms`` rounded up."""
        return math.ceil(self.min_silence_ms / FRAME_MS)

    @property
    def prefix_padding_frames(self) -> int:
        """``prefix_padding_ms`` rounded up."""
        return math.ceil(self.prefix_padding_ms / FRAME_MS)

    @property
    def suffix_padding_frames(self) -> int:
        """``suffix_padding_ms`` rounded down, hence never above ``min_silence_frames``."""
        return self.suffix_padding_ms // FRAME_MS

    @property
    def max_utterance_frames(self) -> int:
        """``max_utterance_ms`` rounded down, so that no utterance is longer than it says."""
        return self.max_utterance_ms // FRAME_MS

    @property
    def cut_search_frames(self) -> int:
        """``cut_search_ms`` rounded down."""
        return self.cut_search_ms // FRAME_MS

    @property
    def idle_timeout_frames(self) -> int:
        """``idle_timeout_ms`` rounded up."""
        return math.ceil(self.idle_timeout_ms / FRAME_MS)

    def with_settings(self, settings: VadSettings, *, field: str) -> VadOptions:
        """These options with what a client set put in its place.

        ``field`` is the path of ``settings`` in the wire contract (``config.settings.vad``); errors name the
        offending field below it.
        """
        names = [entry.name for entry in dataclasses.fields(settings)]
        changes = {name: value for name in names if (value := getattr(settings, name)) is not None}
        try:
            return dataclasses.replace(self, **changes)
        except OutOfRange as error:
            raise OutOfRange(error.description, field=f"{field}.{error.field}") from None

    def settings(self) -> VadSettings:
        """Those of these options that a client may change."""
        names = [entry.name for entry in dataclasses.fields(VadSettings)]
        return VadSettings(**{name: getattr(self, name) for name in names})
