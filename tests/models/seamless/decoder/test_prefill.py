"""A run of known tokens in one pass: what the same tokens give one step at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch

from tests.checkpoints import checkpoint_folder
from tests.fakes.fake_graph_capturer import FakeGraphCapturer, limit_captured_batches
from tests.fakes.standin import NAME, stand_in
from tests.models.seamless.modules import MAX_TOKENS, checkpoint, new_cache, text_decoder
from translate_svc.errors import EngineError, InvalidArgument
from translate_svc.models.alignment.heads import AlignmentHeads
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.limits import ModelLimits
from translate_svc.models.seamless.decoder.decoded_step import ALL_OPTIONAL_FIELDS, DecodedStep
from translate_svc.models.seamless.decoder.decoder_cache import DecodeInput, DecoderCache, Runs
from translate_svc.models.seamless.seamless_model import TokenPrediction, TranslationModel
from translate_svc.models.slices import finish

TOKENS = [3, 97, 20, 31, 7, 7, 64, 12, 90, 33, 4, 55, 13]
LENGTHS = {0: 31, 1: 2, 2: 17, 3: 40, 4: 9, 5: 23}
"""States of each slot's source."""
CHECKPOINTS = ("tiny", "starter")
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
        text_decoder(name).write_source(cache, [slot], states)
    return cache


def stepwise(
    name: str, cache: DecoderCache, slot: int, token_ids: Sequence[int], start: int = 0
) -> list[DecodedStep]:
    return [
        text_decoder(name).step(cache, DecodeInput([slot], [start + index], [token_id]), ALL_OPTIONAL_FIELDS)
        for index, token_id in enumerate(token_ids)
    ]


def assert_same(name: str, made: DecodedStep, row: int, steps: list[DecodedStep], slot: int) -> None:
    count, frames = len(steps), LENGTHS[slot]
    assert made.token_ids[row] == steps[-1].token_ids[0]
    assert bool(made.finite[row])
    torch.testing.assert_close(made.log_probabilities[row], steps[-1].log_probabilities[0], atol=1e-5, rtol=0)
    assert made.attention is not None
    assert made.source_frames is not None
    attention = torch.cat([step.attention[0] for step in steps if step.attention is not None])
    torch.testing.assert_close(made.attention[row, -count:, :frames], attention, atol=1e-5, rtol=0)
    assert not made.attention[row, :, frames:].any()
    expected = [int(step.source_frames[0, 0]) for step in steps if step.source_frames is not None]
    assert made.source_frames[row, -count:].tolist() == expected


@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize("count", [1, 2, 13])
def test_a_run_alone_is_its_steps(name: str, count: int) -> None:
    cache, expected = filled(name, [3]), filled(name, [3])
    made = text_decoder(name).prefill(cache, Runs([3], [0], [TOKENS[:count]]), ALL_OPTIONAL_FIELDS)
    assert_same(name, made, 0, stepwise(name, expected, 3, TOKENS[:count]), 3)
    torch.testing.assert_close(cache.states[3, :count], expected.states[3, :count], atol=1e-5, rtol=0)
    for layer, other in zip(cache.layers, expected.layers, strict=True):
        torch.testing.assert_close(
            layer.self_rows[3, :, :, :count], other.self_rows[3, :, :, :count], atol=1e-5, rtol=0
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
    made = text_decoder(name).prefill(cache, Runs(slots, starts, runs), ALL_OPTIONAL_FIELDS)
    for row, (slot, start, run) in enumerate(zip(slots, starts, runs, strict=True)):
        assert_same(name, made, row, stepwise(name, expected, slot, run, start), slot)
        end = start + len(run)
        torch.testing.assert_close(cache.states[slot, :end], expected.states[slot, :end], atol=1e-5, rtol=0)
        rest = cache.states[slot, end:MAX_TOKENS]
        assert not rest.any(), "padding is written to the scratch column alone"


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_steps_go_on_behind_a_run(name: str) -> None:
    cache, expected = filled(name, [0, 2]), filled(name, [0, 2])
    text_decoder(name).prefill(cache, Runs([0, 2], [0, 0], [TOKENS[:4], TOKENS[:9]]))
    stepwise(name, expected, 0, TOKENS[:4])
    stepwise(name, expected, 2, TOKENS[:9])
    for index, token in enumerate(TOKENS[9:]):
        fed = DecodeInput([0, 2], [4 + index, 9 + index], [token, token])
        made = text_decoder(name).step(cache, fed)
        steps = text_decoder(name).step(expected, fed)
        assert made.token_ids.tolist() == steps.token_ids.tolist()
    torch.testing.assert_close(
        cache.states[:, :MAX_TOKENS], expected.states[:, :MAX_TOKENS], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_row_that_is_not_finite_harms_nobody(poison: float) -> None:
    cache, expected = filled("tiny", range(3)), filled("tiny", [0, 2])
    for layer in cache.layers:
        layer.cross_rows[1] = poison
    runs = Runs([0, 1, 2], [0, 0, 0], [TOKENS[:5], TOKENS, TOKENS[:9]])
    made = text_decoder("tiny").prefill(cache, runs, ALL_OPTIONAL_FIELDS)
    assert made.finite.tolist() == [True, False, True]
    for row in (0, 2):
        assert_same("tiny", made, row, stepwise("tiny", expected, row, runs.token_ids[row]), row)


def test_a_slot_keeps_its_tokens_when_its_source_changes_and_its_source_when_its_tokens_go() -> None:
    cache = filled("tiny", [0, 1])
    text_decoder("tiny").prefill(cache, Runs([0], [0], [TOKENS]))
    keys, sources = cache.layers[0].self_rows[0].clone(), cache.cross_rows[:, 0].clone()
    text_decoder("tiny").write_source(cache, [0], torch.ones(4, 32))
    assert torch.equal(cache.layers[0].self_rows[0], keys)
    assert not cache.cross_rows[:, 0, :, :, 4:].any()
    cache = filled("tiny", [0])
    text_decoder("tiny").prefill(cache, Runs([0], [0], [TOKENS]))
    cache.clear_tokens([0])
    assert torch.equal(cache.cross_rows[:, 0], sources)
    assert not cache.layers[0].self_rows[0].any()
    assert not cache.states[0].any()


def test_a_run_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="no token"):
        Runs([0, 1], [0, 0], [[3], []])


def model(
    name: str, device: str = "cpu", dtype: torch.dtype = torch.float32, capturer: GraphCapturer | None = None
) -> TranslationModel:
    made = TranslationModel(
        Checkpoint.open(checkpoint_folder(name)),
        ModelLimits(max_slots=4, max_slot_tokens=30, max_source_samples=48_000, max_source_tokens=40),
        device=torch.device(device),
        dtype=dtype,
        alignment_layer=1,
        alignment_heads=AlignmentHeads(((0, 1), (1, 0), (1, 1))),
        capturer=capturer,
    )
    finish(made.encode(SOURCES, [[0], [1, 3]]))
    return made


SOURCES = [tuple(range(4, 20)), tuple(range(30, 36))]
RUNS = {0: TOKENS[:3], 1: TOKENS, 3: TOKENS[:7]}


def prefilled(made: TranslationModel) -> list[TokenPrediction]:
    outcomes = made.prefill(
        list(RUNS),
        [0, 0, 0],
        list(RUNS.values()),
        return_source_ms=[True, False, True],
        return_attention=[True, True, False],
    )
    assert not any(isinstance(each, EngineError) for each in outcomes)
    return [each for each in outcomes if isinstance(each, TokenPrediction)]


def stepped(made: TranslationModel, slot: int) -> list[TokenPrediction]:
    predictions = []
    for position, token_id in enumerate(RUNS[slot]):
        (outcome,) = made.decode(
            [slot], [position], [token_id], return_source_ms=[True], return_attention=[True]
        )
        assert isinstance(outcome, TokenPrediction)
        predictions.append(outcome)
    return predictions


def assert_as_on_host(found: list[TokenPrediction], made: TranslationModel) -> None:
    """``made`` on the host, token by token."""
    for row, slot in enumerate(RUNS):
        steps = stepped(made, slot)
        assert found[row].token_id == steps[-1].token_id
        assert found[row].log_probability == pytest.approx(steps[-1].log_probability, abs=1e-5)
        if row != 1:
            assert found[row].source_ms == steps[-1].source_ms
        attention = found[row].attention
        if row == 2:
            assert attention is None
            continue
        assert attention is not None
        rows = np.concatenate([step.attention for step in steps if step.attention is not None])
        assert attention.dtype == np.float32
        assert attention.shape == (len(RUNS[slot]), len(SOURCES[min(slot, 1)]))
        np.testing.assert_allclose(attention, rows, atol=1e-5)
        np.testing.assert_allclose(attention.sum(axis=1), 1.0, atol=1e-5)
    assert found[1].source_ms is None, "it was not asked for"


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_what_the_model_gives_on_the_host(name: str) -> None:
    assert_as_on_host(prefilled(model(name)), model(name))


@pytest.mark.skipif(
    os.environ.get("TEST_DEVICE", "").startswith("cuda"),
    reason="torch knows one accelerator a process, and there is a real one",
)
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_host_waits_once_for_a_run_on_a_device(name: str) -> None:
    with torch.inference_mode(False), stand_in() as device:
        there = model(name, NAME)
        device.waits.clear()
        found = prefilled(there)
        assert len(device.waits) == 1
        assert_as_on_host(found, model(name))


@pytest.mark.parametrize("on_device", [False, True])
def test_attention_of_recorded_steps_is_that_of_plain_ones(
    on_device: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_captured_batches(monkeypatch)
    if not on_device:
        _assert_captured_is_eager(model("tiny", capturer=FakeGraphCapturer()))
        return
    with torch.inference_mode(False), stand_in():
        _assert_captured_is_eager(model("tiny", NAME, capturer=FakeGraphCapturer()))


def _assert_captured_is_eager(captured: TranslationModel) -> None:
    plain = model("tiny")
    seen: list[tuple[float, ...]] = []
    for slot in RUNS:
        for found, expected in zip(stepped(captured, slot), stepped(plain, slot), strict=True):
            assert found.token_id == expected.token_id
            assert found.source_ms == expected.source_ms
            assert found.attention is not None
            assert expected.attention is not None
            np.testing.assert_allclose(found.attention, expected.attention, atol=1e-5)
            seen.append(tuple(found.attention.flatten().tolist()))
    assert len(set(seen)) > len(TOKENS), "one row for all would prove nothing"


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_bfloat16(name: str) -> None:
    made, expected = model(name, dtype=torch.bfloat16), model(name, dtype=torch.bfloat16)
    prefilled(made)
    for slot, run in RUNS.items():
        stepped(expected, slot)
        states, others = (each._cache.states[slot, : len(run)].float() for each in (made, expected))
        assert float((states - others).abs().max()) <= BFLOAT16_TOLERANCE * float(others.abs().max())


@pytest.mark.parametrize("pairs", [(), ((0, 4),), ((3, 0),), ((-1, 0),), ((0, 0), (0, 0))])
def test_heads_that_a_checkpoint_does_not_have_are_refused(pairs: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(InvalidArgument, match="alignment_heads"):
        AlignmentHeads(pairs).check(checkpoint("tiny").config)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_given_text_has_the_probability_of_each_of_its_tokens(name: str) -> None:
    """Beside a run with speculative tokens, of which only what is right counts."""
    made, expected = model(name), model(name)
    given = TOKENS[2:9]
    outcomes = made.prefill(
        [0, 1, 3],
        [0, 0, 0],
        [TOKENS[:2], TOKENS[:2], TOKENS[:3]],
        return_source_ms=[False] * 3,
        return_attention=[False] * 3,
        speculative=[given, given, ()],
        scored=[True, False, False],
    )
    scored, accepted, plain = outcomes
    assert isinstance(scored, TokenPrediction)
    assert isinstance(accepted, TokenPrediction)
    assert isinstance(plain, TokenPrediction)
    for position, token_id in enumerate(TOKENS[:9]):
        expected.decode([0], [position], [token_id], return_source_ms=[False])
    logits = expected._decoder._output(expected._cache.states[0, 1:9]).float()
    known = logits.log_softmax(dim=-1)
    assert scored.accepted == pytest.approx(
        [float(known[row, token]) for row, token in enumerate(given)], abs=1e-5
    )
    assert scored.token_id == int(known[-1].argmax())
    assert min(scored.accepted) < -1, "it is not what the model would write"
    assert len(accepted.accepted) < len(given)
    (alone,) = model(name).prefill([3], [0], [TOKENS[:3]], return_source_ms=[False], return_attention=[False])
    assert isinstance(alone, TokenPrediction)
    assert plain.token_id == alone.token_id
    assert plain.log_probability == pytest.approx(alone.log_probability, abs=1e-5)
