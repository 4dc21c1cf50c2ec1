"""Speech as it is received -> samples."""

from __future__ import annotations

import numpy as np

from translate_svc.audio.chunk_decoder import chunk_decoder
from translate_svc.audio.opus_encoder import OPUS_LOOKAHEAD_SAMPLES
from translate_svc.errors import DataLoss
from translate_svc.types import AudioFormat, Encoding, Samples, SpeechChunk


class SpeechDecoder:
    """Decodes the ``SpeechChunk``s of one utterance in one language; the next speech needs a new one.

    ``output`` is ``opened.config.output``. Look-ahead and padding of Opus are taken off.
    """

    def __init__(self, output: AudioFormat) -> None:
        self._decoder = chunk_decoder(output)
        self._opus = output.encoding is Encoding.OPUS
        self._skip_samples = OPUS_LOOKAHEAD_SAMPLES if self._opus else 0
        self._next_sample = 0

    def decode(self, chunk: SpeechChunk) -> Samples:
        """Samples ``[chunk.sample_count]`` at the output's rate.

        Raises:
            DataLoss: a chunk is missing, or holds less than it says.
            InvalidArgument: it cannot be decoded. Names the field.
            Unsupported: Opus, and its library is not installed.
        """
        if chunk.start_sample != self._next_sample:
            raise DataLoss(
                f"is {chunk.start_sample} where {self._next_sample} was due", field="audio.start_sample"
            )
        parts = chunk.packets if self._opus else (chunk.data,)
        name = "packets" if self._opus else "data"
        pieces = [self._decoder.decode(part, field=f"audio.{name}") for part in parts]
        decoded = np.concatenate((np.zeros(0, np.float32), *pieces))
        samples = decoded[self._skip_samples :][: chunk.sample_count]
        if len(samples) < chunk.sample_count:
            raise DataLoss(
                f"holds {len(samples)} samples of {chunk.sample_count}", field="audio.sample_count"
            )
        if len(decoded):
            self._skip_samples = 0
        self._next_sample += len(samples)
        return samples
