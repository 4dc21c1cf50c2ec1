"""Output speech: resampling, encoding, splitting into messages, and its lag behind the source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from translate_svc.audio.codecs.encoded_chunk import EncodedChunk
from translate_svc.audio.codecs.table import chunk_encoder, codec_of
from translate_svc.audio.resampler import Resampler
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, AudioFormat, Samples, SpeechChunk

MAX_SPEECH_BYTES = 32 * 1024
"""One second at 16 kHz. The transport closes a call on which no message goes out for too long. With this
size, a reader that takes 3.3 KB a second is slow, but not taken for dead.
"""


SHORTEST_PAUSES = 0.3
"""Pauses at punctuation are shortened so far while speech catches up. They tell less than words do."""

_SHORTEST_PAUSES_FROM_S, _SHORTEST_WORDS_FROM_S = 0.5, 2.0
"""Simultaneous speech is hurried in proportion to its backlog, up to these."""


_PAUSE: Samples = np.zeros(round(0.4 * INTERNAL_SAMPLE_RATE_HZ), np.float32)
"""Between the sentences of a text. The model ends its speech with the last sound."""


class SpeechWriter:
    """Resamples and encodes one utterance's speech in one language, piece by piece.

    Start and end are exact: no filter or codec state of one utterance reaches the next one.
    """

    def __init__(self, output: AudioFormat) -> None:
        self.sample_rate_hz = output.sample_rate_hz
        self._resampler = Resampler(INTERNAL_SAMPLE_RATE_HZ, output.sample_rate_hz)
        self._encoder = chunk_encoder(output)
        self.written_samples = 0

    @property
    def written_s(self) -> float:
        """Duration of the speech written so far."""
        return self.written_samples / self.sample_rate_hz

    def write(self, samples: Samples, *, final: bool, after_pause: bool = False) -> EncodedChunk:
        """Takes a waveform piece ``[n]`` at 16 kHz; returns the complete chunk, possibly empty.

        ``final`` ends the speech. ``after_pause``: a pause parts the piece from speech before it, if any.
        """
        if after_pause and self.written_samples:
            samples = np.concatenate((_PAUSE, samples))
        chunk = self._encoder.encode(self._resampler.push(samples))
        if final:
            chunk += self._encoder.encode(self._resampler.flush()) + self._encoder.flush()
        self.written_samples += chunk.sample_count
        return chunk


def split_speech(chunk: SpeechChunk, output: AudioFormat) -> Iterator[SpeechChunk]:
    """Splits ``chunk`` into chunks of at most ``MAX_SPEECH_BYTES`` of audio each.

    What ``chunk`` says of speech from there on (units, durations) is on the first one, ``final`` on the last.
    """
    if len(chunk.data) + sum(map(len, chunk.packets)) <= MAX_SPEECH_BYTES:
        yield chunk
        return
    encoded = EncodedChunk(chunk.data, chunk.packets, chunk.sample_count)
    chunks = list(codec_of(output).split(encoded, MAX_SPEECH_BYTES, first=chunk.start_sample == 0))
    start_sample = chunk.start_sample
    for index, part in enumerate(chunks):
        yield replace(
            chunk,
            start_sample=start_sample,
            data=part.data,
            packets=part.packets,
            sample_count=part.sample_count,
            units=chunk.units if index == 0 else (),
            character_durations=chunk.character_durations if index == 0 else (),
            final=chunk.final and index == len(chunks) - 1,
        )
        start_sample += part.sample_count


class Playout:
    """A model of a listener who plays all speech of one language as it arrives, without pauses in between."""

    def __init__(self) -> None:
        self._busy_until_s = 0.0

    def push(self, now_s: float, duration_s: float) -> float:
        """Adds speech that arrives now. Returns the time at which its first sample is played."""
        start_s = max(now_s, self._busy_until_s)
        self._busy_until_s = start_s + duration_s
        return start_s

    def backlog_s(self, now_s: float) -> float:
        """Duration of the speech that has arrived and is not played yet."""
        return max(0.0, self._busy_until_s - now_s)


def catch_up_factor(
    backlog_s: float, source_s: float, *, duration_factor: float, catch_up_duration_factor: float
) -> float:
    """The duration factor of an utterance whose speech will wait behind ``backlog_s`` of earlier speech.

    The next speech is due about ``source_s`` later. The backlog and this speech should fit into that time; at
    factor 1 this speech lasts about as long as its source. So the factor is the largest that makes them fit,
    limited to the range between the two given factors. If speech is ``r`` times as long as its source, the
    lag does not grow without end: it settles at ``(r - 1) / r`` of an utterance, provided that
    ``catch_up_duration_factor`` is below ``1 / r``.
    """
    if backlog_s <= 0:
        return duration_factor
    needed = 1.0 - backlog_s / source_s if source_s > 0 else 0.0
    return min(duration_factor, max(catch_up_duration_factor, needed))


def hypothesis_pace(
    waiting_s: float, *, duration_factor: float, catch_up_duration_factor: float
) -> tuple[float, float]:
    """The duration factor and the pause factor of a hypothesis's speech, while the listener has
    ``waiting_s`` of earlier speech still to hear.

    Each hypothesis speaks for half a second of source or so, and its words come in bursts: half a second that
    waits is usual. From there on pauses at punctuation are as short as they may be; words are hardly shorter.
    """
    hurry = min(1.0, waiting_s / _SHORTEST_WORDS_FROM_S)
    pauses = 1.0 - (1.0 - SHORTEST_PAUSES) * min(1.0, waiting_s / _SHORTEST_PAUSES_FROM_S)
    return duration_factor - hurry * (duration_factor - catch_up_duration_factor), pauses
