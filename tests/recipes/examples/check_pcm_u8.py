"""8-bit PCM by its values."""

from __future__ import annotations

import numpy as np

from translate_svc.audio.codecs.table import chunk_decoder, chunk_encoder
from translate_svc.types import AudioFormat, Encoding

FORMAT = AudioFormat(Encoding("pcm_u8"), 8_000)


def test_values() -> None:
    samples = np.array([-1, -0.5, 0, 0.5, 1], np.float32)
    data = chunk_encoder(FORMAT).encode(samples).data
    assert list(data) == [0, 64, 128, 192, 255]
    heard = chunk_decoder(FORMAT).decode(data, field="")
    np.testing.assert_array_equal(heard, [-1, -0.5, 0, 0.5, 127 / 128])
