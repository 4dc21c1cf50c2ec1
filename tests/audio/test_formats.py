"""Which formats are let in and out; a refusal names its field."""

from __future__ import annotations

import subprocess
import sys

import pytest

from translate_svc.audio.formats import check_input_format, check_output_format
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.types import AudioFormat, Encoding

S16, F32, MULAW, ALAW = Encoding.PCM_S16LE, Encoding.PCM_F32LE, Encoding.MULAW, Encoding.ALAW
OPUS, G722 = Encoding.OPUS, Encoding.G722


@pytest.mark.parametrize("encoding", [S16, F32, MULAW, ALAW])
@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000])
def test_rates(encoding: Encoding, rate_hz: int) -> None:
    check_input_format(AudioFormat(encoding, rate_hz), field="config.input")
    check_output_format(AudioFormat(encoding, rate_hz), field="config.output")


@pytest.mark.parametrize(
    ("encoding", "channels", "channel"), [(S16, 8, 8), (MULAW, 2, 1), (OPUS, 2, 2), (OPUS, 1, 0), (F32, 1, 1)]
)
def test_channels_in(encoding: Encoding, channels: int, channel: int) -> None:
    check_input_format(AudioFormat(encoding, 48_000, channels, channel), field="config.input")


REFUSED = {
    "slow": (AudioFormat(S16, 7_999), OutOfRange, "sample_rate_hz"),
    "no rate": (AudioFormat(MULAW, 0), OutOfRange, "sample_rate_hz"),
    "negative rate": (AudioFormat(S16, -8_000), OutOfRange, "sample_rate_hz"),
    "fast": (AudioFormat(F32, 48_001), OutOfRange, "sample_rate_hz"),
    "Opus at another rate": (AudioFormat(OPUS, 16_000), InvalidArgument, "sample_rate_hz"),
    "G.722 at the rate of RTP's clock": (AudioFormat(G722, 8_000), InvalidArgument, "sample_rate_hz"),
    "no channel": (AudioFormat(S16, 16_000, 0), InvalidArgument, "channels"),
}
REFUSED_IN = REFUSED | {
    "nine channels": (AudioFormat(S16, 16_000, 9, 1), OutOfRange, "channels"),
    "three channels of Opus": (AudioFormat(OPUS, 48_000, 3, 1), OutOfRange, "channels"),
    "two channels of G.722": (AudioFormat(G722, 16_000, 2, 1), OutOfRange, "channels"),
    "none of two chosen": (AudioFormat(S16, 16_000, 2), InvalidArgument, "channel"),
    "third of two chosen": (AudioFormat(OPUS, 48_000, 2, 3), InvalidArgument, "channel"),
    "second of one chosen": (AudioFormat(S16, 16_000, 1, 2), InvalidArgument, "channel"),
    "negative one chosen": (AudioFormat(S16, 16_000, 2, -1), InvalidArgument, "channel"),
}
REFUSED_OUT = REFUSED | {
    "stereo": (AudioFormat(S16, 16_000, 2, 1), InvalidArgument, "channels"),
    "second channel": (AudioFormat(S16, 16_000, 1, 2), InvalidArgument, "channel"),
}


@pytest.mark.parametrize("case", REFUSED_IN)
def test_refused_in(case: str) -> None:
    audio_format, error, field = REFUSED_IN[case]
    with pytest.raises(error) as caught:
        check_input_format(audio_format, field="clip.format")
    assert caught.value.field == f"clip.format.{field}"


@pytest.mark.parametrize("case", REFUSED_OUT)
def test_refused_out(case: str) -> None:
    audio_format, error, field = REFUSED_OUT[case]
    with pytest.raises(error) as caught:
        check_output_format(audio_format, field="output")
    assert caught.value.field == f"output.{field}"


WITHOUT_PYAV = """
import sys
sys.modules["av"] = None
import numpy as np
from translate_svc.audio.codecs.table import chunk_decoder, chunk_encoder
from translate_svc.audio.formats import check_input_format, check_output_format, served_encodings
from translate_svc.errors import Unsupported
from translate_svc.types import AudioFormat, Encoding
formats = {"Opus": AudioFormat(Encoding.OPUS, 48_000), "G.722": AudioFormat(Encoding.G722, 16_000)}
assert set(Encoding) - set(served_encodings()) == {each.encoding for each in formats.values()}
def refused(description):
    return description.startswith(f"{title} needs PyAV") and "translate-svc[media]" in description
for title, each in formats.items():
    for check in (check_input_format, check_output_format):
        try:
            check(each, field="config.x")
        except Unsupported as error:
            assert error.field == "config.x.encoding" and refused(error.description)
        else:
            raise AssertionError
    for code in (
        lambda: chunk_encoder(each).encode(np.zeros(960, np.float32)),
        lambda: chunk_decoder(each).decode(bytes([8]), field="audio.data"),
    ):
        try:
            code()
        except Unsupported as error:
            assert refused(error.description)
        else:
            raise AssertionError
"""

LIGHT = """
import sys
import translate_svc.audio.clip, translate_svc.audio.codecs.table
import translate_svc.audio.formats, translate_svc.audio.speech_decoder
from translate_svc.types import AudioFormat, Encoding
translate_svc.audio.formats.check_input_format(AudioFormat(Encoding.OPUS, 48_000), field="input")
assert not {"av", "soxr", "soundfile"} & set(sys.modules)
"""


@pytest.mark.parametrize("program", [WITHOUT_PYAV, LIGHT], ids=["without PyAV", "importing loads no library"])
def test_in_a_fresh_process(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
