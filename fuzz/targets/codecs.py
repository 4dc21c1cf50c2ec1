"""Audio of streams and clips in every encoding: formats, chunks, packets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from fuzz.byte_reader import ByteReader, number, piece
from translate_svc.audio.clip import decode_clip
from translate_svc.audio.codecs.table import CODECS, chunk_decoder, chunk_encoder, codec_of
from translate_svc.audio.formats import check_input_format
from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.types import AudioClip, AudioFormat, Encoding, Samples

MAX_BYTES = 8_192
_ENCODINGS = tuple(CODECS)
_MAX_CHUNKS = 16
_MAX_CLIP_SAMPLES = 480_000


def run(data: bytes) -> None:
    """Decodes the pieces of ``data`` as the chunks of a stream, and as the parts of a clip."""
    reader = ByteReader(data)
    encoding = _ENCODINGS[reader.number(0, len(_ENCODINGS) - 1)]
    audio_format = AudioFormat(
        encoding, reader.number(0, 50_000), channels=reader.number(0, 9), channel=reader.number(0, 9)
    )
    try:
        check_input_format(audio_format, field="config.input")
    except (InvalidArgument, Unsupported):
        return
    chunks: list[bytes] = []
    while len(reader) and len(chunks) < _MAX_CHUNKS:
        chunks.append(reader.piece())
    _decode_stream(audio_format, chunks)
    clip = AudioClip(audio_format, b"".join(chunks))
    if codec_of(audio_format).framing.field_name == "packets":
        clip = AudioClip(audio_format, packets=tuple(chunks))
    with contextlib.suppress(InvalidArgument, Unsupported):
        _check(decode_clip(clip, field="clip", max_samples=_MAX_CLIP_SAMPLES))


def _decode_stream(audio_format: AudioFormat, chunks: list[bytes]) -> None:
    """A decoder works after a chunk that it refused: the stream fails then, but the decoder must not."""
    decoder, framing = chunk_decoder(audio_format), codec_of(audio_format).framing
    for chunk in chunks:
        try:
            samples = decoder.decode(chunk, field="audio.data")
        except InvalidArgument:
            continue
        _check(samples)
        assert len(samples) == framing.count_samples(chunk, audio_format.channels, field="audio.data")


def _check(samples: Samples) -> None:
    assert samples.ndim == 1
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert not len(samples) or np.abs(samples).max() <= 1.0


def seeds() -> Iterator[bytes]:
    """A short tone in each encoding, and two channels of PCM."""
    for place, encoding in enumerate(_ENCODINGS):
        rate_hz = CODECS[encoding].sample_rate_hz or 16_000
        tone = (0.3 * np.sin(np.arange(rate_hz // 10) * 0.2)).astype(np.float32)
        encoder, framing = chunk_encoder(AudioFormat(encoding, rate_hz)), CODECS[encoding].framing
        chunks = (encoder.encode(tone), encoder.flush())
        parts = [part for chunk in chunks for part in framing.parts(chunk)]
        head = number(place, 0) + number(rate_hz, 0) + number(1, 0) + number(0, 0)
        yield head + b"".join(map(piece, parts[:_MAX_CHUNKS]))
    place = _ENCODINGS.index(Encoding.PCM_S16LE)
    yield number(place, 0) + number(16_000, 0) + number(2, 0) + number(1, 0) + piece(bytes(range(64)))
