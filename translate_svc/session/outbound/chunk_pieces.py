"""Speech in messages small enough for any reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from translate_svc.types import SpeechChunk

MAX_SPEECH_BYTES = 32 * 1024
"""One second at 16 kHz. A message must leave within the patience of the transport with a reader to whom
nothing goes out: with this one who takes 3.3 KB a second is slow, not gone. Opus never comes near it.
"""


def pieces(chunk: SpeechChunk) -> Iterator[SpeechChunk]:
    """``chunk`` in messages of at most ``MAX_SPEECH_BYTES`` of audio; they sum up to it.

    What concerns the whole speech (units, durations) is on the first one, ``final`` on the last.
    """
    if len(chunk.data) <= MAX_SPEECH_BYTES:
        yield chunk
        return
    sample_bytes = len(chunk.data) // chunk.sample_count
    step_samples = MAX_SPEECH_BYTES // sample_bytes
    for start in range(0, chunk.sample_count, step_samples):
        count = min(step_samples, chunk.sample_count - start)
        first, last = start == 0, start + count == chunk.sample_count
        yield replace(
            chunk,
            start_sample=chunk.start_sample + start,
            data=chunk.data[start * sample_bytes : (start + count) * sample_bytes],
            sample_count=count,
            units=chunk.units if first else (),
            character_durations=chunk.character_durations if first else (),
            final=chunk.final and last,
        )
