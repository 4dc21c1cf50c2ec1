"""The table of codecs: each row keeps the same contract, and no other module names an encoding."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import translate_svc
from tests.audio.codecs.opus_signals import lag_samples, noise
from translate_svc.audio.clip import decode_clip
from translate_svc.audio.codecs.encoded_chunk import EncodedChunk
from translate_svc.audio.codecs.table import CODECS, chunk_decoder, chunk_encoder
from translate_svc.audio.formats import MAX_SAMPLE_RATE_HZ, check_input_format, check_output_format
from translate_svc.audio.speech_decoder import SpeechDecoder
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.types import AudioClip, AudioFormat, Encoding, SampleRange, Samples, SpeechChunk
from translate_svc.wire.enums import ENCODINGS

PACKAGE = Path(translate_svc.__file__).parent


def format_of(encoding: Encoding, channels: int = 1, channel: int = 0) -> AudioFormat:
    return AudioFormat(encoding, CODECS[encoding].sample_rate_hz or 16_000, channels, channel)


def encode(samples: Samples, audio_format: AudioFormat, sizes: list[int]) -> list[EncodedChunk]:
    """Chunk by chunk, the last one with the flushed rest."""
    encoder, chunks, start = chunk_encoder(audio_format), [], 0
    for size in sizes:
        chunks.append(encoder.encode(samples[start : start + size]))
        start += size
    return [*chunks, encoder.encode(samples[start:]) + encoder.flush()]


def hear(chunks: list[EncodedChunk], audio_format: AudioFormat) -> Samples:
    """What a client makes of a speech in ``chunks``."""
    decoder, place, received = SpeechDecoder(audio_format), 0, [np.zeros(0, np.float32)]
    for chunk in chunks:
        count = chunk.sample_count
        event = SpeechChunk(
            0, SampleRange(0, 0), "spa", place, chunk.data, False, sample_count=count, packets=chunk.packets
        )
        received.append(decoder.decode(event))
        place += count
    return np.concatenate(received)


def decode(parts: list[bytes], audio_format: AudioFormat) -> Samples:
    """All that a stream's decoder makes of ``parts``."""
    decoder = chunk_decoder(audio_format)
    pieces = [decoder.decode(part, field="audio.data") for part in parts]
    return np.concatenate((np.zeros(0, np.float32), *pieces))


def test_every_encoding_has_a_row_and_a_number_in_the_contract() -> None:
    assert list(CODECS) == list(Encoding)
    assert len({ENCODINGS.encode(encoding) for encoding in Encoding}) == len(Encoding)
    assert len({codec.title for codec in CODECS.values()}) == len(CODECS)


@pytest.mark.parametrize("encoding", Encoding)
def test_what_a_row_says_of_rates_and_channels_is_what_is_served(encoding: Encoding) -> None:
    codec = CODECS[encoding]
    check_output_format(format_of(encoding), field="output")
    check_input_format(format_of(encoding, codec.max_channels, codec.max_channels), field="input")
    with pytest.raises(InvalidArgument) as caught:
        check_input_format(format_of(encoding, codec.max_channels + 1, 1), field="input")
    assert caught.value.field == "input.channels"
    for rate_hz in (8_000, 11_025, 16_000, MAX_SAMPLE_RATE_HZ):
        for check in (check_input_format, check_output_format):
            if codec.sample_rate_hz in (None, rate_hz):
                check(AudioFormat(encoding, rate_hz), field="any")
                continue
            with pytest.raises(InvalidArgument, match=codec.title) as caught:
                check(AudioFormat(encoding, rate_hz), field="any")
            assert caught.value.field == "any.sample_rate_hz"


@pytest.mark.parametrize("encoding", Encoding)
@settings(max_examples=40)
@given(sizes=st.lists(st.integers(0, 1_500), max_size=8), rest=st.integers(0, 50), seed=st.integers(0, 9))
def test_chunks_of_any_size_encode_as_the_whole_does(
    encoding: Encoding, sizes: list[int], rest: int, seed: int
) -> None:
    signal = noise(sum(sizes) + rest, seed)
    (whole,) = encode(signal, format_of(encoding), [])
    chunks = encode(signal, format_of(encoding), sizes)
    assert sum(chunks, EncodedChunk()) == whole
    assert whole.sample_count == len(signal)
    np.testing.assert_array_equal(hear(chunks, format_of(encoding)), hear([whole], format_of(encoding)))


@pytest.mark.parametrize("encoding", Encoding)
@settings(max_examples=40)
@given(max_bytes=st.lists(st.integers(1, 400), min_size=1, max_size=4))
def test_messages_of_any_size_decode_as_the_whole_does(encoding: Encoding, max_bytes: list[int]) -> None:
    """And each decodes to what its framing says."""
    codec = CODECS[encoding]
    channels = codec.max_channels
    audio_format = format_of(encoding, channels, channels)
    (whole,) = encode(noise(channels * 3_000).reshape(-1, channels), audio_format, [])
    parts = list(codec.framing.parts(whole))
    pieces: list[bytes] = []
    for part in parts:
        while part:
            limit = max_bytes[len(pieces) % len(max_bytes)]
            pieces.append(next(codec.framing.cut(part, channels, limit)))
            part = part[len(pieces[-1]) :]
    assert codec.framing.parts(codec.framing.pack(pieces)) == codec.framing.parts(whole)
    received = decode(pieces, audio_format)
    np.testing.assert_array_equal(received, decode(parts, audio_format))
    counts = [codec.framing.count_samples(piece, channels, field="audio.data") for piece in pieces]
    assert sum(counts) == len(received)
    assert [len(chunk_decoder(audio_format).decode(piece, field="")) for piece in pieces] == counts


@pytest.mark.parametrize("encoding", Encoding)
def test_what_comes_out_is_late_by_the_look_ahead_and_no_more(encoding: Encoding) -> None:
    signal = noise(20_000)
    (whole,) = encode(signal, format_of(encoding), [])
    codec = CODECS[encoding]
    late = decode(list(codec.framing.parts(whole)), format_of(encoding))
    padded = np.concatenate((late, np.zeros(1_000, np.float32)))
    assert lag_samples(padded, signal) == pytest.approx(codec.lookahead_samples, abs=1)
    assert lag_samples(np.concatenate((hear([whole], format_of(encoding)), padded[:1_000])), signal) <= 1


@pytest.mark.parametrize("encoding", Encoding)
@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 8_000), max_size=3),
    rest=st.integers(1, 8_000),
    max_bytes=st.integers(1, 9_000),
)
def test_a_speech_in_pieces_is_heard_as_the_whole(
    encoding: Encoding, sizes: list[int], rest: int, max_bytes: int
) -> None:
    """The first chunk holds the look-ahead, the last one padding; each piece gives its kept range."""
    codec, audio_format = CODECS[encoding], format_of(encoding)
    chunks = encode(noise(sum(sizes) + rest), audio_format, sizes)
    place, split = 0, []
    for chunk in chunks:
        pieces = list(codec.split(chunk, max_bytes, first=place == 0))
        assert sum(pieces, EncodedChunk()) == chunk
        for piece in pieces:
            parts = codec.framing.parts(piece)
            fits = sum(map(len, parts)) <= max_bytes
            assert fits or (len(parts) == 1 and len(list(codec.framing.cut(parts[0], 1, 1))) == 1)
        place += chunk.sample_count
        split += pieces
    np.testing.assert_array_equal(hear(split, audio_format), hear(chunks, audio_format))


@pytest.mark.parametrize("encoding", Encoding)
def test_a_clip_is_measured_before_it_is_decoded(encoding: Encoding) -> None:
    codec, audio_format = CODECS[encoding], format_of(encoding)
    (whole,) = encode(noise(5_001), audio_format, [])
    clip = AudioClip(audio_format, whole.data, whole.packets)
    expected = decode(list(codec.framing.parts(clip)), audio_format)
    np.testing.assert_array_equal(decode_clip(clip, field="clip", max_samples=len(expected)), expected)
    with pytest.raises(OutOfRange) as caught:
        decode_clip(clip, field="clip", max_samples=len(expected) - 1)
    assert caught.value.field == f"clip.{codec.framing.field_name}"


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith("v1/"):
            yield name, ast.parse(path.read_text("utf-8"))


def _named_encodings(tree: ast.Module) -> list[str]:
    """``Encoding.OPUS``, and a string that is a member's name or value (docstrings are longer)."""
    strings = {text for encoding in Encoding for text in (encoding.name, encoding.value)}
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="Encoding"), attr=member) if member in Encoding.__members__:
                found.append(member)
            case ast.Constant(value=str(text)) if text in strings:
                found.append(text)
    return found


def _imported(tree: ast.Module) -> set[str]:
    """Modules of ``audio.codecs`` that a module imports."""
    room = "translate_svc.audio.codecs"
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == room:
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{room}."):
            found.add((node.module or "").removeprefix(f"{room}."))
    return found


def test_no_other_module_names_an_encoding() -> None:
    """Only the table and the files of a codec name an encoding or import its coder."""
    imported = {name: _imported(tree) for name, tree in _sources()}
    modules = imported["audio/codecs/table.py"] - {"encoded_chunk", "ffmpeg_codec", "framing"}
    assert {"sample_codec", "opus_encoder", "opus_decoder", "opus_packet"} <= modules
    own = {f"audio/codecs/{module}.py" for module in modules} | {"audio/codecs/opus_library.py"}
    importing = {name for name, others in imported.items() if others & modules}
    assert importing - own == {"audio/codecs/table.py"}
    naming = {name for name, tree in _sources() if _named_encodings(tree)}
    telephone = {"gateway/telephone/dialect.py", "gateway/telephone/asterisk.py", "audiosocket/connection.py"}
    wires = {
        "wire/enums.py",
        "gateway/realtime/audio_formats.py",
        "rpc/riva/audio/declared_audio.py",
    } | telephone
    # FFmpeg's names of containers, and what is in one
    files = {"cli/output/dub_file.py", "audio/streamed/ogg_opus.py", "audio/streamed/wav_header.py"}
    assert naming - own == {"types.py", "audio/codecs/table.py"} | wires | files
