"""Text-to-unit: transformers' units for one text, the same in any company, and its errors avoided."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.checkpoints import oracle
from tests.models.seamless.modules import checkpoint, text_to_unit
from translate_svc.models.layers.transformer import upsample
from translate_svc.models.seamless.t2u.t2u import CharacterBatch, TextBatch, UnitBatch

TEXTS = [
    [3, 97, 20, 31, 7, 7, 64, 12, 90, 33, 4, 55],
    [3, 98, 55],
    [3, 97, 90, 12, 33, 20, 44],
    [3, 98, 61, 62, 63, 64, 65, 66, 67, 68],
]


def states_of(text: list[int], seed: int) -> Tensor:
    return 2 * torch.randn(len(text), 32, generator=torch.Generator().manual_seed(seed))


def batch_of(rows: list[int], *, factor: float = 1.0, garbage: float = 0.0) -> TextBatch:
    """Texts by index, right-padded with ``garbage``."""
    table = checkpoint("tiny").character_table()
    sequences = [table.characters(TEXTS[row]) for row in rows]
    longest = max(len(TEXTS[row]) for row in rows)
    characters = max(len(sequence.character_ids) for sequence in sequences)
    states = torch.full((len(rows), longest, 32), garbage)
    ids = torch.zeros(len(rows), characters, dtype=torch.int64)
    counts = torch.zeros(len(rows), longest, dtype=torch.int64)
    for place, (row, sequence) in enumerate(zip(rows, sequences, strict=True)):
        states[place, : len(TEXTS[row])] = states_of(TEXTS[row], row)
        ids[place, : len(sequence.character_ids)] = torch.tensor(sequence.character_ids)
        counts[place, : len(TEXTS[row])] = torch.tensor(sequence.counts_per_token)
    lengths = torch.tensor([len(TEXTS[row]) for row in rows])
    return TextBatch(states, lengths, ids, counts, torch.full((len(rows),), factor), padded=len(rows) > 1)


def units_of(characters: CharacterBatch) -> UnitBatch:
    """The second half, of all rows."""
    totals = characters.durations.sum(dim=1)
    return text_to_unit("tiny").units(
        characters.states, characters.durations, int(totals.max()), padded=len(totals) > 1
    )


@torch.inference_mode()
def speak(rows: list[int], **options: Any) -> list[tuple[list[int], list[int]]]:
    """Units and character durations of texts, in one batch."""
    batch = batch_of(rows, **options)
    characters = text_to_unit("tiny").characters(batch)
    made = units_of(characters)
    assert characters.finite.all()
    assert made.finite.all()
    lengths, totals = batch.counts.sum(dim=1), characters.durations.sum(dim=1)
    return [
        (made.units[i, : totals[i]].tolist(), characters.durations[i, : lengths[i]].tolist())
        for i in range(len(rows))
    ]


@torch.inference_mode()
def reference_units(row: int) -> list[int]:
    """transformers' units of one text, offset removed."""
    sequence = checkpoint("tiny").character_table().characters(TEXTS[row])
    output = oracle("tiny").model.t2u_model(
        inputs_embeds=states_of(TEXTS[row], row)[None],
        attention_mask=torch.ones(1, len(TEXTS[row])),
        char_input_ids=torch.tensor([sequence.character_ids]),
        char_count_per_id=torch.tensor([sequence.counts_per_token]),
    )
    units: list[int] = (output.last_hidden_state[0].argmax(dim=1) - 4).tolist()
    return units


@pytest.mark.parametrize("row", range(len(TEXTS)))
def test_one_text_has_transformers_units(row: int) -> None:
    ((units, durations),) = speak([row])
    assert units == reference_units(row)
    assert sum(durations) == len(units)


@pytest.mark.parametrize("garbage", [0.0, 1e4])
def test_a_batched_text_keeps_its_own_end_alone(garbage: float) -> None:
    """In transformers' batches the end of a shorter row stays unmasked (6e-4 off)."""
    rows = [1, 0, 3, 2]
    assert speak(rows, garbage=garbage) == [speak([row])[0] for row in rows]
    with torch.inference_mode():
        together = text_to_unit("tiny").characters(batch_of(rows, garbage=garbage))
        for place, row in enumerate(rows):
            alone = text_to_unit("tiny").characters(batch_of([row]))
            length = alone.states.shape[1]
            torch.testing.assert_close(together.states[place, :length], alone.states[0], atol=2e-5, rtol=0)


def test_no_token_is_dropped_at_the_length_limit() -> None:
    """transformers cuts the last id off, be it ``</s>`` or, at the limit, a token."""
    table = checkpoint("tiny").character_table()
    for text in TEXTS:
        last = checkpoint("tiny").maps.id_to_text[text[-1]]
        assert table.characters(text).counts_per_token[-2] == len(last)
        assert len(table.characters(text).counts_per_token) == len(text)


@pytest.mark.parametrize("factor", [0.4, 0.7, 1.0, 1.3, 2.0])
def test_durations_are_scaled_before_rounding_and_never_vanish(factor: float) -> None:
    """Meta's ``VarianceAdaptor``: clamp(round(expm1(prediction) * factor), 1)."""
    module = text_to_unit("tiny")
    with torch.inference_mode():
        batch = batch_of([0], factor=factor)
        characters = module.characters(batch)
        predicted = torch.expm1(module.model.decoder.duration_predictor(characters.states, None))
    expected = (predicted * factor).round().clamp(min=1).long()
    torch.testing.assert_close(characters.durations, expected)
    assert len({int(each) for each in expected[0]}) > 1, "a constant would prove nothing"


def test_control_symbols_are_never_spoken() -> None:
    """transformers would speak ``</s>`` as unit 1 and hand -4 or ids after the units to the vocoder."""
    module = text_to_unit("tiny")
    with torch.inference_mode():
        characters = module.characters(batch_of([0, 3]))
        weight = module.model.decoder.embed_tokens.weight
        kept = weight.clone()
        expected = units_of(characters).units
        for control in (0, 1, 2, 3, 64, 66):
            weight[control] = 100.0 * weight[4:64].mean(dim=0)
            weight[control, ::2] *= -1
        try:
            made = units_of(characters)
        finally:
            weight.copy_(kept)
    torch.testing.assert_close(made.units, expected)
    assert made.units.min() >= 0
    assert made.units.max() < checkpoint("tiny").config.unit_hifi_gan_vocab_size


def test_a_row_that_is_not_a_number_is_told() -> None:
    module = text_to_unit("tiny")
    batch = batch_of([0, 1, 2])
    batch.states[1, 1] = torch.nan
    with torch.inference_mode():
        characters = module.characters(batch)
    assert characters.finite.tolist() == [True, False, True]
    with torch.inference_mode():
        healthy = module.characters(batch_of([0, 1, 2]))
        made, expected = units_of(characters), units_of(healthy)
    assert made.finite.tolist() == [True, False, True]
    for row in (0, 2):
        length = int(healthy.durations[row].sum())
        assert made.units[row, :length].tolist() == expected.units[row, :length].tolist()


def test_upsampling_repeats_each_state_as_often_as_told() -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        rows, places = int(torch.randint(1, 5, (), generator=generator)), 6
        states = torch.randn(rows, places, 3, generator=generator)
        counts = torch.randint(0, 4, (rows, places), generator=generator)
        counts[:, 2] += 1  # at least one
        size = int(counts.sum(dim=1).max()) + int(torch.randint(0, 3, (), generator=generator))
        made, lengths = upsample(states, counts, size)
        assert made.shape == (rows, size, 3)
        assert lengths.tolist() == counts.sum(dim=1).tolist()
        for row in range(rows):
            expected = states[row].repeat_interleave(counts[row], dim=0)
            torch.testing.assert_close(made[row, : lengths[row]], expected, atol=0, rtol=0)
            assert not made[row, lengths[row] :].any()
