"""Drives an ``UtteranceSource`` without an event loop, and makes input whose utterances a test knows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.fakes.fake_vad import AmplitudeVad
from translate_svc.session.inbound.source_events import Committed, SourceEvent, Utterance
from translate_svc.session.inbound.utterance_source import UtteranceSource
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.types import GuardSettings, Samples, Segmentation, StreamSettings
from translate_svc.vad.frame_vad import Float32Array, FrameVad, VadFrames
from translate_svc.vad.options import VadOptions

Comparable = tuple[object, ...]


def heard_by(
    options: VadOptions, segmentation: Segmentation = Segmentation.VAD, *, voice_gate: bool = False
) -> Negotiated:
    """Settings of which only what an ``UtteranceSource`` reads matters."""
    asked = StreamSettings((), segmentation=segmentation, guards=GuardSettings(voice_gate=voice_gate))
    return Negotiated(asked, options, ())


@dataclass
class Driver:
    """One stream: a source, a detector with the stream's state, and all that came out."""

    source: UtteranceSource
    vad: FrameVad = field(default_factory=AmplitudeVad)
    events: list[SourceEvent] = field(default_factory=list)
    frames: list[VadFrames] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._start = self.source.received_position
        self._state: Float32Array = np.zeros((1, self.vad.state_size), dtype=np.float32)

    def pull(self) -> list[SourceEvent]:
        """Pull the source dry; returns the new events."""
        before = len(self.events)
        while (step := self.source.step()) is not None:
            if isinstance(step, VadFrames):
                self.frames.append(step)
                if step.restart:
                    self._state = np.zeros_like(self._state)
                self.source.push_probabilities([self._score(frame) for frame in step.samples])
            else:
                self.events.append(step)
        return self.events[before:]

    def _score(self, frame: Samples) -> float:
        (probability,), self._state = self.vad.step(frame[None], self._state)
        return float(probability)

    def push(self, samples: Samples, sizes: Sequence[int] = (10**9,)) -> None:
        """Push in chunks of ``sizes``, over and over, pulled dry after each."""
        start = 0
        for size in itertools.cycle(sizes):
            if start >= len(samples):
                return
            self.source.push(samples[start : start + size])
            self.pull()
            start += size

    @property
    def committed_position(self) -> int:
        """The last commit point that was told, or where the source started."""
        for event in reversed(self.events):
            if isinstance(event, Utterance) and event.commits:
                return event.commit_position
            if isinstance(event, Committed):
                return event.position
        return self._start

    @property
    def utterances(self) -> list[Utterance]:
        return [event for event in self.events if isinstance(event, Utterance)]


def comparable(events: Iterable[SourceEvent]) -> list[Comparable]:
    """Events as plain tuples, audio by its bytes: equal only if sample-exact."""
    return [
        (event.source, event.reason, event.commit_position, event.samples.tobytes())
        if isinstance(event, Utterance)
        else (event,)
        for event in events
    ]


def tone(level: float, duration_ms: int, rate_hz: int, seed: int = 0) -> Samples:
    """A noisy 300 Hz tone whose mean absolute value is ``level``: the ``AmplitudeVad``'s answer."""
    samples = duration_ms * rate_hz // 1000
    wave = np.sin(2 * np.pi * 300 * np.arange(samples) / rate_hz + seed)
    noise = np.random.default_rng(seed).uniform(-0.01, 0.01, samples)
    return ((wave + noise) * level * np.pi / 2).astype(np.float32)


def talk(parts: Sequence[tuple[float, int]], rate_hz: int) -> Samples:
    """Tones of ``(level, duration_ms)`` in a row."""
    pieces = [tone(level, duration_ms, rate_hz, seed) for seed, (level, duration_ms) in enumerate(parts)]
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float32)
