"""Speech on its way out: resampled, encoded, cut into messages, and how far it lags behind its source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from translate_svc.audio.codec import chunk_encoder, codec_of
from translate_svc.audio.encoded_chunk import EncodedChunk
from translate_svc.audio.resampler import Resampler
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, AudioFormat, Samples, SpeechChunk

MAX_SPEECH_BYTES = 32 * 1024
"""One second at 16 kHz. A message must leave within the patience of the transport with a reader to whom
nothing goes out: with this one who takes 3.3 KB a second is slow, not gone.
"""


class SpeechWriter:
    """Resamples and encodes one utterance's speech in one language, piece by piece.

    Beginning and end are exact: nothing of one utterance's filter or codec rings into the next one's.
    """

    def __init__(self, output: AudioFormat) -> None:
        self.sample_rate_hz = output.sample_rate_hz
        self._resampler = Resampler(INTERNAL_SAMPLE_RATE_HZ, output.sample_rate_hz)
        self._encoder = chunk_encoder(output)
        self.written_samples = 0

    @property
    def written_s(self) -> float:
        """Duration of what was written."""
        return self.written_samples / self.sample_rate_hz

    def write(self, samples: Samples, *, final: bool) -> EncodedChunk:
        """What is complete with this piece, possibly nothing; ``final`` ends the speech."""
        chunk = self._encoder.encode(self._resampler.push(samples))
        if final:
            chunk += self._encoder.encode(self._resampler.flush()) + self._encoder.flush()
        self.written_samples += chunk.sample_count
        return chunk


def pieces(chunk: SpeechChunk, output: AudioFormat) -> Iterator[SpeechChunk]:
    """``chunk`` in messages of at most ``MAX_SPEECH_BYTES`` of audio; they sum up to it.

    What concerns the whole speech (units, durations) is on the first one, ``final`` on the last.
    """
    if len(chunk.data) + sum(map(len, chunk.packets)) <= MAX_SPEECH_BYTES:
        yield chunk
        return
    encoded = EncodedChunk(chunk.data, chunk.packets, chunk.sample_count)
    parts = list(codec_of(output).split(encoded, MAX_SPEECH_BYTES, first=chunk.start_sample == 0))
    start_sample = chunk.start_sample
    for index, part in enumerate(parts):
        yield replace(
            chunk,
            start_sample=start_sample,
            data=part.data,
            packets=part.packets,
            sample_count=part.sample_count,
            units=chunk.units if index == 0 else (),
            character_durations=chunk.character_durations if index == 0 else (),
            final=chunk.final and index == len(parts) - 1,
        )
        start_sample += part.sample_count


class Playout:
    """A listener who plays one language's speech as it comes, without a gap and without skipping any."""

    def __init__(self) -> None:
        self._busy_until_s = 0.0

    def hear(self, now_s: float, duration_s: float) -> float:
        """Takes speech that arrives now; returns when its first sample is heard."""
        start_s = max(now_s, self._busy_until_s)
        self._busy_until_s = start_s + duration_s
        return start_s

    def backlog_s(self, now_s: float) -> float:
        """Speech that has arrived and is still to be heard."""
        return max(0.0, self._busy_until_s - now_s)


def catch_up_factor(
    backlog_s: float, source_s: float, *, duration_factor: float, catch_up_duration_factor: float
) -> float:
    """The duration factor of an utterance whose speech will wait behind ``backlog_s`` of earlier speech.

    Before the next speech is due, about as much time passes as this utterance's source lasted. The backlog
    and this speech, which at factor 1 lasts about as long as its source, are to fit into it: as fast as that
    takes and no faster, between the two factors. Where speech runs longer than its source the lag settles
    instead of growing: at ``r`` times the source's length, ``(r - 1) / r`` of an utterance, as long as
    ``catch_up_duration_factor`` is below ``1 / r``.
    """
    if backlog_s <= 0:
        return duration_factor
    needed = 1.0 - backlog_s / source_s if source_s > 0 else 0.0
    return min(duration_factor, max(catch_up_duration_factor, needed))
