"""Checkpoint directories: whole ones load, torn and foreign ones are refused by the name of the file."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.checkpoints import checkpoint_folder
from tests.models.seamless.modules import CPU
from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.checkpoint.weights import WeightFiles
from translate_svc.models.precision import FLOAT32
from translate_svc.models.seamless.decoder.text_decoder import TextDecoder
from translate_svc.models.seamless.encoder.speech_encoder import SpeechEncoder
from translate_svc.models.seamless.vocoder.vocoder import Vocoder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return shutil.copytree(checkpoint_folder("tiny"), tmp_path / "model")


def load_everything(folder: Path) -> None:
    checkpoint = Checkpoint.open(folder)
    checkpoint.feature_extractor()
    for module, prefix in (
        (SpeechEncoder(checkpoint.config), "speech_encoder."),
        (TextDecoder(checkpoint.config, max_slot_tokens=8, alignment_layer=0), "text_decoder."),
        (Vocoder(checkpoint.config), "vocoder."),
    ):
        checkpoint.load(module, prefix, device=CPU, precision=FLOAT32)


def edit_json(path: Path, **values: Any) -> None:
    """Sets values; None removes them."""
    whole = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in whole.items() if value is not None}))


def save_as_processor(folder: Path, **values: Any) -> None:
    """Puts what ``preprocessor_config.json`` holds where transformers 5 saves it."""
    features = json.loads((folder / "preprocessor_config.json").read_text()) | values
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"feature_extractor": features}))


def edit_weights(folder: Path, edit: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def shard(folder: Path) -> None:
    """Splits the weights in two files with an index, as large checkpoints come."""
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    weight_map: dict[str, str] = {}
    for part, some in enumerate((names[::2], names[1::2])):
        file = f"model-{part}.safetensors"
        save_file({name: tensors[name] for name in some}, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(some, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / "model.safetensors").unlink()


def test_capabilities_are_those_of_the_files() -> None:
    capabilities = Checkpoint.open(checkpoint_folder("tiny")).capabilities()
    assert capabilities.model_name == "tiny"
    assert capabilities.text_languages == ("eng", "fra", "spa")
    assert capabilities.speech_languages == ("eng", "spa")
    assert capabilities.speaker_ids == {"eng": (3, 1), "spa": (5,)}
    assert capabilities.speaker_count == 6
    assert capabilities.encoder_frame_ms == 160
    assert capabilities.max_text_positions == 256
    assert capabilities.max_units == 1024


def test_a_sharded_checkpoint_has_the_same_weights(folder: Path) -> None:
    whole, parts = (Vocoder(Checkpoint.open(folder).config) for _ in range(2))
    WeightFiles(folder).load(whole, "vocoder.", device=CPU, precision=FLOAT32)
    shard(folder)
    load_everything(folder)
    WeightFiles(folder).load(parts, "vocoder.", device=CPU, precision=FLOAT32)
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], tensor, atol=0, rtol=0)


@pytest.mark.parametrize("stored_as", ["lm_head.weight", "text_decoder.embed_tokens.weight"])
def test_tied_embeddings_are_found_under_any_of_their_names(folder: Path, stored_as: str) -> None:
    edit_weights(folder, lambda tensors: tensors.update({stored_as: tensors.pop("shared.weight")}))
    load_everything(folder)


def test_half_precision_files_load_as_float32(folder: Path) -> None:
    edit_weights(folder, lambda tensors: tensors.update({k: v.half() for k, v in tensors.items()}))
    vocoder = Vocoder(Checkpoint.open(folder).config)
    WeightFiles(folder).load(vocoder, "vocoder.", device=CPU, precision=FLOAT32)
    assert {parameter.dtype for parameter in vocoder.parameters()} == {torch.float32}
    assert not any(parameter.requires_grad for parameter in vocoder.parameters())


def truncate(folder: Path, file: str) -> None:
    data = (folder / file).read_bytes()
    (folder / file).write_bytes(data[: len(data) // 2])


def nest(folder: Path, file: str) -> None:
    """Nested more deeply than the reader of JSON goes."""
    (folder / file).write_text("[" * 100_000)


DECODER_NORM = "text_decoder.layer_norm.weight"
DAMAGES: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), "config.json", "is missing"),
    "torn config": (lambda f: truncate(f, "config.json"), "config.json", "cannot be read as JSON"),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), "config.json", "not a JSON object"),
    "nested config": (lambda f: nest(f, "config.json"), "config.json", "cannot be read as JSON"),
    "another model": (
        lambda f: edit_json(f / "config.json", model_type="seamless_m4t"),
        "config.json",
        "model_type is 'seamless_m4t', expected 'seamless_m4t_v2'",
    ),
    "a size that is no number": (
        lambda f: edit_json(f / "config.json", hidden_size="32"),
        "config.json",
        "hidden_size",
    ),
    "no generation config": (
        lambda f: (f / "generation_config.json").unlink(),
        "generation_config.json",
        "is missing",
    ),
    "no language map": (
        lambda f: edit_json(f / "generation_config.json", vocoder_lang_code_to_id=None),
        "generation_config.json",
        "vocoder_lang_code_to_id is missing",
    ),
    "a language beyond the vocabulary": (
        lambda f: edit_json(f / "generation_config.json", text_decoder_lang_to_code_id={"eng": 100}),
        "generation_config.json",
        "text_decoder_lang_to_code_id has ids beyond 99",
    ),
    "a character beyond the table": (
        lambda f: edit_json(f / "generation_config.json", char_to_id={"a": 64}),
        "generation_config.json",
        "char_to_id has ids beyond 63",
    ),
    "pieces that are no strings": (
        lambda f: edit_json(f / "generation_config.json", id_to_text={"5": 1}),
        "generation_config.json",
        "id_to_text must map token ids to strings",
    ),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors", "is missing"),
    "pickled weights only": (
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
        "model.safetensors",
        "must be safetensors",
    ),
    "torn weights": (
        lambda f: truncate(f, "model.safetensors"),
        "model.safetensors",
        "is not a whole safetensors file",
    ),
    "empty weights": (
        lambda f: (f / "model.safetensors").write_bytes(b""),
        "model.safetensors",
        "is not a whole safetensors file",
    ),
    "a tensor is missing": (
        lambda f: edit_weights(f, lambda tensors: tensors.pop(DECODER_NORM)),
        "model.safetensors",
        f"{DECODER_NORM} is missing",
    ),
    "a shape does not fit": (
        lambda f: edit_weights(f, lambda tensors: tensors.update({DECODER_NORM: torch.ones(31)})),
        "model.safetensors",
        f"{DECODER_NORM} has shape [31], config.json asks for [32]",
    ),
    "a weight is not a number": (
        lambda f: edit_weights(f, lambda tensors: tensors[DECODER_NORM].fill_(torch.nan)),
        "model.safetensors",
        "not finite",
    ),
    "a config of other sizes": (
        lambda f: edit_json(f / "config.json", speech_encoder_intermediate_size=64),
        "model.safetensors",
        "config.json asks for [64",
    ),
    "no features": (
        lambda f: (f / "preprocessor_config.json").unlink(),
        "preprocessor_config.json",
        "is missing, and so is processor_config.json",
    ),
    "other features": (
        lambda f: edit_json(f / "preprocessor_config.json", num_mel_bins=40),
        "preprocessor_config.json",
        "makes 80 numbers a frame, config.json asks for 160",
    ),
    "other features in a processor": (
        lambda f: save_as_processor(f, num_mel_bins=40),
        "processor_config.json",
        "makes 80 numbers a frame, config.json asks for 160",
    ),
    "a speaker who is not there": (
        lambda f: edit_json(f / "speakers.json", eng=[6]),
        "speakers.json",
        "eng names a speaker beyond 5",
    ),
    "speakers by number": (lambda f: edit_json(f / "speakers.json", eng=3), "speakers.json", "eng must map"),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_directory_is_refused_by_the_name_of_the_file(folder: Path, damage: str) -> None:
    do, file, said = DAMAGES[damage]
    load_everything(folder)
    do(folder)
    with pytest.raises(CheckpointError) as caught:
        load_everything(folder)
    assert caught.value.field == file
    assert said in caught.value.description


@pytest.mark.parametrize(
    ("index", "file", "said"),
    [
        ("{", "model.safetensors.index.json", "is not an index"),
        pytest.param("[" * 100_000, "model.safetensors.index.json", "is not an index", id="nested"),
        ('{"weight_map": []}', "model.safetensors.index.json", "is not an index"),
        ('{"weight_map": {"a": "../b"}}', "model.safetensors.index.json", "outside the directory"),
        ('{"weight_map": {"a": "model-9.safetensors"}}', "model-9.safetensors", "is missing"),
    ],
)
def test_a_damaged_index_is_refused(folder: Path, index: str, file: str, said: str) -> None:
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(folder)
    assert caught.value.field == file
    assert said in caught.value.description


def write_manifest(folder: Path, *files: str) -> None:
    lines = [f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}\n" for file in files]
    (folder / "MANIFEST.sha256").write_text("".join(lines))


def test_a_manifest_is_verified(folder: Path) -> None:
    write_manifest(folder, "model.safetensors", "config.json")
    Checkpoint.open(folder)
    edit_weights(folder, lambda tensors: tensors[DECODER_NORM].add_(1))
    with pytest.raises(CheckpointError, match=r"model\.safetensors: differs from its sha256"):
        Checkpoint.open(folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0" * 64 + "  absent.json", "absent.json: is missing, MANIFEST.sha256 names it"),
        ("0" * 64 + "  ../config.json", "MANIFEST.sha256: is not a list"),
        ("0" * 64 + "  /etc/passwd", "MANIFEST.sha256: is not a list"),
        ("config.json", "MANIFEST.sha256: is not a list"),
    ],
)
def test_a_strange_manifest_is_refused(folder: Path, line: str, said: str) -> None:
    (folder / "MANIFEST.sha256").write_text(line + "\n")
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(folder)
    assert str(caught.value).startswith(said)
