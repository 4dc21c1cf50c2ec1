"""The way in: from queued input through the segmenter to utterances."""

from __future__ import annotations

import asyncio
from typing import Protocol

from translate_svc.session.inbound.source_events import (
    Committed,
    SettingsApplied,
    Utterance,
    UtteranceStarted,
)
from translate_svc.session.inbound.utterance_source import UtteranceSource
from translate_svc.session.input_queue import (
    Queued,
    QueuedAudio,
    QueuedEnd,
    QueuedFinalize,
    QueuedSilence,
    QueuedUpdate,
)
from translate_svc.session.negotiation import Negotiated
from translate_svc.session.vad_loop import VadStream
from translate_svc.vad.frame_vad import VadFrame


class UtteranceSink(Protocol):
    """Takes what the input turns out to be, in the order of the stream."""

    def use(self, settings: Negotiated) -> None:
        """Settings that hold from the next utterance on."""

    def begin(self, position: int) -> None:
        """An utterance runs; its audio starts at ``position``."""

    async def cut(self, cut: Utterance, last_sample_s: float) -> None:
        """The running utterance is over; ``last_sample_s`` is the loop's time when its audio was complete.

        The input waits as long as this does. Raises ``Unavailable`` where nothing can be taken any more.
        """

    def commit(self, position: int) -> None:
        """A commit point without an utterance."""


class InputPump:
    """Drives one stream's ``UtteranceSource``: frames to the detector, utterances to the sink.

    ``hear`` is called by one task; ``restart`` by anybody on the event loop, also while ``hear`` waits: the
    probability that it was waiting for is then stale, and is dropped.
    """

    def __init__(
        self, input_rate_hz: int, settings: Negotiated, vad_stream: VadStream, sink: UtteranceSink
    ) -> None:
        self._rate_hz = input_rate_hz
        self._vad_stream = vad_stream
        self._sink = sink
        self._source = UtteranceSource(input_rate_hz, settings)
        self._arrived_s = 0.0
        self._restarts = 0

    @property
    def wanted_samples(self) -> int:
        """Audio to which less means nothing: what the next frame still lacks."""
        return self._source.missing_samples

    async def hear(self, item: Queued) -> None:
        """Takes one piece of input and does all that follows from it.

        Waits for the detector, and as long as the sink does.

        Raises:
            Unavailable, EngineLost: the engine or the detector is gone.
            OutOfRange: too many updates wait for the running utterance to end.
        """
        self._push(item)
        while (step := self._source.step()) is not None:
            if isinstance(step, VadFrame):
                restarts = self._restarts
                probability = await self._vad_stream.probability(step)
                if restarts == self._restarts:
                    self._source.accept(probability)
            elif isinstance(step, UtteranceStarted):
                self._sink.begin(step.position)
            elif isinstance(step, Utterance):
                heard_s = (self._source.received_position - step.source.end) / self._rate_hz
                await self._sink.cut(step, self._arrived_s - heard_s)
                await asyncio.sleep(0)  # one message may stand for an hour of silence: others get their turn
            else:
                self._note(step)

    def restart(self, position: int) -> None:
        """Drops the running utterance and all input; goes on at ``position``, a commit point.

        Updates among that input stay valid. What became of the utterance is the sink's business.
        """
        self._restarts += 1
        unheard_samples = position - self._source.received_position
        if unheard_samples:
            self._source.silence(unheard_samples)  # that positions go on counting what the client sent
        self._source.clear()
        while (event := self._source.step()) is not None:
            assert isinstance(event, Committed | SettingsApplied), "a cleared source has nothing else to say"
            self._note(event)

    def _push(self, item: Queued) -> None:
        match item:
            case QueuedAudio(samples=samples):
                self._source.push(samples)
            case QueuedSilence(samples=count):
                self._source.silence(count)
            case QueuedFinalize():
                self._source.finalize()
            case QueuedEnd():
                self._source.end()
            case QueuedUpdate(settings=settings):
                self._source.update(settings)
                return
        self._arrived_s = item.arrived_s

    def _note(self, event: Committed | SettingsApplied) -> None:
        if isinstance(event, Committed):
            self._sink.commit(event.position)
        else:
            self._sink.use(event.settings)
