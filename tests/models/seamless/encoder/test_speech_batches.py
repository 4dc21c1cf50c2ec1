"""Utterances in buckets: few shapes, and the states that each has alone."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.checkpoints import wandering_tone
from tests.fakes.fake_graph_capturer import FakeGraphCapturer, stale_capturer
from tests.fakes.standin import NAME, stand_in
from tests.models.seamless.modules import checkpoint, encoder_inputs, speech_encoder
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.layers.depthwise import WAYS
from translate_svc.models.precision import FLOAT32
from translate_svc.models.seamless.encoder import conformer
from translate_svc.models.seamless.encoder.speech_batches import SpeechBatches
from translate_svc.models.seamless.encoder.speech_buckets import (
    MAX_ROWS,
    batches_of,
    bucket_frames,
    captured_frames,
    captured_shapes,
    row_limit,
)
from translate_svc.models.seamless.encoder.speech_encoder import SpeechEncoder
from translate_svc.models.slices import finish

LONGEST = 80_000
"""Samples of the longest utterance that is captured. The longest of all is half as long again."""


@contextlib.contextmanager
def on_device(name: str) -> Iterator[torch.device]:
    if name == NAME:
        with stand_in():
            yield torch.device(NAME)
    else:
        with torch.inference_mode():
            yield torch.device(name)


@functools.cache
def batches(device: torch.device, graphs: bool) -> tuple[SpeechBatches, CaptureCount]:
    encoder = SpeechEncoder(checkpoint("tiny").config)
    checkpoint("tiny").load(encoder, "speech_encoder.", device=device, precision=FLOAT32)
    return captured(encoder, device, FakeGraphCapturer() if graphs else None)


def captured(
    encoder: SpeechEncoder, device: torch.device, capturer: GraphCapturer | None
) -> tuple[SpeechBatches, CaptureCount]:
    extractor, count = checkpoint("tiny").feature_extractor().to(device), CaptureCount()
    made = SpeechBatches(encoder, extractor, device, torch.float32)
    if capturer:
        made.capture(LONGEST, capturer, count)
    return made, count


def states_of(encoding: SpeechBatches, samples: Sequence[int]) -> dict[int, Tensor]:
    waveforms = [wandering_tone(length, length) for length in samples]
    return {
        index: encoded.states.cpu()[row, : encoded.lengths[row]]
        for indices, encoded in finish(encoding.slices(waveforms))
        for row, index in enumerate(indices)
    }


@functools.cache
def alone(samples: int) -> Tensor:
    inputs = encoder_inputs("tiny", wandering_tone(samples, samples))
    encoded = speech_encoder("tiny")(*inputs)
    states: Tensor = encoded.states[0, : encoded.lengths[0]]
    return states


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("name", ["cpu", NAME])
@settings(max_examples=6)
@given(samples=st.lists(st.integers(600, LONGEST * 3 // 2), min_size=1, max_size=9))
def test_an_utterance_has_the_same_states_in_every_bucket_and_company(
    name: str, graphs: bool, samples: list[int]
) -> None:
    with torch.inference_mode():
        expected = [alone(length) for length in samples]
    with on_device(name) as device:
        found = states_of(batches(device, graphs)[0], samples)
    for index, states in enumerate(expected):
        torch.testing.assert_close(found[index], states, atol=4e-5, rtol=0)


def test_the_bias_of_attention_lies_as_kernels_of_a_gpu_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """At multiples of 8 numbers. Elsewhere they copy it: as many numbers as frames by frames by heads."""
    attend, biases = F.scaled_dot_product_attention, list[Tensor]()

    def watched(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor) -> Tensor:
        biases.append(attn_mask)
        return attend(query, key, value, attn_mask)

    monkeypatch.setattr(F, "scaled_dot_product_attention", watched)
    with on_device(NAME) as device:
        states_of(batches(device, False)[0], [30_000])
        relative = [each for each in biases if each.shape[2] > 1]
        assert relative
        for each in relative:
            assert all(place % 8 == 0 for place in (each.storage_offset(), *each.stride()[:3]))


@pytest.mark.parametrize("way", WAYS)
def test_states_are_the_same_whichever_convolution_is_the_fastest(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformer, "fastest_way", lambda *_: way)
    with on_device("cpu") as device:
        encoder = SpeechEncoder(checkpoint("tiny").config)
        checkpoint("tiny").load(encoder, "speech_encoder.", device=device, precision=FLOAT32)
        assert encoder.encoder.choose_convolution(64, torch.float32, device) == way
        found = states_of(captured(encoder, device, None)[0], [30_000, 50_000])
        for index, length in enumerate((30_000, 50_000)):
            torch.testing.assert_close(found[index], alone(length), atol=4e-5, rtol=0)


def test_every_bucket_is_captured_for_every_number_of_rows() -> None:
    with on_device("cpu") as device:
        _, count = batches(device, True)
    frames = captured_frames(LONGEST // 320)
    assert frames == (64, 128, 192, 256)
    assert (count.captured, count.refused) == (4 * 4, 0)


def test_a_graph_that_computes_something_else_is_refused_and_does_no_harm() -> None:
    with on_device("cpu") as device:
        encoding, count = captured(speech_encoder("tiny"), device, stale_capturer)
        assert (count.captured, count.refused) == (0, 4 * 4)
        torch.testing.assert_close(states_of(encoding, [30_000])[0], alone(30_000), atol=4e-5, rtol=0)


@given(frames=st.lists(st.integers(1, 3_000), max_size=40))
def test_batches_divide_utterances_and_pad_little(frames: list[int]) -> None:
    made = batches_of(frames)
    assert sorted(index for batch in made for index in batch.indices) == list(range(len(frames)))
    for batch in made:
        assert max(bucket_frames(frames[index]) for index in batch.indices) == batch.frames
        assert len(batch.indices) <= row_limit(batch.frames) <= MAX_ROWS


@pytest.mark.parametrize(
    ("frames", "rows"),
    [
        ([500], [1]),
        ([100] * 8, [8]),
        ([100] * 3, [3]),
        ([250] * 5, [5]),
        ([40] * 9, [1, 8]),
        ([750] * 3, [1, 2]),
        ([750, 100], [2]),
        ([700, 600, 90, 80, 70], [2, 3]),
        ([2_000] * 2, [1, 1]),
    ],
)
def test_short_utterances_share_a_batch_and_long_ones_do_not(frames: list[int], rows: list[int]) -> None:
    """Three rows run in a graph of four. To start a batch costs more than some rows computed for nothing."""
    assert [len(batch.indices) for batch in batches_of(frames)] == rows


def test_there_are_few_shapes_however_long_an_utterance_may_be() -> None:
    assert len(captured_shapes(10**6)) == 36
