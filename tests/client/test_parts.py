"""What the clients are made of, without a server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.virtual_time import virtual_time
from translate_svc import errors, wire
from translate_svc.audio.codecs.table import chunk_decoder
from translate_svc.client.failures import error_of
from translate_svc.client.input_encoder import InputEncoder
from translate_svc.client.pacing import pace
from translate_svc.client.sequence_check import stream_sequence
from translate_svc.types import AudioFormat, Encoding, GoAway, Opened, Samples, StreamConfig, StreamSettings
from translate_svc.v1 import speech_translation_pb2 as pb

S16 = AudioFormat(Encoding.PCM_S16LE, 16_000)
F32 = AudioFormat(Encoding.PCM_F32LE, 16_000)

HEAVY = ("torch", "transformers", "onnxruntime", "sentencepiece", "soxr", "soundfile", "av")


def test_importing_the_client_loads_no_model_library() -> None:
    program = f"import sys, translate_svc.client; print(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


class TestInputEncoder:
    @given(
        st.binary(max_size=300).map(lambda data: data[: len(data) // 2 * 2]),
        st.integers(1, 100),
    )
    def test_bytes_are_cut_at_whole_samples_and_counted(self, data: bytes, max_chunk_bytes: int) -> None:
        encoder = InputEncoder(S16, max_chunk_bytes)
        pieces = list(encoder.chunks(data))
        assert b"".join(pieces) == data
        assert all(len(piece) % 2 == 0 and 0 < len(piece) <= max(max_chunk_bytes, 2) for piece in pieces)
        assert encoder.total_samples == len(data) // 2

    def test_int16_samples_are_sent_as_they_are(self) -> None:
        samples = np.array([-32768, -1, 0, 1, 32767], dtype=np.int16)
        assert b"".join(InputEncoder(S16, 100).chunks(samples)) == samples.tobytes()
        as_floats = np.frombuffer(b"".join(InputEncoder(F32, 100).chunks(samples)), "<f4")
        np.testing.assert_array_equal(as_floats, samples / np.float32(32768))

    @pytest.mark.parametrize(
        "audio",
        [
            b"\x00\x01\x02",
            np.zeros((2, 10), dtype=np.float32),  # channels first
            np.array([0.0, np.nan]),
            np.array([0.0, 12_000.0]),
            np.array([np.inf]),
            np.zeros(10, dtype=np.int32),
            np.zeros(10, dtype=np.complex64),
            np.float32(0.5),  # feed(samples): an iteration over the samples themselves
            100,  # feed(data), of bytes
            [0.5, 0.5],
        ],
        ids=[
            "torn",
            "stereo",
            "nan",
            "int16 as floats",
            "infinity",
            "int32",
            "complex",
            "sample",
            "byte",
            "list",
        ],
    )
    def test_what_cannot_be_audio_is_refused_and_not_counted(self, audio: Any) -> None:
        encoder = InputEncoder(S16, 100)
        with pytest.raises(errors.InvalidArgument) as caught:
            list(encoder.chunks(audio))
        assert caught.value.field == "audio.data"
        assert encoder.total_samples == 0

    @pytest.mark.parametrize("encoding", [Encoding.PCM_S16LE, Encoding.MULAW, Encoding.ALAW])
    def test_samples_of_several_channels_are_interleaved_and_counted_once(self, encoding: Encoding) -> None:
        audio_format = AudioFormat(encoding, 8_000, channels=2, channel=2)
        samples = np.linspace(-0.5, 0.5, 80, dtype=np.float32).reshape(40, 2)
        encoder = InputEncoder(audio_format, 16)
        pieces = list(encoder.chunks(samples))
        assert max(map(len, pieces)) <= 16
        assert encoder.total_samples == 40
        decoder = chunk_decoder(audio_format)
        heard = np.concatenate([decoder.decode(piece, field="") for piece in pieces])
        np.testing.assert_allclose(heard, samples[:, 1], atol=0.02)
        for wrong in (samples[:, 0], samples[:, :1], np.zeros((3, 3)), np.zeros((2, 2, 2)), np.float32(0.5)):
            with pytest.raises(errors.InvalidArgument):
                list(encoder.chunks(np.asarray(wrong)))
        assert encoder.total_samples == 40

    @pytest.mark.parametrize("channels", [1, 2])
    def test_opus_goes_in_packets_of_20_ms_and_flush_lets_nothing_back(self, channels: int) -> None:
        encoder = InputEncoder(AudioFormat(Encoding.OPUS, 48_000, channels, channels), 16)
        shape = (500,) if channels == 1 else (500, channels)
        sent = [list(encoder.chunks(np.full(shape, 0.1))) for _ in range(4)]
        assert [len(pieces) for pieces in sent] == [0, 1, 0, 1]
        assert encoder.total_samples == 1_920
        assert len(list(encoder.flush())) == 1  # 80 samples and the look-ahead
        assert encoder.total_samples == 2_880
        assert list(encoder.flush()) == []

    def test_a_byte_of_g722_counts_for_two_samples(self) -> None:
        encoder = InputEncoder(AudioFormat(Encoding.G722, 16_000), 100)
        sent = [list(encoder.chunks(np.full(500, 0.1))) for _ in range(4)]
        lengths = [[len(piece) for piece in pieces] for pieces in sent]
        assert lengths == [[100, 60], [100, 100, 100, 20]] * 2
        assert encoder.total_samples == 1_920
        assert sum(map(len, encoder.flush())) == 160  # 80 samples and the look-ahead
        assert encoder.total_samples == 2_240
        assert list(map(len, encoder.chunks(bytes(333)))) == [100, 100, 100, 33]
        assert encoder.total_samples == 2_240 + 666

    def test_bytes_of_opus_are_one_packet(self) -> None:
        encoder = InputEncoder(AudioFormat(Encoding.OPUS, 48_000), 16)
        long = bytes([(9 << 3) | 3, 6]) + bytes(60)
        assert list(encoder.chunks(memoryview(long))) == [long]
        assert encoder.total_samples == 5_760
        for wrong in (b"", b"\x03"):
            with pytest.raises(errors.InvalidArgument) as caught:
                list(encoder.chunks(wrong))
            assert caught.value.field == "audio.data"
        assert encoder.total_samples == 5_760


class TestEventOrder:
    OPENED = Opened("id", StreamConfig(S16, S16, StreamSettings(())))

    def test_numbers_without_gaps_are_accepted_and_unknown_events_counted(self) -> None:
        order = stream_sequence()
        assert order.accept(wire.encode_response(1, self.OPENED)) == self.OPENED
        assert order.accept(pb.StreamingTranslateResponse(seq=2)) is None
        assert order.accept(wire.encode_response(3, GoAway(1))) == GoAway(1)

    @pytest.mark.parametrize("seq", [0, 1, 3])
    def test_a_gap_or_a_repetition_is_data_loss(self, seq: int) -> None:
        order = stream_sequence()
        order.accept(wire.encode_response(1, self.OPENED))
        with pytest.raises(errors.DataLoss) as caught:
            order.accept(wire.encode_response(seq, GoAway(1)))
        assert caught.value.field == "seq"

    def test_the_first_must_be_opened(self) -> None:
        with pytest.raises(errors.DataLoss) as caught:
            stream_sequence().accept(wire.encode_response(1, GoAway(1)))
        assert caught.value.field == "opened"


class TestFailures:
    def test_a_message_too_large_for_the_transport_is_out_of_range(self) -> None:
        error = error_of(grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max", ())
        assert type(error) is errors.OutOfRange
        said = "SERVER: Received message larger than max (8617665 vs. 4456448)"
        error = error_of(grpc.StatusCode.RESOURCE_EXHAUSTED, said, ())
        assert type(error) is errors.OutOfRange
        assert error.description == (
            "a message of 8617665 bytes, and the server takes 4456448: send a long clip"
            " with translate_file or on a stream"
        )

    def test_details_that_are_none_are_passed_over(self) -> None:
        metadata = [("grpc-status-details-bin", b"\xff\xff\xff"), ("x", "y")]
        error = error_of(grpc.StatusCode.INVALID_ARGUMENT, "no", metadata)
        assert type(error) is errors.InvalidArgument
        assert (error.field, error.description) == ("", "no")

    def test_other_codes_keep_their_name(self) -> None:
        error = error_of(grpc.StatusCode.DEADLINE_EXCEEDED, "too slow", None)
        assert type(error) is errors.TranslateSvcError
        assert str(error) == "DEADLINE_EXCEEDED: too slow"


class TestPace:
    def test_chunks_come_when_they_would_have_been_spoken(self) -> None:
        samples = np.arange(1000, dtype=np.float32)
        arrivals_s, chunks = list[float](), list[Samples]()

        async def hear() -> None:
            async for chunk in pace(samples, 8000, 25):  # 200 samples each
                arrivals_s.append(asyncio.get_running_loop().time())
                chunks.append(chunk)

        with virtual_time() as runner:
            runner.run(hear())
        np.testing.assert_array_equal(np.concatenate(chunks), samples)
        assert [len(chunk) for chunk in chunks] == [200] * 5
        assert arrivals_s == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.125])

    def test_a_consumer_that_was_held_up_catches_up(self) -> None:
        async def hear() -> float:
            held_up = False
            async for _ in pace(np.zeros(6400, dtype=np.float32), 16_000, 10):
                if not held_up:
                    await asyncio.sleep(0.35)
                    held_up = True
            return asyncio.get_running_loop().time()

        with virtual_time() as runner:
            assert runner.run(hear()) == pytest.approx(0.4)

    async def test_the_last_chunk_may_be_short(self) -> None:
        sizes = [len(chunk) async for chunk in pace(np.zeros(250, dtype=np.float32), 16_000, 10)]
        assert sizes == [160, 90]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_stereo_as_soundfile_reads_it_is_averaged_for_a_stream_of_one_channel(dtype: Any) -> None:
    sides = np.array([[0.5, 0.25], [0.0, -0.5]])
    audio = (sides * 2**15).astype(dtype) if dtype is np.int16 else sides.astype(dtype)
    (chunk,) = InputEncoder(F32, 1000).chunks(audio)
    assert np.frombuffer(chunk, "<f4").tolist() == [0.375, -0.25]


def test_stereo_out_of_phase_is_not_sent_as_silence() -> None:
    tone = np.sin(np.arange(16_000) / 10)
    sent = InputEncoder(F32, 64_000).chunks(np.stack([tone, -tone], axis=1))
    heard = np.frombuffer(b"".join(sent), "<f4")
    np.testing.assert_allclose(heard[4_000:], tone[4_000:], atol=1e-6)
