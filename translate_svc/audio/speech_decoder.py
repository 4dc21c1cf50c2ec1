"""Decodes received speech to samples."""

from __future__ import annotations

import numpy as np

from translate_svc.audio.codecs.table import chunk_decoder, codec_of
from translate_svc.errors import DataLoss
from translate_svc.types import AudioFormat, Samples, SpeechChunk


class SpeechDecoder:
    """Decodes the ``SpeechChunk``s of one utterance in one language; each speech needs a new decoder.

    ``output`` is ``opened.config.output``. The codec's look-ahead and padding are removed.
    """

    def __init__(self, output: AudioFormat) -> None:
        self._decoder = chunk_decoder(output)
        codec = codec_of(output)
        self._framing = codec.framing
        self._skip_samples = codec.lookahead_samples
        self._next_sample = 0

    def decode(self, chunk: SpeechChunk) -> Samples:
        """Returns samples ``[chunk.sample_count]`` at the output's rate.

        Raises:
            DataLoss: a chunk is missing, or holds fewer samples than ``sample_count``.
            InvalidArgument: the chunk cannot be decoded. Names the field.
            Unsupported: the codec's library is not installed.
        """
        if chunk.start_sample != self._next_sample:
            raise DataLoss(
                f"is {chunk.start_sample} where {self._next_sample} was due", field="audio.start_sample"
            )
        field = f"audio.{self._framing.field_name}"
        parts = [self._decoder.decode(part, field=field) for part in self._framing.parts(chunk)]
        decoded = np.concatenate((np.zeros(0, np.float32), *parts))
        samples = decoded[self._skip_samples :][: chunk.sample_count]
        if len(samples) < chunk.sample_count:
            raise DataLoss(
                f"holds {len(samples)} samples of {chunk.sample_count}", field="audio.sample_count"
            )
        self._skip_samples = max(self._skip_samples - len(decoded), 0)
        self._next_sample += len(samples)
        return samples
