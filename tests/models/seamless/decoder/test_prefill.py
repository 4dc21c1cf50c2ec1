"""A run of known tokens in one pass: what the same tokens give one step at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch

from tests.models.seamless.modules import MAX_TOKENS, checkpoint, decoded, new_cache, text_decoder
from translate_svc.errors import InvalidArgument
from translate_svc.models.alignment.heads import AlignmentHeads
from translate_svc.models.decoded_step import DecodedStep
from translate_svc.models.decoder.decoder_cache import DecoderCache
from translate_svc.models.runs import Runs

TOKENS = [3, 97, 20, 31, 7, 7, 64, 12, 90, 33, 4, 55, 13]
LENGTHS = {0: 31, 1: 2, 2: 17, 3: 40, 4: 9, 5: 23}
"""States of each slot's source."""
CHECKPOINTS = ("tiny", "starter")
FLOAT32_TOLERANCE = 1e-4
"""Processors sum in different orders: 1e-5 is exceeded on some. A wrong row or position is off by tenths."""
BFLOAT16_TOLERANCE = 0.05
"""Of the scale of the states: a product of several rows sums in another order, and bfloat16 has 8 bits."""


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def filled(name: str, slots: Sequence[int]) -> DecoderCache:
    cache = new_cache(name, slots=6)
    for slot in slots:
        states = torch.randn(
            LENGTHS[slot], checkpoint(name).config.hidden_size, generator=torch.Generator().manual_seed(slot)
        )
        text_decoder(name).write_sources(cache, [[slot]], [states])
    return cache


def stepwise(
    name: str, cache: DecoderCache, slot: int, token_ids: Sequence[int], start: int = 0
) -> list[DecodedStep]:
    return [
        decoded(name, cache, Runs.steps([slot], [start + index], [token_id]))
        for index, token_id in enumerate(token_ids)
    ]


def assert_same(name: str, made: DecodedStep, row: int, steps: list[DecodedStep], slot: int) -> None:
    count, frames = len(steps), LENGTHS[slot]
    assert made.token_ids[row] == steps[-1].token_ids[0]
    assert bool(made.finite[row])
    torch.testing.assert_close(
        made.log_probabilities[row], steps[-1].log_probabilities[0], atol=FLOAT32_TOLERANCE, rtol=0
    )
    assert made.attention is not None
    assert made.source_frames is not None
    attention = torch.cat([step.attention[0] for step in steps if step.attention is not None])
    torch.testing.assert_close(
        made.attention[row, -count:, :frames], attention, atol=FLOAT32_TOLERANCE, rtol=0
    )
    assert not made.attention[row, :, frames:].any()
    expected = [int(step.source_frames[0, 0]) for step in steps if step.source_frames is not None]
    assert made.source_frames[row, -count:].tolist() == expected


@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize("count", [1, 2, 13])
def test_a_run_alone_is_its_steps(name: str, count: int) -> None:
    cache, expected = filled(name, [3]), filled(name, [3])
    made = decoded(name, cache, Runs([3], [0], [TOKENS[:count]]))
    assert_same(name, made, 0, stepwise(name, expected, 3, TOKENS[:count]), 3)
    torch.testing.assert_close(
        cache.states[3, :count], expected.states[3, :count], atol=FLOAT32_TOLERANCE, rtol=0
    )
    for layer, other in zip(cache.layers, expected.layers, strict=True):
        torch.testing.assert_close(
            layer.self_rows[3, :, :, :count], other.self_rows[3, :, :, :count], atol=FLOAT32_TOLERANCE, rtol=0
        )


@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize(
    "slots", [(0, 1, 2), (5, 1, 3), (0, 5), (2, 4, 3, 5)], ids=["dense", "gaps", "sparse", "any order"]
)
def test_runs_of_a_batch_are_their_steps(name: str, slots: tuple[int, ...]) -> None:
    """Of different lengths, from different positions."""
    cache, expected = filled(name, range(6)), filled(name, range(6))
    starts = [0, 3, 1, 2][: len(slots)]
    runs = [TOKENS[: 2 + 4 * index][:11] for index in range(len(slots))]
    for slot, start in zip(slots, starts, strict=True):
        for each in (cache, expected):
            stepwise(name, each, slot, TOKENS[::-1][:start])
    made = decoded(name, cache, Runs(slots, starts, runs))
    for row, (slot, start, run) in enumerate(zip(slots, starts, runs, strict=True)):
        assert_same(name, made, row, stepwise(name, expected, slot, run, start), slot)
        end = start + len(run)
        torch.testing.assert_close(
            cache.states[slot, :end], expected.states[slot, :end], atol=FLOAT32_TOLERANCE, rtol=0
        )
        rest = cache.states[slot, end:MAX_TOKENS]
        assert not rest.any(), "padding is written to the scratch column alone"


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_steps_go_on_behind_a_run(name: str) -> None:
    cache, expected = filled(name, [0, 2]), filled(name, [0, 2])
    decoded(name, cache, Runs([0, 2], [0, 0], [TOKENS[:4], TOKENS[:9]]))
    stepwise(name, expected, 0, TOKENS[:4])
    stepwise(name, expected, 2, TOKENS[:9])
    for index, token in enumerate(TOKENS[9:]):
        fed = Runs.steps([0, 2], [4 + index, 9 + index], [token, token])
        made = decoded(name, cache, fed)
        steps = decoded(name, expected, fed)
        assert made.token_ids.tolist() == steps.token_ids.tolist()
    torch.testing.assert_close(
        cache.states[:, :MAX_TOKENS], expected.states[:, :MAX_TOKENS], atol=FLOAT32_TOLERANCE, rtol=0
    )


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_row_that_is_not_finite_harms_nobody(poison: float) -> None:
    cache, expected = filled("tiny", range(3)), filled("tiny", [0, 2])
    for layer in cache.layers:
        layer.cross_rows[1] = poison
    runs = Runs([0, 1, 2], [0, 0, 0], [TOKENS[:5], TOKENS, TOKENS[:9]])
    made = decoded("tiny", cache, runs)
    assert made.finite.tolist() == [True, False, True]
    for row in (0, 2):
        assert_same("tiny", made, row, stepwise("tiny", expected, row, runs.token_ids[row]), row)


def test_a_slot_keeps_its_tokens_when_its_source_changes_and_its_source_when_its_tokens_go() -> None:
    cache = filled("tiny", [0, 1])
    decoded("tiny", cache, Runs([0], [0], [TOKENS]))
    keys, sources = cache.layers[0].self_rows[0].clone(), cache.cross_rows[:, 0].clone()
    text_decoder("tiny").write_sources(cache, [[0]], [torch.ones(4, 32)])
    assert torch.equal(cache.layers[0].self_rows[0], keys)
    assert not cache.cross_rows[:, 0, :, :, 4:].any()
    cache = filled("tiny", [0])
    decoded("tiny", cache, Runs([0], [0], [TOKENS]))
    cache.clear_tokens([0])
    assert torch.equal(cache.cross_rows[:, 0], sources)
    assert not cache.layers[0].self_rows[0].any()
    assert not cache.states[0].any()


def test_a_run_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="no token"):
        Runs([0, 1], [0, 0], [[3], []])


@pytest.mark.parametrize("pairs", [(), ((0, 4),), ((3, 0),), ((-1, 0),), ((0, 0), (0, 0))])
def test_heads_that_a_checkpoint_does_not_have_are_refused(pairs: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(InvalidArgument, match="alignment_heads"):
        AlignmentHeads(pairs).check(checkpoint("tiny").config)


def test_a_forked_row_goes_on_as_the_original_would() -> None:
    """And as if it had been fed alone, whatever the original is fed after that."""
    cache, expected = filled("tiny", [0, 2]), filled("tiny", [0])
    decoded("tiny", cache, Runs([0, 2], [0, 0], [TOKENS[:5], TOKENS[:9]]))
    decoded("tiny", expected, Runs([0], [0], [TOKENS[:5]]))
    cache.fork(0, [2, 4])
    for index, token in enumerate(TOKENS[5:]):
        decoded("tiny", cache, Runs.steps([0, 2], [5 + index] * 2, [90 - token, token]))
    made = decoded("tiny", cache, Runs([4], [5], [TOKENS[5:]]))
    steps = stepwise("tiny", expected, 0, TOKENS[5:], start=5)
    assert_same("tiny", made, 0, steps, 0)
    count = len(TOKENS)
    for slot in (2, 4):
        torch.testing.assert_close(
            cache.states[slot, :count], expected.states[0, :count], atol=FLOAT32_TOLERANCE, rtol=0
        )
    assert not torch.allclose(cache.states[0, :count], expected.states[0, :count])
    assert cache.lengths([2, 4]) == [LENGTHS[0]] * 2


def test_reordered_rows_take_the_tokens_of_their_parents() -> None:
    """Two hypotheses of one source change places while a third one is dropped for a copy."""
    cache, alone = filled("tiny", [1]), filled("tiny", [1])
    cache.fork(1, [0, 3])
    texts = {0: TOKENS[:6], 1: TOKENS[::-1][:6], 3: TOKENS[3:9]}
    decoded("tiny", cache, Runs(list(texts), [0] * 3, list(texts.values())))
    parents = {0: 1, 1: 0, 3: 1}
    cache.reorder(list(parents), list(parents.values()), 6)
    made = decoded("tiny", cache, Runs.steps(list(parents), [6] * 3, [50, 51, 52]))
    for row, (parent, token) in enumerate(zip(parents.values(), (50, 51, 52), strict=True)):
        steps = stepwise("tiny", alone, 1, [*texts[parent], token])
        assert made.token_ids[row] == steps[-1].token_ids[0]
        torch.testing.assert_close(
            made.log_probabilities[row], steps[-1].log_probabilities[0], atol=FLOAT32_TOLERANCE, rtol=0
        )
    before = cache.states.clone()
    cache.reorder([0, 3], [0, 3], 6)
    assert torch.equal(cache.states, before)
