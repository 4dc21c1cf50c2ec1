"""Files whose bytes come in pieces of any size give the samples that whole files give."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.audio.codecs.encoded_chunk import EncodedChunk
from translate_svc.audio.codecs.table import chunk_decoder, chunk_encoder
from translate_svc.audio.containers import open_media
from translate_svc.audio.resampler import resample
from translate_svc.audio.streamed.audio_parts import PART_BYTES, AudioParts, RawParts
from translate_svc.audio.streamed.detection import parts_of
from translate_svc.audio.streamed.ogg_opus import OggOpusWriter
from translate_svc.audio.streamed.wav_header import MAX_BYTES, read_wav_header
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, Encoding, Samples

RATE_HZ = 16_000
OPUS = AudioFormat(Encoding.OPUS, 48_000)


def tone(seconds: float = 1.0, rate_hz: int = RATE_HZ) -> Samples:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)


def stereo() -> Samples:
    """The second channel is silent."""
    return np.stack([tone(), np.zeros_like(tone())], axis=1)


def file_of(samples: Samples, kind: str, subtype: str, rate_hz: int = RATE_HZ) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def opus_packets() -> tuple[bytes, ...]:
    encoder = chunk_encoder(OPUS)
    chunks: list[EncodedChunk] = [encoder.encode(tone(1.0, 48_000)), encoder.flush()]
    return tuple(packet for chunk in chunks for packet in chunk.packets)


def opus_file() -> bytes:
    """Packets in pages of ten."""
    writer, packets = OggOpusWriter(), opus_packets()
    pages = [writer.write(packets[start : start + 10]) for start in range(0, len(packets), 10)]
    return b"".join(pages) + writer.finish()


def pushed(data: bytes, sizes: Iterator[int]) -> tuple[AudioParts, list[bytes]]:
    """The parts of ``data``, which comes in pieces of these sizes."""
    head, opened, chunks, at = b"", None, list[bytes](), 0
    while at < len(data):
        size = next(sizes)
        piece, at = data[at : at + size], at + size
        if opened is None:
            head += piece
            found = parts_of(head) if len(head) >= 4 else None
            if found is None:
                continue
            opened, piece = found
        chunks += opened.push(piece)
    assert opened is not None
    return opened, chunks + list(opened.flush())


def decoded(data: bytes, sizes: Iterator[int]) -> tuple[Samples, int]:
    parts, chunks = pushed(data, sizes)
    assert max(map(len, chunks)) <= PART_BYTES
    decoder = chunk_decoder(parts.format)
    samples = np.concatenate([decoder.decode(chunk, field="") for chunk in chunks])
    return samples, parts.format.sample_rate_hz


def always(size: int) -> Iterator[int]:
    while True:
        yield size


FILES: dict[str, tuple[Callable[[], bytes], float]] = {
    "wav": (lambda: file_of(tone(), "WAV", "PCM_16"), 1e-4),
    "wav-float": (lambda: file_of(tone(), "WAV", "FLOAT"), 1e-7),
    "wav-mulaw": (lambda: file_of(tone(1.0, 8_000), "WAV", "ULAW", 8_000), 0.02),
    "wav-alaw": (lambda: file_of(tone(1.0, 8_000), "WAV", "ALAW", 8_000), 0.02),
    "wav-extensible": (lambda: file_of(stereo(), "WAVEX", "PCM_16"), 1e-4),
    "flac": (lambda: file_of(tone(), "FLAC", "PCM_16"), 1e-4),
    "flac-24-stereo": (lambda: file_of(stereo(), "FLAC", "PCM_24"), 1e-6),
}


@pytest.mark.parametrize("size", [1, 7, 4_096, 1_000_000])
@pytest.mark.parametrize("name", FILES)
def test_the_first_channel_is_heard_whatever_the_pieces(name: str, size: int) -> None:
    make, tolerance = FILES[name]
    samples, rate_hz = decoded(make(), always(size))
    expected = tone(1.0, rate_hz)
    assert samples.shape == expected.shape
    assert np.abs(samples - expected).max() < tolerance


@given(st.lists(st.integers(1, 500), min_size=1))
def test_opus_packets_come_out_of_pages_as_they_went_in(sizes: list[int]) -> None:
    packets, whole = list(PACKETS), OPUS_FILE
    assert pushed(whole, (sizes[i % len(sizes)] for i in range(len(whole) + 1)))[1] == packets


PACKETS, OPUS_FILE = opus_packets(), opus_file()


def test_an_independent_reader_takes_our_ogg() -> None:
    """FFmpeg checks the checksum of each page, and soundfile the order of them."""
    with open_media(io.BytesIO(OPUS_FILE)) as media:
        assert media.damage is None
        heard = resample(np.concatenate(list(media.blocks())), media.sample_rate_hz, 48_000)
    samples, rate_hz = soundfile.read(io.BytesIO(OPUS_FILE), dtype="float32")
    assert rate_hz == 48_000
    decoder = chunk_decoder(OPUS)
    packets = np.concatenate([decoder.decode(packet, field="") for packet in PACKETS])[312:]
    for found in (heard, samples):
        assert abs(len(found) - len(packets)) <= 960
        assert np.corrcoef(found[:40_000], packets[:40_000])[0, 1] > 0.99


def test_a_large_packet_of_an_independent_writer_is_read() -> None:
    """libsndfile packs a second into a page, and its own tags."""
    file = file_of(tone(3.0, 48_000), "OGG", "OPUS", 48_000)
    samples, rate_hz = decoded(file, always(1_000))
    assert rate_hz == 48_000
    assert abs(len(samples) - 3 * rate_hz) < 5_000
    assert np.abs(samples).max() > 0.4


def test_a_sample_that_is_cut_apart_waits_for_its_rest() -> None:
    parts = RawParts(AudioFormat(Encoding.PCM_S16LE, RATE_HZ, 2, 1))
    assert list(parts.push(b"123")) == []
    assert list(parts.push(b"4567")) == [b"1234"]
    assert list(parts.push(b"8")) == [b"5678"]


WAV = file_of(tone(), "WAV", "PCM_16")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda: WAV[:8] + b"AVI " + WAV[12:], "not a WAV"),
        (lambda: WAV[:20] + struct.pack("<H", 2) + WAV[22:], "16-bit"),
        (lambda: WAV[:34] + struct.pack("<H", 24) + WAV[36:], "16-bit"),
        (lambda: WAV[:12] + b"data" + bytes(4), "format is missing"),
        (lambda: WAV[:12] + b"LIST" + struct.pack("<I", MAX_BYTES), "more than"),
        (lambda: OPUS_FILE[:28] + b"OpusHeap" + OPUS_FILE[36:], "not Opus"),
        (lambda: OPUS_FILE[:37] + b"\x06" + OPUS_FILE[38:], "two channels"),
        (lambda: OPUS_FILE[:47] + b"OggZ" + OPUS_FILE[51:], "not Ogg"),
        (lambda: file_of(tone(), "FLAC", "PCM_16")[:42] + bytes(200_000), None),
    ],
)
def test_what_is_wrong_is_refused(damage: Callable[[], bytes], message: str | None) -> None:
    """FFmpeg passes over what is no frame of FLAC."""
    if message is None:
        assert pushed(damage(), always(4_096))[1] == []
        return
    with pytest.raises(InvalidArgument, match=message):
        pushed(damage(), always(4_096))


@given(st.binary(max_size=80))
def test_no_bytes_break_the_header_of_wav(rest: bytes) -> None:
    for beginning in (b"RIFF", WAV[:12], WAV[:36]):
        try:
            found = read_wav_header(beginning + rest)
        except InvalidArgument:
            continue
        assert found is None or found[1] <= len(beginning + rest)


def test_a_chunk_of_odd_length_is_followed_by_a_byte_that_belongs_to_none() -> None:
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    plain, longer = read_wav_header(WAV), read_wav_header(WAV[:12] + odd + WAV[12:])
    assert plain is not None
    assert longer == (plain[0], plain[1] + len(odd))
