"""Files whose bytes come in pieces: WAV, FLAC and Opus in Ogg, as Riva's clients send them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import soundfile

from translate_svc.audio.codecs.table import chunk_decoder
from translate_svc.audio.formats import check_input_format
from translate_svc.audio.streamed.audio_parts import PART_BYTES
from translate_svc.audio.streamed.detection import HEADS, MAGIC_BYTES, parts_of
from translate_svc.audio.streamed.ogg_opus import MAX_PACKET_BYTES
from translate_svc.errors import TranslateSvcError

MAX_BYTES = 16 * 1024


def run(data: bytes) -> None:
    """The first byte is the size of the pieces."""
    if data[1 : 1 + MAGIC_BYTES] not in HEADS:
        return
    try:
        _decode(data[1:], 16 * data[0] + 1)
    except TranslateSvcError:
        return


def _decode(data: bytes, size: int) -> None:
    head, pieces = b"", [data[at : at + size] for at in range(0, len(data), size)]
    while len(head) < MAGIC_BYTES or (found := parts_of(head)) is None:
        if not pieces:
            return
        head += pieces.pop(0)
    parts, first = found
    check_input_format(parts.format, field="input")
    decoder = chunk_decoder(parts.format)
    for piece in (first, *pieces):
        for chunk in parts.push(piece):
            assert len(chunk) <= max(PART_BYTES, MAX_PACKET_BYTES)
            samples = decoder.decode(chunk, field="audio")
            assert np.isfinite(samples).all()
    for chunk in parts.flush():
        decoder.decode(chunk, field="audio")


def seeds() -> Iterator[bytes]:
    """A tone in each of the files, in pieces of 129 bytes."""
    tone = 0.5 * np.sin(np.arange(2_000) / 3)
    for kind, subtype in (
        ("WAV", "PCM_16"),
        ("WAVEX", "FLOAT"),
        ("WAV", "ULAW"),
        ("FLAC", "PCM_16"),
        ("OGG", "OPUS"),
    ):
        file = io.BytesIO()
        soundfile.write(file, tone, 48_000, format=kind, subtype=subtype)
        yield b"\x08" + file.getvalue()[: MAX_BYTES - 1]
