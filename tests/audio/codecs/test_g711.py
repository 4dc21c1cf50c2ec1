"""G.711 against libsndfile's tables: every code, every 16-bit sample."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from translate_svc.audio.codecs import g711
from translate_svc.audio.pcm import from_s16, to_s16
from translate_svc.types import Samples

EVERY_CODE = np.arange(256, dtype=np.uint8)
EVERY_S16 = np.arange(-32_768, 32_768).astype(np.int16)

Decode = Callable[[g711.Codes], Samples]
Encode = Callable[[Samples], g711.Codes]

LAWS = pytest.mark.parametrize(
    ("subtype", "decode", "encode"),
    [
        pytest.param("ULAW", g711.from_mulaw, g711.to_mulaw, id="mu-law"),
        pytest.param("ALAW", g711.from_alaw, g711.to_alaw, id="A-law"),
    ],
)


@LAWS
def test_every_code_decodes_as_libsndfile_does(subtype: str, decode: Decode, encode: Encode) -> None:
    expected, _ = soundfile.read(
        io.BytesIO(EVERY_CODE.tobytes()),
        samplerate=8_000,
        channels=1,
        subtype=subtype,
        format="RAW",
        dtype="int16",
    )
    np.testing.assert_array_equal(to_s16(decode(EVERY_CODE)), expected)


@LAWS
def test_every_sample_encodes_as_libsndfile_does(subtype: str, decode: Decode, encode: Encode) -> None:
    file = io.BytesIO()
    soundfile.write(file, EVERY_S16, 8_000, subtype=subtype, format="RAW")
    expected = np.frombuffer(file.getvalue(), np.uint8)
    np.testing.assert_array_equal(encode(from_s16(EVERY_S16)), expected)
