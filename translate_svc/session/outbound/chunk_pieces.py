"""Speech in messages small enough for any reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from translate_svc.audio.codec import codec_of
from translate_svc.audio.encoded_chunk import EncodedChunk
from translate_svc.types import AudioFormat, SpeechChunk

MAX_SPEECH_BYTES = 32 * 1024
"""One second at 16 kHz. A message must leave within the patience of the transport with a reader to whom
nothing goes out: with this one who takes 3.3 KB a second is slow, not gone.
"""


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
