"""Recorded decode steps, rehearsed on a CPU: the same tokens with any neighbours in the caches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.fakes.fake_graph_capturer import CannotCapture, FakeGraphCapturer, stale_capturer
from tests.models.seamless.modules import MAX_TOKENS, decoded, greedy, new_cache, text_decoder
from translate_svc.models.decoded_step import Choice, DecodedStep, LaunchedStep
from translate_svc.models.decoder.decode_graphs import DecodeGraphs
from translate_svc.models.decoder.decoder_cache import DecoderCache
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.captured_graph import doubled
from translate_svc.models.runs import Runs

SLOTS = 20


@pytest.fixture(autouse=True)
def _inference() -> object:
    with torch.inference_mode():
        yield


def captured(slots: int = SLOTS) -> tuple[DecodeGraphs, DecoderCache, FakeGraphCapturer]:
    cache, capturer = new_cache("tiny", slots=slots, max_encoder_frames=150), FakeGraphCapturer()
    choose = greedy("tiny").of_slots
    return DecodeGraphs(text_decoder("tiny"), cache, capturer, choose, CaptureCount()), cache, capturer


def write(cache: DecoderCache, slot: int, length: int) -> None:
    states = torch.randn(length, 32, generator=torch.Generator().manual_seed(slot))
    cache.clear_tokens([slot])
    text_decoder("tiny").write_sources(cache, [[slot]], [states])


def fed(rows: dict[int, tuple[int, int]]) -> Runs:
    """``rows``: slot to (position, token)."""
    positions, token_ids = zip(*rows.values(), strict=True)
    return Runs.steps(tuple(rows), positions, token_ids)


def launch(steps: DecodeGraphs, runs: Runs) -> LaunchedStep | None:
    token_ids = [token_id for (token_id,) in runs.token_ids]
    return steps.launch(np.array(runs.slots), np.array(runs.starts), np.array(token_ids))


def step(steps: DecodeGraphs, runs: Runs) -> DecodedStep | None:
    launched = launch(steps, runs)
    return None if launched is None else launched.result()


def assert_alike(found: DecodedStep | None, expected: DecodedStep) -> None:
    assert found is not None
    assert found.token_ids.tolist() == expected.token_ids.tolist()
    assert found.finite.tolist() == expected.finite.tolist()
    torch.testing.assert_close(found.log_probabilities.float(), expected.log_probabilities, atol=1e-5, rtol=0)
    assert found.source_frames is not None
    assert expected.source_frames is not None
    assert found.source_frames.tolist() == expected.source_frames.tolist()
    assert found.attention is not None
    assert expected.attention is not None
    frames = expected.attention.shape[-1]  # a captured graph reaches as far or further, where nobody looks
    torch.testing.assert_close(found.attention[..., :frames], expected.attention, atol=1e-5, rtol=0)
    assert not found.attention[..., frames:].any()


def test_one_recording_for_each_size_and_nothing_left_behind() -> None:
    _, cache, capturer = captured()
    assert capturer.captured == 3 * 1 * 3  # 8, 16, 20 rows; 40 tokens; 64, 128, 150 states
    for layer in cache.layers:
        assert not layer.self_rows.any()
    assert not cache.states.any()
    assert not cache.source_lengths.any()


@pytest.mark.parametrize(
    "slots", [(0,), (3, 1), (7, 2, 5), (19,), tuple(range(SLOTS)), (15, 0, 4, 9)], ids=str
)
def test_a_recorded_step_is_the_step(slots: tuple[int, ...]) -> None:
    steps, cache, _ = captured()
    plain = new_cache("tiny", slots=SLOTS, max_encoder_frames=150)
    lengths = {slot: 1 + (37 * slot) % 150 for slot in slots}
    for slot, length in lengths.items():
        write(cache, slot, length)
        write(plain, slot, length)
    for position in range(12):
        rows = {slot: (position, (7 * position + slot) % 97) for slot in slots}
        found = step(steps, fed(rows))
        assert_alike(found, decoded("tiny", plain, fed(rows)))
    for slot in slots:
        torch.testing.assert_close(cache.states[slot, :12], plain.states[slot, :12], atol=1e-5, rtol=0)


def test_rows_that_sit_a_step_out_keep_what_they_had() -> None:
    steps, cache, _ = captured()
    for slot in (0, 1, 2):
        write(cache, slot, 9 + slot)
    step(steps, fed({0: (0, 3), 1: (0, 3), 2: (0, 3)}))
    before = [layer.self_rows[1, :, :, :MAX_TOKENS].clone() for layer in cache.layers]
    states = cache.states[1, :MAX_TOKENS].clone()
    step(steps, fed({0: (1, 50), 2: (1, 60)}))
    for layer, rows in zip(cache.layers, before, strict=True):
        assert torch.equal(layer.self_rows[1, :, :, :MAX_TOKENS], rows)
    assert torch.equal(cache.states[1, :MAX_TOKENS], states)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_row_that_failed_harms_nobody(poison: float) -> None:
    steps, cache, _ = captured()
    plain = new_cache("tiny", slots=SLOTS, max_encoder_frames=150)
    for each in (cache, plain):
        write(each, 0, 30)
        write(each, 1, 12)
    for layer in cache.layers:
        layer.self_rows[1], layer.cross_rows[1] = poison, poison
    for position in range(4):
        rows = {0: (position, 40 + position)}
        company = step(steps, fed(rows | {1: (position, 5)}))
        assert company is not None
        assert company.finite.tolist() == [True, False]
        alone = decoded("tiny", plain, fed(rows))
        assert company.token_ids[:1].tolist() == alone.token_ids.tolist()
    write(cache, 1, 12)  # its next owner
    write(plain, 2, 1)
    rows = {1: (0, 11)}
    assert_alike(step(steps, fed(rows)), decoded("tiny", plain, fed(rows)))


def test_a_recording_that_computes_something_else_is_refused() -> None:
    cache, count = new_cache("tiny", slots=SLOTS), CaptureCount()
    steps = DecodeGraphs(text_decoder("tiny"), cache, stale_capturer, greedy("tiny").of_slots, count)
    assert count.captured == 0
    assert count.refused > 0
    assert not cache.states.any()
    write(cache, 0, 9)
    assert launch(steps, fed({0: (0, 3)})) is None


@pytest.mark.parametrize(("ulps", "taken"), [(3.9, True), (4.1, False)])
def test_four_steps_of_the_grid_of_the_largest_logit_are_tolerated(ulps: float, taken: bool) -> None:
    logits = list[Tensor]()

    def choose(made: Tensor) -> Choice:
        logits.append(made)
        return greedy("tiny").of_slots(made)

    def slightly_off(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        def replay() -> Tensor:
            packed = function()
            largest = logits[-1][::2].abs().max()  # of the rows that the check compares
            packed[:, 1] += ulps * (largest.nextafter(2 * largest) - largest).double()
            return packed

        return replay

    count = CaptureCount()
    DecodeGraphs(text_decoder("tiny"), new_cache("tiny", slots=8), slightly_off, choose, count)
    assert (count.captured > 0, count.refused > 0) == (taken, not taken)


def test_a_larger_recording_replaces_one_that_was_refused() -> None:
    """Of 8, 16 and 20 rows, those of 8 compute something else."""
    sizes: list[int] = []

    def stale_if_small(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        sizes.append(len(function()))
        return stale_capturer(function) if sizes[-1] == 8 else FakeGraphCapturer()(function)

    cache, plain = (new_cache("tiny", slots=SLOTS, max_encoder_frames=150) for _ in range(2))
    count = CaptureCount()
    steps = DecodeGraphs(text_decoder("tiny"), cache, stale_if_small, greedy("tiny").of_slots, count)
    assert count.refused == sizes.count(8) > 0
    assert count.captured == len(sizes) - sizes.count(8) > 0
    for each in (cache, plain):
        write(each, 0, 9)
    assert_alike(step(steps, fed({0: (0, 3)})), decoded("tiny", plain, fed({0: (0, 3)})))


@pytest.mark.parametrize(
    "waits",
    [
        lambda ones: ones * int(ones.max()),
        lambda ones: ones * ones.tolist()[0],
        lambda ones: ones * bool(ones.any()),
        lambda ones: ones[ones > 0],
        lambda ones: ones + torch.tensor([1.0]),
    ],
)
def test_the_rehearsal_refuses_what_waits(waits: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(CannotCapture):
        FakeGraphCapturer()(lambda: waits(torch.ones(1)))


@pytest.mark.parametrize(
    ("first", "last", "sizes"), [(8, 20, [8, 16, 20]), (8, 8, [8]), (8, 3, [3]), (64, 256, [64, 128, 256])]
)
def test_sizes_double(first: int, last: int, sizes: list[int]) -> None:
    assert doubled(first, last) == sizes
