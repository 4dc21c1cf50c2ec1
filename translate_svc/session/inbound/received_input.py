"""The received input of a stream: checked, decoded, and queued for the segmenter."""

from __future__ import annotations

import asyncio

from translate_svc.audio.codecs.table import chunk_decoder
from translate_svc.errors import DataLoss, InvalidArgument, OutOfRange
from translate_svc.session.capacity.stream_lag import StreamLag
from translate_svc.session.inbound.input_queue import (
    InputQueue,
    Queued,
    QueuedAudio,
    QueuedEnd,
    QueuedFinalize,
    QueuedSilence,
    QueuedUpdate,
)
from translate_svc.session.negotiation import Negotiator
from translate_svc.session.options import SessionOptions
from translate_svc.types import (
    MAX_POSITION,
    AudioFormat,
    AudioInput,
    FinalizeInput,
    SilenceInput,
    UpdateInput,
)


class ReceivedInput:
    """Decodes the input of one stream and queues it, bounded in seconds of audio.

    ``take`` and ``end`` wait for room in the queue. If the wait is cancelled, they have no effect. They raise
    the error of ``close`` if the stream ends meanwhile.
    """

    def __init__(
        self,
        audio_format: AudioFormat,
        negotiator: Negotiator,
        options: SessionOptions,
        lag: StreamLag,
        first_sample: int,
        commit_position: int,
    ) -> None:
        """``first_sample``: position of the first sample that the client sends. Audio before
        ``commit_position`` is only a run-up for the decoder. ``negotiator`` checks new settings. ``lag`` gets
        the times of the audio.
        """
        self._rate_hz = audio_format.sample_rate_hz
        self._decoder = chunk_decoder(audio_format)
        self._negotiator = negotiator
        self._options = options
        self._lag = lag
        self._first_sample = first_sample
        self._commit_position = commit_position
        self._now_s = asyncio.get_running_loop().time
        self._opened_s = self._now_s()
        self._close_error: Exception | None = None
        self.queue = InputQueue(self._rate_hz * options.max_queued_input_ms // 1000)
        """Input that waits for the segmenter."""
        self.samples = first_sample
        """Position up to which the client has sent."""
        self.ended = False
        """Whether the client will send nothing more."""

    @property
    def received_s(self) -> float:
        """Seconds of audio that the client has sent."""
        return (self.samples - self._first_sample) / self._rate_hz

    @property
    def queued_s(self) -> float:
        """Seconds of audio that wait for the segmenter."""
        return self.queue.samples / self._rate_hz

    @property
    def age_s(self) -> float:
        """Seconds since the stream was opened."""
        return self._now_s() - self._opened_s

    async def take(self, message: AudioInput | SilenceInput | FinalizeInput | UpdateInput) -> None:
        """Takes the client's next message.

        Raises:
            InvalidArgument, OutOfRange: a wrong value, or one over a limit. Names the field.
        """
        match message:
            case AudioInput(data=data):
                await self._take_audio(data)
            case SilenceInput(samples=samples):
                await self._take_silence(samples)
            case FinalizeInput():
                await self._enqueue(QueuedFinalize(self._now_s()))
            case UpdateInput(settings=settings):
                negotiated = self._negotiator.negotiate_settings(settings, "update.settings")
                await self._enqueue(QueuedUpdate(negotiated))

    def check_total(self, total_samples: int) -> None:
        """Raises ``DataLoss`` if the client has sent another number of samples; 0 is not a count."""
        if total_samples and total_samples != self.samples:
            raise DataLoss(f"says {total_samples}, but {self.samples} arrived", field="end.total_samples")

    async def end(self, *, complete: bool, cut_off: bool = False) -> None:
        """The client will send nothing more. ``complete``: it said so, rather than closing its side.
        ``cut_off``: it may have more to say, and is not heard.
        """
        await self._enqueue(QueuedEnd(complete, self._now_s(), cut_off))
        self.ended = True

    def clear(self) -> int:
        """Drops all audio that waits. Returns the position up to which all input is now dropped."""
        self.queue.drop_audio()
        return max(self.samples, self._commit_position)

    def close(self, error: Exception) -> None:
        """Drops everything. A sender that waits for room gets ``error``."""
        self._close_error = error
        self.queue.discard()

    async def _take_audio(self, data: bytes) -> None:
        limit = self._options.max_audio_chunk_bytes
        if len(data) > limit:
            raise OutOfRange(f"holds more than {limit} bytes", field="audio.data")
        arrived_s = self._now_s()
        # wait before decoding: if the wait is cancelled, the decoder must not have seen this message
        await self._wait_for_room()
        samples = self._decoder.decode(data, field="audio.data")
        self._lag.arrive(self.samples, len(samples), arrived_s)
        run_up = self._run_up(len(samples))
        self.samples += len(samples)
        if run_up < len(samples):
            self.queue.put(QueuedAudio(samples[run_up:], arrived_s))

    async def _take_silence(self, samples: int) -> None:
        if samples < 1:
            raise InvalidArgument("must be at least 1", field="silence.samples")
        limit = self._rate_hz * self._options.max_silence_ms // 1000
        if samples > min(limit, MAX_POSITION - self.samples):
            raise OutOfRange(f"is more than {limit} samples", field="silence.samples")
        run_up = self._run_up(samples)
        if run_up < samples:
            await self._enqueue(QueuedSilence(samples - run_up, self._now_s()))
        self.samples += samples

    async def _wait_for_room(self) -> None:
        await self.queue.wait_for_room()
        if self._close_error is not None:
            raise self._close_error

    async def _enqueue(self, item: Queued) -> None:
        await self._wait_for_room()
        self.queue.put(item)

    def _run_up(self, samples: int) -> int:
        """How many of the next ``samples`` lie before the commit point from which the stream is resumed."""
        return min(samples, max(0, self._commit_position - self.samples))
