"""Speech encoder: transformers' numbers for one utterance, and the same in any company."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from tests.checkpoints import oracle, tones, utterances
from tests.models.seamless.modules import checkpoint, encoder_inputs, speech_encoder
from tests.tiny_checkpoint import tiny_config
from translate_svc.models.linear.packed_linear import prepare
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.seamless.encoder.speech_encoder import (
    AdapterLayer,
    SpeechEncoder,
    encoder_frames,
    frame_centre_ms,
)
from translate_svc.types import Samples


@torch.inference_mode()
def encode(name: str, *waveforms: Samples) -> list[Tensor]:
    encoded = speech_encoder(name)(*encoder_inputs(name, *waveforms))
    return [states[:length] for states, length in zip(encoded.states, encoded.lengths, strict=True)]


@torch.inference_mode()
def reference(name: str, waveform: Samples) -> Tensor:
    """transformers' encoder, cut to the frames that its text decoder attends to."""
    inputs = oracle(name).inputs(waveform)
    model = oracle(name).model
    lengths = model._compute_sub_sample_lengths_from_attention_mask(inputs["attention_mask"])
    states: Tensor = model.speech_encoder(**inputs).last_hidden_state[0, : int(lengths[0])]
    return states


def waveforms_of(name: str) -> tuple[Samples, ...]:
    return tuple(tones()) if name == "tiny" else utterances(name)


@pytest.mark.parametrize("name", ["tiny", "starter"])
def test_one_utterance_has_transformers_states(name: str) -> None:
    for waveform in waveforms_of(name):
        (ours,) = encode(name, waveform)
        torch.testing.assert_close(ours, reference(name, waveform), atol=4e-5, rtol=0)


@pytest.mark.parametrize("name", ["tiny", "starter"])
def test_adapter_does_not_leak_padding(name: str) -> None:
    """transformers batched differs from transformers single by more than 1, for these remainders mod 8."""
    waveforms = waveforms_of(name)
    for row, waveform in zip(encode(name, *waveforms), waveforms, strict=True):
        (alone,) = encode(name, waveform)
        torch.testing.assert_close(row, alone, atol=4e-5, rtol=0)


def test_the_tones_meet_every_remainder_and_parity() -> None:
    extractor = checkpoint("tiny").feature_extractor()
    frames = [extractor.stacked_frames(len(tone)) for tone in tones()]
    odd = [extractor.stacked_frames(len(tone) + 160) > n for tone, n in zip(tones(), frames, strict=True)]
    assert {n % 8 for n in frames} == set(range(8))
    assert set(odd) == {True, False}


def has_half_frame(waveform: Samples) -> bool:
    _, lengths, present = encoder_inputs("tiny", waveform)
    return present > lengths


def test_the_half_frame_at_the_end_keeps_its_place() -> None:
    """An odd mel frame is masked in transformers and yet moves the adapter's last frame."""
    features, lengths, present = next(
        inputs
        for inputs in (encoder_inputs("tiny", tone) for tone in tones())
        if inputs[2] > inputs[1] and inputs[1][0] % 8 < 4  # within reach of the last frame that counts
    )
    with torch.inference_mode():
        kept = speech_encoder("tiny")(features, lengths, present).states[0, -1]
        dropped = speech_encoder("tiny")(features, lengths, lengths).states[0, -1]
        other_features = features.clone()
        other_features[0, -1] = 9.0
        unmoved = speech_encoder("tiny")(other_features, lengths, present).states[0, -1]
    assert (kept - dropped).abs().max() > 1e-2
    torch.testing.assert_close(kept, unmoved, atol=0, rtol=0)


@pytest.mark.parametrize(("chunk", "left_chunks"), [(10, 1), (7, 0), (16, -1)])
def test_chunked_attention_is_transformers(chunk: int, left_chunks: int) -> None:
    overrides: dict[str, Any] = {
        "speech_encoder_chunk_size": chunk,
        "speech_encoder_left_chunk_num": left_chunks,
    }
    torch.manual_seed(0)
    theirs = transformers.models.seamless_m4t_v2.modeling_seamless_m4t_v2.SeamlessM4Tv2SpeechEncoder(
        tiny_config(**overrides)
    ).eval()
    config = ModelConfig.from_mapping(theirs.config.to_dict(), path=Path("config.json"))
    ours = SpeechEncoder(config)
    ours.load_state_dict(theirs.state_dict())
    prepare(ours)
    even = next(tone for tone in reversed(tones()) if not has_half_frame(tone))
    features, lengths, present = encoder_inputs("tiny", even)
    with torch.inference_mode():
        expected = theirs(input_features=features).last_hidden_state
        torch.testing.assert_close(ours(features, lengths, present).states, expected, atol=4e-5, rtol=0)


def test_frame_counts_are_the_encoders() -> None:
    config = checkpoint("tiny").config
    for waveform, states in zip(tones(4), encode("tiny", *tones(4)), strict=True):
        frames = checkpoint("tiny").feature_extractor().stacked_frames(len(waveform))
        assert encoder_frames(frames, config) == len(states)


def test_a_frame_looks_at_its_own_time() -> None:
    """With attention and depthwise context gone, the adapter's frame j hears 160 ms around 160 j ms."""
    encoder, config = speech_encoder("tiny"), checkpoint("tiny").config
    layer = encoder.adapter.layers[0]
    assert isinstance(layer, AdapterLayer)

    def pooled(states: Tensor) -> Tensor:
        return layer.pool_residual(layer._windows(states, None))

    quiet = torch.zeros(1, 64, config.hidden_size)
    for frame in (1, 3):
        centre = frame_centre_ms(frame, config) // 20
        heard = [
            place
            for place in range(64)
            if (pooled(quiet.index_fill(1, torch.tensor([place]), 1.0)) != pooled(quiet))[0, frame].any()
        ]
        assert heard == list(range(centre - 4, centre + 4))
