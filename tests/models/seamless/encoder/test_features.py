"""The features equal transformers' own, row by row, whatever the batch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import SeamlessM4TFeatureExtractor, SeamlessM4TProcessor, SeamlessM4TTokenizer

from tests.checkpoints import checkpoint_folder
from translate_svc.errors import CheckpointError
from translate_svc.models.log_mel import LogMelFrames, LogMelMemory
from translate_svc.models.seamless.encoder.features import FeatureExtractor
from translate_svc.models.slices import finish

TOLERANCE = 1e-3  # absolute, on features of variance 1; what float32 sums in another order can differ by

Waveform = NDArray[np.float32]


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return FeatureExtractor()


def speech_like(samples: int, seed: int) -> Waveform:
    """Noise under a slow envelope, with an offset, so that removing it matters."""
    rng = np.random.default_rng(seed)
    envelope = 0.2 + 0.2 * np.sin(np.arange(samples) / 1500.0 + seed)
    return (envelope * rng.standard_normal(samples) * 0.3 + 0.05).astype(np.float32)


def reference(waveforms: list[Waveform]) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = SeamlessM4TFeatureExtractor()(waveforms, sampling_rate=16_000, return_tensors="pt")
    return inputs["input_features"], inputs["attention_mask"]


@pytest.mark.parametrize("samples", [560, 719, 720, 880, 16_000, 16_160, 47_999])
def test_equals_transformers(extractor: FeatureExtractor, samples: int) -> None:
    waveform = speech_like(samples, seed=samples)
    features, lengths = extractor([waveform])
    expected, mask = reference([waveform])
    assert lengths == mask.sum(dim=1).tolist()
    assert features.shape == (1, int(lengths[0]), 160)
    # rows after the mask are the half-filled stack of an odd frame count
    assert torch.allclose(features, expected[:, : int(lengths[0])], rtol=0, atol=TOLERANCE)


def test_an_odd_frame_count_ends_in_a_masked_half_stack(extractor: FeatureExtractor) -> None:
    waveform = speech_like(400 + 4 * 160, seed=3)  # 5 frames: two stacks and a half
    expected, mask = reference([waveform])
    assert expected.shape[1] == 3
    assert mask.tolist() == [[1, 1, 0]]
    features, lengths = extractor([waveform])
    assert lengths == [2]
    assert features.shape[1] == 2


def test_a_row_does_not_depend_on_its_batch_mates(extractor: FeatureExtractor) -> None:
    waveforms = [speech_like(samples, seed=samples) for samples in (48_000, 16_080, 800, 31_999)]
    features, lengths = extractor(waveforms)
    expected, mask = reference(waveforms)
    assert lengths == mask.sum(dim=1).tolist()
    for index, waveform in enumerate(waveforms):
        length = int(lengths[index])
        alone, _ = extractor([waveform])
        assert torch.allclose(features[index, :length], alone[0], rtol=0, atol=1e-5)
        assert torch.allclose(features[index, :length], expected[index, :length], rtol=0, atol=TOLERANCE)
        assert torch.count_nonzero(features[index, length:]) == 0


def remembering(
    extractor: FeatureExtractor, waveform: Waveform, known: LogMelFrames | None
) -> tuple[torch.Tensor, LogMelFrames]:
    memory = LogMelMemory(known)
    features, _ = finish(extractor.slices([waveform], memory))
    assert memory.frames is not None
    return features, memory.frames


@pytest.mark.parametrize("cut_samples", [0, 160, 2_560, 7_840])
def test_features_of_known_frames_are_those_computed_anew(
    extractor: FeatureExtractor, monkeypatch: pytest.MonkeyPatch, cut_samples: int
) -> None:
    """The buffer of a stream grows by a step, and may lose some of its beginning."""
    speech = np.concatenate([speech_like(20_000, seed=2), np.zeros(3_000, np.float32), speech_like(9_000, 5)])
    buffers = [speech[:12_345], speech[cut_samples:24_700], speech[cut_samples:]]
    known: LogMelFrames | None = None
    counts: list[int] = []
    compute = extractor._log_mel_of
    for buffer in buffers:
        expected, _ = extractor([buffer])

        def counting(frames: torch.Tensor) -> torch.Tensor:
            counts[-1] += frames.shape[1]
            return compute(frames)

        counts.append(0)
        with monkeypatch.context() as patched:
            patched.setattr(extractor, "_log_mel_of", counting)
            features, frames = remembering(extractor, buffer, known)
        assert features.shape == expected.shape
        assert torch.allclose(features, expected, rtol=0, atol=1e-6)
        assert len(frames) == 1 + (len(buffer) - 400) // 160
        known = frames.after(cut_samples if len(counts) == 1 else 0)
    assert counts == [75, 77, 46], "each frame of the stream once"


def test_frames_that_are_off_by_one_would_be_seen(extractor: FeatureExtractor) -> None:
    """So the test above can fail: neighbouring frames differ by far more than its tolerance."""
    waveform = speech_like(16_000, seed=4)
    expected, frames = remembering(extractor, waveform, None)
    features, _ = remembering(extractor, waveform, frames.after(160))
    assert (features - expected).abs().max() > 0.1


def test_known_frames_behind_the_end_are_not_used(extractor: FeatureExtractor) -> None:
    """The last hypothesis of an utterance may hear less than the one before: silence at its end is left
    out.
    """
    waveform = speech_like(16_000, seed=6)
    _, frames = remembering(extractor, waveform, None)
    features, kept = remembering(extractor, waveform[:9_000], frames)
    assert torch.allclose(features, extractor([waveform[:9_000]])[0], rtol=0, atol=1e-6)
    assert len(kept) == 54


@pytest.mark.parametrize("samples", [-160, 100, 161, 98 * 160])
def test_frames_of_another_grid_are_not_known(extractor: FeatureExtractor, samples: int) -> None:
    _, frames = remembering(extractor, speech_like(16_000, seed=7), None)
    assert len(frames) == 98
    assert frames.after(samples) is None


def test_digital_silence_is_finite(extractor: FeatureExtractor) -> None:
    silence = np.zeros(16_000, dtype=np.float32)
    features, _ = extractor([silence])
    assert features.abs().max() < 1e-6
    half = np.concatenate([silence, speech_like(8_000, seed=1)])
    features, _ = extractor([half])
    expected, mask = reference([half])
    assert torch.isfinite(features).all()
    assert torch.allclose(features, expected[:, : int(mask.sum())], rtol=0, atol=TOLERANCE)


def test_frame_counts_can_be_known_in_advance(extractor: FeatureExtractor) -> None:
    assert extractor.minimum_samples == 560
    for samples in (560, 719, 720, 880, 1040, 16_000):
        _, lengths = extractor([speech_like(samples, seed=1)])
        assert extractor.stacked_frames(samples) == int(lengths[0])
    assert extractor.stacked_frames(559) == 0
    assert extractor.stacked_frames(0) == 0


@pytest.mark.parametrize("waveforms", [[], [np.zeros(559, np.float32)], [np.zeros((2, 16_000), np.float32)]])
def test_refuses_what_has_no_frame(extractor: FeatureExtractor, waveforms: list[Waveform]) -> None:
    with pytest.raises(ValueError, match="waveforms"):
        extractor(waveforms)


def test_reads_the_checkpoints_configuration(tmp_path: Path) -> None:
    SeamlessM4TFeatureExtractor(num_mel_bins=40, feature_size=40).save_pretrained(tmp_path)
    extractor = FeatureExtractor.from_pretrained(tmp_path)
    assert extractor.feature_size == 80
    waveform = speech_like(8_000, seed=5)
    hugging_face = SeamlessM4TFeatureExtractor.from_pretrained(tmp_path)
    expected = hugging_face([waveform], sampling_rate=16_000, return_tensors="pt")["input_features"]
    features, lengths = extractor([waveform])
    assert torch.allclose(features, expected[:, : int(lengths[0])], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("feature_extractor_type", "WhisperFeatureExtractor"),
        ("num_mel_bins", 0),
        ("stride", "2"),
        ("sampling_rate", 44_100),
        ("padding_side", "left"),
    ],
)
def test_a_foreign_configuration_is_refused_by_field(tmp_path: Path, field: str, value: object) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({field: value}))
    with pytest.raises(CheckpointError, match=f"preprocessor_config.json: {field}"):
        FeatureExtractor.from_pretrained(tmp_path)


def save_processor(folder: Path) -> None:
    """As transformers 5 saves a processor: its feature extractor is part of processor_config.json."""
    source = checkpoint_folder("tiny")
    extractor = SeamlessM4TFeatureExtractor(num_mel_bins=40, feature_size=40)
    tokenizer = SeamlessM4TTokenizer.from_pretrained(source)
    SeamlessM4TProcessor(extractor, tokenizer).save_pretrained(folder)
    assert not (folder / "preprocessor_config.json").exists()


def test_reads_what_transformers_5_saves_of_a_processor(tmp_path: Path) -> None:
    save_processor(tmp_path)
    assert FeatureExtractor.from_pretrained(tmp_path).mel_bins == 40


def test_where_both_files_describe_features_the_processors_holds_as_in_transformers(tmp_path: Path) -> None:
    save_processor(tmp_path)
    SeamlessM4TFeatureExtractor(num_mel_bins=20, feature_size=20).save_pretrained(tmp_path)
    assert SeamlessM4TFeatureExtractor.from_pretrained(tmp_path).num_mel_bins == 40
    assert FeatureExtractor.from_pretrained(tmp_path).mel_bins == 40
    (tmp_path / "processor_config.json").write_text('{"processor_class": "SeamlessM4TProcessor"}')
    assert SeamlessM4TFeatureExtractor.from_pretrained(tmp_path).num_mel_bins == 20
    assert FeatureExtractor.from_pretrained(tmp_path).mel_bins == 20


PROCESSOR, PREPROCESSOR = "processor_config.json", "preprocessor_config.json"


@pytest.mark.parametrize(
    ("files", "field", "said"),
    [
        ({}, PREPROCESSOR, "is missing, and so is processor_config.json: a model has one of them"),
        ({PREPROCESSOR: '{"stride": 2'}, PREPROCESSOR, "cannot be read as JSON"),
        ({PREPROCESSOR: "[]"}, PREPROCESSOR, "is not a JSON object"),
        ({PROCESSOR: '{"feature_extractor": '}, PROCESSOR, "cannot be read as JSON"),
        ({PROCESSOR: "[]"}, PROCESSOR, "is not a JSON object"),
        ({PROCESSOR: '{"feature_extractor": []}'}, PROCESSOR, "feature_extractor is not a JSON object"),
        (
            {PROCESSOR: '{"processor_class": "SeamlessM4TProcessor"}'},
            PROCESSOR,
            "has no feature_extractor, and preprocessor_config.json is missing",
        ),
        (
            {PROCESSOR: '{"feature_extractor": {"stride": 0}}'},
            PROCESSOR,
            "stride: 0 is not a positive integer",
        ),
    ],
)
def test_a_missing_or_torn_configuration_is_refused_by_the_file_that_is_wrong(
    tmp_path: Path, files: dict[str, str], field: str, said: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CheckpointError) as caught:
        FeatureExtractor.from_pretrained(tmp_path)
    assert (caught.value.field, caught.value.description) == (field, said)
