"""What a scripted engine says about a request, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from translate_svc.engine.events import StopReason
from translate_svc.engine.request import Request, SourceText
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples


@dataclass(frozen=True, slots=True)
class ScriptedSequence:
    """The output of one target language and its timing.

    ``deltas``: the text of each token; without any the sequence is ``EMPTY``. ``piece_units``: the length of
    each waveform piece in units, used only when the request asks for speech. ``amplitude``: the value of
    every sample; with ``tone_hz``, of a sine that runs through all pieces. ``log_probability``: of every
    token. ``fail_after_tokens``: fail after so many tokens. ``fail_after_pieces``: fail after so many pieces
    (0: the units fail). ``source_ms`` of token ``i`` is ``i * 160`` when the request asks for source times.

    Of a hypothesis, ``deltas`` are what it commits and ``held`` what it holds besides; the next buffer begins
    ``kept_start_samples`` later. With ``token_frames``, history and buffer are kept as by the engine: each
    token then comes from so many frames before the next one. Its speech continues that of the
    hypothesis before.
    """

    deltas: tuple[str, ...] = ("hello", " world")
    piece_units: tuple[int, ...] = (25, 50)
    amplitude: float = 0.25
    tone_hz: float = 0.0
    log_probability: float = -0.1
    stop: StopReason = StopReason.END_OF_TEXT
    unexpected_script: bool = False
    token_interval_s: float = 0.02
    text_to_unit_s: float = 0.05
    piece_interval_s: float = 0.05
    fail_after_tokens: int | None = None
    fail_after_pieces: int | None = None
    held: tuple[str, ...] = ()
    kept_start_samples: int = 0
    token_frames: float | None = None


@dataclass(frozen=True, slots=True)
class ScriptedRequest:
    """One ``ScriptedSequence`` per sequence of the request.

    They start after ``encode_s`` seconds. ``encode_fails``: the whole request fails instead.
    """

    sequences: tuple[ScriptedSequence, ...]
    encode_s: float = 0.1
    encode_fails: bool = False


Script = Callable[[Request], ScriptedRequest]


def samples_of(request: Request) -> Samples:
    """The samples of a speech request."""
    assert not isinstance(request.source, SourceText)
    return request.source


def _source_length(request: Request) -> int:
    """Length of the source in samples, or in characters for a text."""
    return len(request.source.text if isinstance(request.source, SourceText) else request.source)


def echo_script(request: Request) -> ScriptedRequest:
    """The text of every target is its language and the length of the source, in two tokens."""
    return ScriptedRequest(
        tuple(
            ScriptedSequence(deltas=(spec.language, f" {_source_length(request)}"))
            for spec in request.sequences
        )
    )


def waveform(script: ScriptedSequence, start_samples: int, count: int) -> Samples:
    """``count`` samples of the script's speech from ``start_samples`` on."""
    if not script.tone_hz:
        return np.full(count, script.amplitude, np.float32)
    times = np.arange(start_samples, start_samples + count) / INTERNAL_SAMPLE_RATE_HZ
    return (script.amplitude * np.sin(2 * np.pi * script.tone_hz * times)).astype(np.float32)


def failing_script(request: Request) -> ScriptedRequest:
    """Every request fails."""
    return ScriptedRequest((ScriptedSequence(),) * len(request.sequences), encode_fails=True)
