"""Moves queued input through the segmenter and hands utterances to a sink."""

from __future__ import annotations

import asyncio
from typing import Protocol

from translate_svc.session.inbound.input_queue import (
    Queued,
    QueuedAudio,
    QueuedEnd,
    QueuedFinalize,
    QueuedSilence,
    QueuedUpdate,
)
from translate_svc.session.inbound.source_events import (
    Committed,
    SettingsApplied,
    Utterance,
    UtteranceGrew,
    UtteranceStarted,
)
from translate_svc.session.inbound.utterance_source import UtteranceSource
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.vad_loop import VadStream
from translate_svc.vad.frame_vad import VadFrames


class UtteranceSink(Protocol):
    """Receives what the segmenter finds, in the order of the stream."""

    def apply_settings(self, settings: Negotiated) -> None:
        """Replaces the settings from the next utterance on."""

    def begin(self, position: int, speech_position: int) -> None:
        """Begins an utterance. Its audio starts at ``position`` and its speech at ``speech_position``."""

    async def cut(self, cut: Utterance, last_sample_s: float) -> None:
        """The running utterance has ended. Its audio was complete at ``last_sample_s`` (loop time).

        The input waits until this returns. Raises ``Unavailable`` if no utterance can be taken any more.
        """

    async def grow(self, grown: UtteranceGrew, last_sample_s: float) -> int | None:
        """The running utterance has reached the next step; ``last_sample_s``: when its audio so far arrived.

        The input waits until this returns. Returns where to cut the utterance, in samples at 16 kHz from its
        start, if anywhere. Raises as ``cut``.
        """

    def commit(self, committed: Committed) -> None:
        """Takes a commit point at which no utterance ends."""

    async def settled(self) -> None:
        """Waits until all that came so far has taken effect. Does not raise."""


class InputPump:
    """Drives one stream's ``UtteranceSource``: frames to the detector, utterances to the sink.

    One task calls ``process``. Any code on the event loop may call ``restart``, even while ``process`` waits:
    the probabilities that it waits for are then stale and are dropped.
    """

    def __init__(
        self,
        input_rate_hz: int,
        settings: Negotiated,
        vad_stream: VadStream,
        sink: UtteranceSink,
        *,
        start_position: int = 0,
    ) -> None:
        self._rate_hz = input_rate_hz
        self._vad_stream = vad_stream
        self._sink = sink
        self._source = UtteranceSource(input_rate_hz, settings, start_position=start_position)
        self._arrived_s = 0.0
        self._restarts = 0

    @property
    def missing_samples(self) -> int:
        """Input samples that the next frame still lacks, 1 or more."""
        return self._source.missing_samples

    @property
    def received_position(self) -> int:
        """Input position up to which ``process`` was given audio."""
        return self._source.received_position

    async def process(self, item: Queued) -> None:
        """Processes one input item: scores its frames and gives the resulting events to the sink.

        Waits for the detector and for the sink.

        Raises:
            Unavailable, EngineLost: the engine or the detector is gone.
            OutOfRange: too many updates wait for the running utterance to end.
        """
        self._push_to_source(item)
        while (step := self._source.step()) is not None:
            if isinstance(step, VadFrames):
                restarts = self._restarts
                probabilities = await self._vad_stream.probabilities(step)
                if restarts == self._restarts:
                    self._source.push_probabilities(probabilities)
            elif isinstance(step, UtteranceStarted):
                self._sink.begin(step.position, step.speech_position)
            elif isinstance(step, UtteranceGrew):
                restarts = self._restarts
                cut_sample = await self._sink.grow(step, self._arrival_s(step.heard_position))
                if cut_sample is not None and restarts == self._restarts:
                    self._source.cut(cut_sample)
            elif isinstance(step, Utterance):
                await self._sink.cut(step, self._arrival_s(step.due_position))
                await asyncio.sleep(0)  # one message may stand for an hour of silence: let other tasks run
            else:
                self._forward(step)
                if isinstance(step, SettingsApplied):
                    await self._sink.settled()  # so that few wait there, however many a client sends

    def _arrival_s(self, position: int) -> float:
        """When the input up to ``position`` had arrived, if it came in real time."""
        return self._arrived_s - (self._source.received_position - position) / self._rate_hz

    def restart(self, position: int) -> None:
        """Drops the running utterance and all input, and continues at ``position``, a commit point.

        Settings updates among that input still apply. The sink itself ends the utterance.
        """
        self._restarts += 1
        missed_samples = position - self._source.received_position
        if missed_samples:
            self._source.push_silence(missed_samples)  # keeps positions equal to what the client sent
        self._source.clear()
        while (event := self._source.step()) is not None:
            assert isinstance(event, Committed | SettingsApplied), "a cleared source gives no other events"
            self._forward(event)

    def _push_to_source(self, item: Queued) -> None:
        match item:
            case QueuedAudio(samples=samples):
                self._source.push(samples)
            case QueuedSilence(samples=count):
                self._source.push_silence(count)
            case QueuedFinalize():
                self._source.finalize()
            case QueuedEnd(cut_off=cut_off):
                self._source.end(cut_off=cut_off)
            case QueuedUpdate(settings=settings):
                self._source.update(settings)
                return
        self._arrived_s = item.arrived_s

    def _forward(self, event: Committed | SettingsApplied) -> None:
        if isinstance(event, Committed):
            self._sink.commit(event)
        else:
            self._sink.apply_settings(event.settings)
