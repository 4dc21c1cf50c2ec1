"""Decode items to predictions: a run is its steps, on any device, captured or not, under constraints."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.checkpoints import new_model
from tests.fakes.fake_graph_capturer import FakeGraphCapturer, limit_captured_batches
from tests.fakes.standin import NAME, stand_in
from translate_svc.engine.constraint import Constraint
from translate_svc.engine.plan import GIVEN, DecodeItem, SequenceKey
from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases
from translate_svc.engine.runner.decoding.token_decoder import TokenDecoder
from translate_svc.engine.step_result import DecodeResult
from translate_svc.models.alignment.heads import AlignmentHeads
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.limits import ModelLimits
from translate_svc.models.precision import BFLOAT16, FLOAT32, Precision
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.slices import finish

TOKENS = (3, 97, 20, 31, 7, 7, 64, 12, 90, 33, 4, 55, 13)
CHECKPOINTS = ("tiny", "starter")
LIMITS = ModelLimits(max_slots=4, max_slot_tokens=30, max_source_samples=48_000, max_source_tokens=40)
SOURCES = [tuple(range(4, 20)), tuple(range(30, 36))]
RUNS = {0: TOKENS[:3], 1: TOKENS, 3: TOKENS[:7]}
ON_ITS_OWN_DEVICE = pytest.mark.skipif(
    os.environ.get("TEST_DEVICE", "cpu") != "cpu",
    reason="torch knows one accelerator a process, and the tests of this room have one already",
)
BFLOAT16_TOLERANCE = 0.05
"""Of the scale of the states: a product of several rows sums in another order, and bfloat16 has 8 bits."""


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def model(name: str, device: str = "cpu", precision: Precision = FLOAT32) -> SeamlessModel:
    heads = AlignmentHeads(((0, 1), (1, 0), (1, 1)))
    return new_model(
        name, LIMITS, device=device, precision=precision, alignment_layer=1, alignment_heads=heads
    )


def decoder(made: SeamlessModel, capturer: GraphCapturer | None = None) -> TokenDecoder:
    """Slots 0, 1 and 3 hold sources. The mask ``low`` is the first half of the vocabulary."""
    biases = ConstraintBiases(
        {"low": range(made.vocabulary_size // 2)},
        slots=LIMITS.max_slots,
        vocabulary_size=made.vocabulary_size,
        device=made.device,
    )
    decoder = TokenDecoder(made, biases, capturer)
    finish(made.encode(SOURCES, [[0], [1, 3]]))
    return decoder


def item(slot: int, position: int, token_ids: Sequence[int]) -> DecodeItem:
    return DecodeItem(SequenceKey(f"r{slot}", 0), slot, position, tuple(token_ids), True, True)


def predict(made: TokenDecoder, *items: DecodeItem) -> list[DecodeResult]:
    outcomes = made.predict(items)
    found = [each for each in outcomes if isinstance(each, DecodeResult)]
    assert len(found) == len(items), outcomes
    return found


def prefilled(made: TokenDecoder) -> list[DecodeResult]:
    """``RUNS``, of which the second one wants no place and the third one no attention."""
    first, second, third = (item(slot, 0, run) for slot, run in RUNS.items())
    wanted = (first, replace(second, return_source_ms=False), replace(third, return_attention=False))
    return predict(made, *wanted)


def stepped(made: TokenDecoder, slot: int) -> list[DecodeResult]:
    return [predict(made, item(slot, at, [token]))[0] for at, token in enumerate(RUNS[slot])]


def assert_as_on_host(found: list[DecodeResult], made: TokenDecoder) -> None:
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
def test_a_run_is_its_steps_on_the_host(name: str) -> None:
    assert_as_on_host(prefilled(decoder(model(name))), decoder(model(name)))


@ON_ITS_OWN_DEVICE
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_host_waits_once_for_a_run_on_a_device(name: str) -> None:
    with torch.inference_mode(False), stand_in() as device:
        there = decoder(model(name, NAME))
        device.waits.clear()
        found = prefilled(there)
        assert len(device.waits) == 1
        assert_as_on_host(found, decoder(model(name)))


def test_a_captured_step_obeys_the_constraint_of_its_row_without_a_new_capture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit_captured_batches(monkeypatch)
    whole, capturer = model("tiny"), FakeGraphCapturer()
    captured, plain = decoder(whole, capturer), decoder(model("tiny"))
    graphs, half = capturer.captured, whole.vocabulary_size // 2
    low, biased = Constraint(masks=("low",)), Constraint(biases=((11, 1e4),))
    for at, token in enumerate(TOKENS):
        free = item(0, at, [token])
        masked = replace(item(1, at, [token]), constraint=low if at % 2 else Constraint())
        pushed = replace(item(3, at, [token]), constraint=biased)
        found, expected = predict(captured, free, masked, pushed), predict(plain, free, masked, pushed)
        assert [each.token_id for each in found] == [each.token_id for each in expected]
        (alone,) = predict(plain, item(1, at, [token]))
        if at % 2:
            assert found[1].token_id >= half
            assert found[1].log_probability <= alone.log_probability + 1e-5
        else:
            assert found[1].token_id == alone.token_id
        assert found[2].token_id == 11
    assert capturer.captured == graphs


def test_a_step_that_was_launched_ahead_for_another_token_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit_captured_batches(monkeypatch)
    captured, plain = decoder(model("tiny"), FakeGraphCapturer()), decoder(model("tiny"))
    for at, token in enumerate(TOKENS):
        found, expected = (
            predict(made, item(0, at, [token]), item(3, at, [7])) for made in (captured, plain)
        )
        assert [each.token_id for each in found] == [each.token_id for each in expected]


def test_the_step_after_speculative_tokens_is_launched_before_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Slots 0 and 1 accept some of theirs and none; slot 3 begins under a constraint."""
    limit_captured_batches(monkeypatch)
    captured, plain = decoder(model("tiny"), FakeGraphCapturer()), decoder(model("tiny"))
    (first,) = predict(plain, item(0, 0, TOKENS[:2]))
    (second,) = predict(plain, item(0, 2, [first.token_id]))
    right = (first.token_id, second.token_id, 5, 5, 5)
    items = [
        replace(item(0, 0, TOKENS[:2]), speculative_token_ids=right),
        replace(item(1, 0, TOKENS[:5]), speculative_token_ids=(5,)),
        replace(item(3, 0, TOKENS[:3]), constraint=Constraint(masks=("low",))),
    ]
    for step in range(4):
        found, expected = (predict(made, *items) for made in (captured, plain))
        assert [each.token_id for each in found] == [each.token_id for each in expected]
        assert [len(each.accepted) for each in found] == ([2, 0, 0] if step == 0 else [0, 0, 0])
        assert captured.found_ahead == (step > 0)
        items = [
            item(each.slot, each.position + len(each.token_ids) + len(made.accepted), [made.token_id])
            for each, made in zip(items, found, strict=True)
        ]


def test_a_constraint_is_for_the_token_after_the_known_ones() -> None:
    """And not for those after speculative tokens, which were chosen under none."""
    plain = decoder(model("tiny"))
    low = Constraint(masks=("low",))
    (free,) = predict(plain, item(0, 0, TOKENS[:2]))
    (masked,) = predict(plain, replace(item(0, 0, TOKENS[:2]), constraint=low))
    assert masked.token_id != free.token_id, "the mask would prove nothing"
    (after,) = predict(plain, item(0, 2, [masked.token_id]))
    (whole,) = predict(
        plain,
        replace(item(0, 0, TOKENS[:2]), constraint=low, speculative_token_ids=(masked.token_id,)),
    )
    assert list(whole.accepted) == pytest.approx([masked.log_probability], abs=1e-5)
    assert whole.token_id == after.token_id


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_bfloat16(name: str) -> None:
    made, expected = model(name, precision=BFLOAT16), model(name, precision=BFLOAT16)
    prefilled(decoder(made))
    steps = decoder(expected)
    for slot, run in RUNS.items():
        stepped(steps, slot)
        states, others = (each.cache.states[slot, : len(run)].float() for each in (made, expected))
        assert float((states - others).abs().max()) <= BFLOAT16_TOLERANCE * float(others.abs().max())


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_given_text_has_the_probability_of_each_of_its_tokens(name: str) -> None:
    """Beside a run with speculative tokens, of which only the accepted ones count."""
    given = TOKENS[2:9]
    first, second = (replace(item(slot, 0, TOKENS[:2]), speculative_token_ids=given) for slot in (0, 1))
    third = item(3, 0, TOKENS[:3])
    scored, speculative, plain = predict(
        decoder(model(name)), replace(first, tolerances=(GIVEN,) * len(given)), second, third
    )
    expected = model(name)
    stepwise = decoder(expected)
    for position, token_id in enumerate(TOKENS[:9]):
        predict(stepwise, item(0, position, [token_id]))
    weights, states = expected.decoder.embed_tokens.weight, expected.cache.states[0, 1:9]
    known = (states @ weights.T).float().log_softmax(dim=-1)
    assert scored.accepted == pytest.approx(
        [float(known[row, token]) for row, token in enumerate(given)], abs=1e-4
    )
    assert scored.token_id == int(known[-1].argmax())
    assert min(scored.accepted) < -1, "it is not what the model would write"
    assert len(speculative.accepted) < len(given)
    (alone,) = predict(decoder(model(name)), third)
    assert plain.token_id == alone.token_id
    assert plain.log_probability == pytest.approx(alone.log_probability, abs=1e-5)
