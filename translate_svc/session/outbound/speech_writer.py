"""One speech on its way out: from 16 kHz samples to chunks in the negotiated format."""

from __future__ import annotations

from translate_svc.audio.codec import chunk_encoder
from translate_svc.audio.encoded_chunk import EncodedChunk
from translate_svc.audio.resampler import Resampler
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, AudioFormat, Samples


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
