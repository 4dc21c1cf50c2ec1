"""Decode step: transformers' numbers, for rows at positions of their own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.checkpoints import oracle, tones
from tests.models.seamless.modules import MAX_TOKENS, decoded, new_cache, text_decoder
from translate_svc.models.decoded_step import NO_FRAME
from translate_svc.models.decoder.cached_decoder import MIN_CONTRIBUTION, CrossAttention
from translate_svc.models.decoder.decoder_cache import DecoderCache
from translate_svc.models.layers.transformer import sinusoidal_positions
from translate_svc.models.runs import Runs

TOKENS = [3, 97, 20, 31, 7, 7, 64, 12, 90, 33, 4, 55]


def source(frames: int, seed: int = 0) -> Tensor:
    return torch.randn(frames, 32, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def reference(states: Tensor, token_ids: list[int]) -> tuple[Tensor, Tensor]:
    """Teacher-forced: hidden states ``[n, hidden]`` and logits ``[n, vocabulary]``."""
    model = oracle("tiny").model
    hidden = model.text_decoder(
        input_ids=torch.tensor([token_ids]), encoder_hidden_states=states[None]
    ).last_hidden_state
    return hidden[0], model.lm_head(hidden)[0]


@torch.inference_mode()
def feed(cache: DecoderCache, slots: list[int], positions: list[int], token_ids: list[int]) -> Tensor:
    """One step; the predicted ids."""
    return decoded("tiny", cache, Runs.steps(slots, positions, token_ids)).token_ids


def write(cache: DecoderCache, slot: int, states: Tensor) -> None:
    """To a new owner of the slot."""
    with torch.inference_mode():
        cache.clear_tokens([slot])
        text_decoder("tiny").write_sources(cache, [[slot]], [states])


def test_states_and_predictions_are_transformers() -> None:
    cache = new_cache("tiny", slots=1)
    write(cache, 0, source(13))
    predicted = [int(feed(cache, [0], [i], [token])[0]) for i, token in enumerate(TOKENS)]
    hidden, logits = reference(source(13), TOKENS)
    torch.testing.assert_close(cache.states[0, : len(TOKENS)], hidden, atol=2e-5, rtol=0)
    assert predicted == logits.argmax(dim=1).tolist()


@torch.inference_mode()
def test_sources_written_together_are_those_written_alone() -> None:
    """One has two slots. One slot had a longer source before, and one failed."""
    together, alone = new_cache("tiny", slots=5), new_cache("tiny", slots=5)
    write(together, 3, source(40))
    write(together, 1, source(17) * float("nan"))
    owned, states = [[2, 0], [3], [1]], [source(9), source(31), source(17)]
    text_decoder("tiny").write_sources(together, owned, states)
    for slots, each in zip(owned, states, strict=True):
        for slot in slots:
            write(alone, slot, each)
    torch.testing.assert_close(together.cross_rows, alone.cross_rows, atol=1e-6, rtol=0)
    assert list(together.source_lengths) == list(alone.source_lengths) == [9, 17, 9, 31, 0]


def test_rows_have_positions_and_sources_of_their_own() -> None:
    """transformers takes one scalar past length for the whole batch."""
    cache = new_cache("tiny", slots=4)
    starts, frames = {0: 0, 3: 2, 1: 5}, {0: 40, 3: 2, 1: 17}
    for slot, count in frames.items():
        write(cache, slot, source(count, slot))
    for step in range(len(TOKENS) + 5):
        live = [slot for slot, start in starts.items() if start <= step < start + len(TOKENS)]
        positions = [step - starts[slot] for slot in live]
        if live:
            feed(cache, live, positions, [TOKENS[position] for position in positions])
    for slot, count in frames.items():
        hidden, _ = reference(source(count, slot), TOKENS)
        torch.testing.assert_close(cache.states[slot, : len(TOKENS)], hidden, atol=2e-5, rtol=0)


def test_feeding_a_position_again_changes_nothing() -> None:
    cache = new_cache("tiny", slots=2)
    write(cache, 1, source(9))
    for position, token in enumerate(TOKENS):
        once = feed(cache, [1], [position], [token])
        assert feed(cache, [1], [position], [token]) == once
    hidden, _ = reference(source(9), TOKENS)
    torch.testing.assert_close(cache.states[1, : len(TOKENS)], hidden, atol=2e-5, rtol=0)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_slot_is_wiped_for_its_next_owner(poison: float) -> None:
    """Masked keys and values still take part in a sum: zero times NaN is NaN."""
    cache = new_cache("tiny", slots=2)
    for layer in cache.layers:
        for rows in (layer.self_keys, layer.self_values, layer.cross_keys, layer.cross_values):
            rows[1] = poison
    cache.states[1] = poison
    write(cache, 1, source(5))
    write(cache, 0, source(30))
    for position, token in enumerate(TOKENS):
        feed(cache, [0, 1], [position] * 2, [token] * 2)
    hidden, _ = reference(source(5), TOKENS)
    torch.testing.assert_close(cache.states[1, : len(TOKENS)], hidden, atol=2e-5, rtol=0)
    assert torch.isfinite(cache.states[1]).all()


def test_the_alignment_layer_tells_the_frame_that_a_token_draws_most_from() -> None:
    """Attention weight times norm of the value, mean over heads, in parts of the largest mean norm."""
    model = oracle("tiny").model
    encoded = model.speech_encoder(**oracle("tiny").inputs(tones()[12])).last_hidden_state
    model.set_attn_implementation("eager")
    try:
        with torch.inference_mode():
            attentions = model.text_decoder(
                input_ids=torch.tensor([TOKENS]), encoder_hidden_states=encoded, output_attentions=True
            ).cross_attentions
    finally:
        model.set_attn_implementation("sdpa")
    attention = model.text_decoder.layers[1].cross_attention
    heads = attentions[1].shape[1]
    norms = attention.v_proj(encoded[0]).detach().unflatten(-1, (heads, -1)).norm(dim=-1)
    drawn = torch.einsum("hts,sh->ts", attentions[1][0], norms) / norms.sum(dim=1).max()
    expected = torch.where(drawn.amax(dim=1) < MIN_CONTRIBUTION, NO_FRAME, drawn.argmax(dim=1)).tolist()
    cache = new_cache("tiny", slots=2)
    write(cache, 1, encoded[0].detach())
    write(cache, 0, source(3))
    frames = []
    with torch.inference_mode():
        for position, token in enumerate(TOKENS):
            step = decoded("tiny", cache, Runs.steps([0, 1], [position] * 2, [token] * 2))
            assert step.source_frames is not None
            frames.append(int(step.source_frames[1, 0]))
    assert frames == expected
    assert len(set(frames) - {NO_FRAME}) > 1, "a constant would prove nothing"


def test_a_head_that_rests_on_a_silent_frame_comes_of_no_frame() -> None:
    attention = CrossAttention(8, 2)
    key, value = torch.zeros(2, 2, 4, 4), torch.ones(2, 2, 4, 4)
    key[:, :, 3] = 9.0  # both heads of both rows look at the last frame alone
    value[0, :, 3] = 0.01  # which in the first row says nothing
    frames = attention.frames(torch.ones(2, 2, 1, 4), key, value, torch.ones(2, 1, 1, 4, dtype=torch.bool))
    assert frames.tolist() == [[NO_FRAME], [3]]


@pytest.mark.parametrize("padding_idx", [0, 1])
def test_positions_count_from_behind_the_padding_index(padding_idx: int) -> None:
    embedding = type(oracle("tiny").model.text_decoder.embed_positions)(MAX_TOKENS, 32, padding_idx)
    expected = embedding(inputs_embeds=torch.zeros(1, MAX_TOKENS, 32))[0]
    torch.testing.assert_close(sinusoidal_positions(MAX_TOKENS, 32, padding_idx), expected, atol=0, rtol=0)


def test_rows_between_those_that_take_part_change_nothing() -> None:
    """Attention reads a dense run of slots in place, those that sit out included, in whatever order."""
    cache = new_cache("tiny", slots=6)
    for slot in range(6):
        write(cache, slot, source(7 + slot, slot))
    for layer in cache.layers:
        for rows in (layer.self_keys, layer.self_values, layer.cross_keys, layer.cross_values):
            rows[2] = torch.nan
    cache.states[2] = 5.0
    for position, token in enumerate(TOKENS):
        feed(cache, [4, 1, 3], [position] * 3, [token] * 3)
    for slot in (4, 1, 3):
        hidden, _ = reference(source(7 + slot, slot), TOKENS)
        torch.testing.assert_close(cache.states[slot, : len(TOKENS)], hidden, atol=2e-5, rtol=0)
    assert (cache.states[2] == 5.0).all()
