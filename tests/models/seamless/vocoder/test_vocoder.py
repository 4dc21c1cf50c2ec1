"""Vocoder: transformers' waveform with every unit lasting one frame, whole or in pieces."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from tests.checkpoints import oracle
from tests.models.seamless.modules import checkpoint, vocoder
from translate_svc.models.precision import BFLOAT16
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.seamless.vocoder.receptive_field import ReceptiveField, UnitSpan, receptive_field
from translate_svc.models.seamless.vocoder.vocoder import Voice

VOICE = Voice(language_id=1, speaker_id=1)
PUBLISHED = ModelConfig()


def units_of(count: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 60, count))


@torch.inference_mode()
def synthesise(
    units: Tensor, voice: Voice = VOICE, name: str = "tiny", part: ReceptiveField | None = None
) -> npt.NDArray[np.float32]:
    waveform: npt.NDArray[np.float32] = vocoder(name)(units[None], [voice], part)[0].numpy()
    return waveform


@torch.inference_mode()
def reference(units: Tensor, voice: Voice = VOICE, name: str = "tiny") -> npt.NDArray[np.float32]:
    waveform, _ = oracle(name).model.vocoder(
        input_ids=units[None],
        speaker_id=torch.tensor([[voice.speaker_id]]),
        lang_id=torch.tensor([[voice.language_id]]),
    )
    samples: npt.NDArray[np.float32] = waveform[0].numpy()
    return samples


def in_pieces(units: Tensor, cuts: list[int], name: str = "tiny") -> npt.NDArray[np.float32]:
    edges = [0, *cuts, len(units)]
    pieces = []
    for start, end in itertools.pairwise(edges):
        part = receptive_field(start, end, len(units), checkpoint(name).config)
        pieces.append(synthesise(units[slice(*part.units)], name=name, part=part))
    return np.concatenate(pieces)


@pytest.mark.parametrize("count", [1, 2, 7, 60])
@pytest.mark.parametrize("voice", [Voice(0, 0), Voice(1, 5), Voice(2, 3)])
def test_one_text_has_transformers_waveform(count: int, voice: Voice) -> None:
    np.testing.assert_allclose(
        synthesise(units_of(count), voice), reference(units_of(count), voice), atol=1e-5
    )


def test_every_unit_is_320_samples_whatever_the_duration_predictor_says() -> None:
    """transformers applies its own predictor of durations, which belongs to UnitY 1; Meta switches it off."""
    assert len(synthesise(units_of(50))) == 50 * 320
    assert not any("dur_predictor" in name for name, _ in vocoder("tiny").named_parameters())


def test_waveform_lengths_count_unit_one() -> None:
    """transformers takes unit 1 for padding and shortens the waveform by 320 samples for each."""
    ones = torch.ones(9, dtype=torch.int64)
    assert len(synthesise(ones)) == 9 * 320


def test_the_tail_of_a_batch_row_hears_no_padding() -> None:
    """transformers pads rows of a batch without a mask; rows of one batch have one length here."""
    rows = torch.stack([units_of(20, seed) for seed in range(3)])
    voices = [Voice(0, 0), Voice(1, 4), Voice(0, 2)]
    with torch.inference_mode():
        together = vocoder("tiny")(rows, voices).numpy()
    for row, voice, waveform in zip(rows, voices, together, strict=True):
        np.testing.assert_allclose(waveform, synthesise(row, voice), atol=1e-5)


def test_any_split_gives_the_whole_waveform() -> None:
    units = units_of(41, 5)
    whole = synthesise(units)
    rng = np.random.default_rng(2)
    splits = [[cut] for cut in (1, 2, 20, 39, 40)] + [list(range(1, 41)), [25], [12, 24, 36]]
    splits += [sorted(rng.choice(np.arange(1, 41), size=size, replace=False).tolist()) for size in (2, 5)]
    for cuts in splits:
        np.testing.assert_allclose(in_pieces(units, cuts), whole, atol=1e-5, err_msg=str(cuts))


@pytest.mark.parametrize("name", ["tiny", "starter"])
def test_pieces_as_the_engine_cuts_them_give_the_whole_waveform(name: str) -> None:
    units = units_of(90)
    np.testing.assert_allclose(in_pieces(units, [25, 75], name), synthesise(units, name=name), atol=1e-5)


def test_the_receptive_field_is_what_the_network_hears() -> None:
    """Changing a unit outside leaves the piece as it is; the outermost units inside are heard."""
    units, start, end = units_of(41, 1), 20, 23
    span = receptive_field(start, end, len(units), checkpoint("tiny").config).units
    whole = synthesise(units)[start * 320 : end * 320]
    for place in range(len(units)):
        changed = units.clone()
        changed[place] = (changed[place] + 31) % 60
        moved = np.abs(synthesise(changed)[start * 320 : end * 320] - whole).max()
        if not span.start <= place < span.end:
            assert moved == 0.0, place
        elif place in (span.start + 1, span.end - 2):
            assert moved > 0.0, place


def test_the_receptive_field_of_the_published_vocoder() -> None:
    """Against the same walk with sets of positions instead of intervals."""
    assert receptive_field(100, 101, 200, PUBLISHED).units == UnitSpan(*published_by_simulation(100, 101))
    assert receptive_field(0, 10, 12, PUBLISHED).units == UnitSpan(0, 12)


def published_by_simulation(start: int, end: int) -> tuple[int, int]:
    heard = set(range(start * 320, end * 320))
    heard = {place + shift for place in heard for shift in range(-3, 4)}
    for rate, kernel in reversed(
        list(zip(PUBLISHED.upsample_rates, PUBLISHED.upsample_kernel_sizes, strict=True))
    ):
        widest = max(
            sum((size - 1) // 2 * (dilation + 1) for dilation in dilations)
            for size, dilations in zip(
                PUBLISHED.resblock_kernel_sizes, PUBLISHED.resblock_dilation_sizes, strict=True
            )
        )
        heard = set(range(min(heard) - widest, max(heard) + widest + 1))
        padding = (kernel - rate) // 2
        heard = {
            source
            for place in heard
            for source in range((place + padding - kernel) // rate, (place + padding) // rate + 2)
            if 0 <= place + padding - source * rate < kernel
        }
    return min(heard) - 3, max(heard) + 4


def test_pieces_never_reach_outside_the_text() -> None:
    config = checkpoint("tiny").config
    for start in range(10):
        for end in range(start + 1, 11):
            span = receptive_field(start, end, 10, config).units
            assert 0 <= span.start <= start < end <= span.end <= 10


@torch.inference_mode()
def test_in_bfloat16_the_noise_lies_30_db_under_the_speech() -> None:
    exact, lowered = vocoder("starter"), vocoder("starter", BFLOAT16)
    units = torch.arange(60)[None] * 7 % exact.config.unit_hifi_gan_vocab_size
    speech, noisy = (each(units, [Voice(0, 0)]) for each in (exact, lowered))
    assert noisy.dtype == torch.float32
    noise = (noisy - speech).square().mean() / speech.square().mean()
    assert 1e-9 < float(noise) < 1e-3
