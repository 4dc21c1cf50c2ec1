"""``window.json`` beside the weights: how much silence follows the audio that Whisper encodes.

It learned from windows of 30 s, whose end is silence. An encoder that is given less of it computes less;
whether its texts stay the same is a property of the weights. ``translate-svc calibrate`` finds out and
writes the file, which is valid only for the weights that it was computed for. Without it windows are whole.
Free of torch.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.keyed_file import read_parsed, write_keyed

WINDOW_FILE = "window.json"
_VERSION = 1
_STEP_FRAMES = 100
"""Windows are whole seconds long, so that there are few lengths."""
_FRAMES_A_MS = 0.1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """The window of a source.

    Attributes:
        silence_ms: what follows the audio at least, 0 to 30000. None: silence to the end of a whole window.
    """

    silence_ms: int | None = None

    def __post_init__(self) -> None:
        if self.silence_ms is not None and not 0 <= self.silence_ms <= 30_000:
            raise ValueError("silence_ms must be within [0, 30000]")

    def frames(self, heard_frames: int, whole_frames: int) -> int:
        """Mel frames to encode of a source of ``heard_frames``."""
        if self.silence_ms is None:
            return whole_frames
        needed = heard_frames + round(self.silence_ms * _FRAMES_A_MS)
        return min(whole_frames, -(-needed // _STEP_FRAMES) * _STEP_FRAMES)


WHOLE_WINDOW = Window()


def write_window(folder: Path, window: Window) -> None:
    """Writes ``window.json``, and updates its sum if the manifest names the file."""
    write_keyed(folder, WINDOW_FILE, _VERSION, {"silence_ms": window.silence_ms})


def window_of(folder: Path) -> Window:
    """The content of ``window.json``; a whole window if it does not exist, and, with a warning, if it is
    damaged or for other weights.
    """
    try:
        return read_parsed(folder, WINDOW_FILE, _VERSION, _parsed) or WHOLE_WINDOW
    except CheckpointError as error:
        _log.warning("windows of 30 s are encoded, however short an utterance is: %s", error)
        return WHOLE_WINDOW


def _parsed(values: Mapping[str, Any]) -> Window:
    silence_ms = values["silence_ms"]
    if silence_ms is not None and type(silence_ms) is not int:
        raise ValueError("silence_ms is no whole number")
    return Window(silence_ms)
