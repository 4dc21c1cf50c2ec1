"""Options of voice activity detection and segmentation."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from translate_svc.errors import OutOfRange
from translate_svc.types import FRAME_SAMPLES, INTERNAL_SAMPLE_RATE_HZ, VadSettings

FRAME_MS = FRAME_SAMPLES * 1000 // INTERNAL_SAMPLE_RATE_HZ
"""Duration of one VAD frame: 32 ms. All durations below are rounded to whole frames."""

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
    "good_utterance_ms": (500, 30_000),
}


@dataclass(frozen=True, slots=True)
class VadOptions:
    """Options of the segmenter. A field outside its limits raises ``OutOfRange``, naming the field.

    Every combination of fields within their limits works.

    Attributes:
        threshold: Speech probability at and above which a frame counts as speech; 0.05 to 0.95. Default 0.5.
            Raise it if noise or distant voices start utterances. Lower it for quiet speakers.
        hysteresis: How far the probability must fall below ``threshold`` before a frame counts as silence; 0
            to 0.5. At most half of ``threshold`` is used. Default 0.15, as in Silero. Frames in between do
            not change the state. Raise it if words are split at soft syllables.
        min_speech_ms: Speech, not interrupted by silence, that starts an utterance; 0 to 1000 ms. Default 100
            ms. Shorter speech is dropped. Raise it against clicks and coughs. Keep it low for short answers
            such as "no".
        min_silence_ms: Silence that ends an utterance; 300 to 5000 ms. Default 500 ms. Lower it to get
            results sooner. Raise it to keep hesitant sentences whole. The minimum is 300 ms because clear
            speech has gaps of 220 ms.
        prefix_padding_ms: Audio kept before the first speech frame; 0 to 1000 ms. Default 300 ms. The VAD
            detects soft onsets late, so they would be lost without padding. The padding never reaches back
            before the last commit point. Raise it if first sounds are lost.
        suffix_padding_ms: Audio kept after the last speech frame if silence ends the utterance; 0 to 300 ms.
            Default 200 ms. Lower it only to save computing.
        max_utterance_ms: Longest utterance, padding included; 2500 to 30000 ms. Default 15000 ms, which the
            engine's slots are sized for by default. A longer utterance is cut in its longest late pause of
            100 ms or more, or else at its quietest late frame. Lower it if long sentences arrive too late.
        cut_search_ms: How far back from ``max_utterance_ms`` a place for the cut is searched; 32 to 30000 ms.
            At most half of the utterance is searched. Default 3000 ms. Raise it for speakers who rarely
            pause: the VAD then scores more audio twice, but cuts fall between sentences.
        idle_timeout_ms: Time without speech after which the frame grid restarts, with a commit point but no
            utterance; 2000 to 60000 ms. Default 10000 ms. It bounds how much a resuming client sends again:
            lower it to send less.
        good_utterance_ms: Length that the model handles well: recordings are cut into such utterances; 500 to
            30000 ms. Default 10000 ms. It belongs to the checkpoint.
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
    good_utterance_ms: int = 10_000

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
        """``suffix_padding_ms`` rounded down, so never more than ``min_silence_frames``."""
        return self.suffix_padding_ms // FRAME_MS

    @property
    def max_utterance_frames(self) -> int:
        """``max_utterance_ms`` rounded down, so that no utterance is longer."""
        return self.max_utterance_ms // FRAME_MS

    @property
    def cut_search_frames(self) -> int:
        """``cut_search_ms`` rounded down."""
        return self.cut_search_ms // FRAME_MS

    @property
    def idle_timeout_frames(self) -> int:
        """``idle_timeout_ms`` rounded up."""
        return math.ceil(self.idle_timeout_ms / FRAME_MS)

    @property
    def good_utterance_frames(self) -> int:
        """``good_utterance_ms`` rounded down."""
        return self.good_utterance_ms // FRAME_MS

    def with_settings(self, settings: VadSettings, *, field: str) -> VadOptions:
        """Returns these options, with the fields that a client has set replaced.

        ``field`` is the path of ``settings`` in the wire contract (``config.settings.vad``); errors name the
        wrong field below it.
        """
        names = [entry.name for entry in dataclasses.fields(settings)]
        changes = {name: value for name in names if (value := getattr(settings, name)) is not None}
        try:
            return dataclasses.replace(self, **changes)
        except OutOfRange as error:
            raise OutOfRange(error.description, field=f"{field}.{error.field}") from None

    def settings(self) -> VadSettings:
        """Returns the options that a client may change."""
        names = [entry.name for entry in dataclasses.fields(VadSettings)]
        return VadSettings(**{name: getattr(self, name) for name in names})
