"""Weights: what transformers writes, in one file or in shards, tensor for tensor; no second copy of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn

from tests.models.seamless.modules import CPU
from tests.published_layout import build_published_layout
from tests.tiny_checkpoint import build_tiny_checkpoint
from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.checkpoint.weight_index import stored_weights, weight_files
from translate_svc.models.checkpoint.weights import WeightFiles
from translate_svc.models.precision import FLOAT32
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.seamless.decoder.text_decoder import TextDecoder
from translate_svc.models.seamless.encoder.speech_encoder import SpeechEncoder
from translate_svc.models.seamless.encoder.text_encoder import TextEncoder
from translate_svc.models.seamless.t2u.t2u import TextToUnit
from translate_svc.models.seamless.vocoder.vocoder import Vocoder


@pytest.fixture(scope="module", params=["one file", "many shards", "as published"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "model"
    match request.param:
        case "one file":
            return build_tiny_checkpoint(folder)
        case "many shards":
            return build_tiny_checkpoint(folder, max_shard_size="60KB")
        case _:
            return build_published_layout(folder)


def stages(config: ModelConfig) -> dict[str, nn.Module]:
    """Everything that weights are loaded into, by the prefix of their names."""
    return {
        "speech_encoder.": SpeechEncoder(config),
        "text_encoder.": TextEncoder(config, max_tokens=8),
        "text_decoder.": TextDecoder(config, max_slot_tokens=8, alignment_layer=0),
        "t2u_model.": TextToUnit(config),
        "vocoder.": Vocoder(config),
    }


def test_every_tensor_is_the_one_that_transformers_loads(folder: Path) -> None:
    theirs = transformers.SeamlessM4Tv2Model.from_pretrained(folder, dtype=torch.float32).state_dict()
    checkpoint = Checkpoint.open(folder)
    with torch.device("meta"):
        modules = stages(checkpoint.config)
    for prefix, module in modules.items():
        checkpoint.weights.load(module, prefix, device=CPU, precision=FLOAT32)
        for name, tensor in module.state_dict().items():
            torch.testing.assert_close(tensor, theirs[prefix + name], atol=0, rtol=0)


def test_the_published_architecture_has_the_names_and_shapes_of_transformers() -> None:
    """All 2.3 billion parameters of it, without a byte of them."""
    with torch.device("meta"):
        theirs = transformers.SeamlessM4Tv2Model(transformers.SeamlessM4Tv2Config()).state_dict()
        modules = stages(ModelConfig())
    ours = {
        prefix + name: each
        for prefix, module in modules.items()
        for name, each in module.state_dict().items()
    }
    assert {name: each.shape for name, each in ours.items()}.items() <= {
        name: each.shape for name, each in theirs.items()
    }.items()
    unused = {name.rsplit(".", 1)[0] for name in theirs.keys() - ours.keys()}
    assert {name.split(".dur_predictor")[0] for name in unused} == {
        "lm_head",  # one matrix with shared
        "shared",
        "t2u_model.lm_head",
        "text_encoder.embed_tokens",
        "vocoder",  # its own duration predictor, which UnitY2 does not use
    }


def test_parameters_are_counted_as_transformers_counts_them(folder: Path) -> None:
    model = transformers.SeamlessM4Tv2Model.from_pretrained(folder, dtype=torch.float32)
    assert stored_weights(folder).parameters == model.num_parameters()


def test_the_shards_are_those_of_the_published_repository(tmp_path: Path) -> None:
    build_published_layout(tmp_path)
    assert weight_files(tmp_path) == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


def test_weights_do_not_share_memory_with_their_file(tmp_path: Path) -> None:
    save_file({"a.weight": torch.ones(64, 64)}, tmp_path / "model.safetensors")
    module = nn.Linear(64, 64, bias=False)
    WeightFiles(tmp_path).load(module, "a.", device=CPU, precision=FLOAT32)
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert module.weight.sum() == 64 * 64


@pytest.mark.parametrize("names", [("weight_g", "weight_v"), ("parametrizations.weight.original1",)])
def test_weight_normalisation_that_was_not_folded_in_is_told(tmp_path: Path, names: tuple[str, ...]) -> None:
    build_tiny_checkpoint(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    weight = tensors.pop("vocoder.hifi_gan.conv_pre.weight")
    tensors |= {f"vocoder.hifi_gan.conv_pre.{name}": weight.clone() for name in names}
    save_file(tensors, tmp_path / "model.safetensors")
    vocoder = Vocoder(Checkpoint.open(tmp_path).config)
    with pytest.raises(CheckpointError, match=r"conv_pre\.weight is stored under weight normalisation"):
        WeightFiles(tmp_path).load(vocoder, "vocoder.", device=CPU, precision=FLOAT32)


LAYERS, TENSOR_MEBIBYTES = 16, 8
LOADING = f"""
import sys
from pathlib import Path
import torch
from torch import nn
from translate_svc.models.checkpoint.weights import WeightFiles
from translate_svc.models.precision import FLOAT32


def kibibytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def load(layers):
    with torch.device("meta"):
        module = nn.Sequential(*(nn.Linear(2048, 1024, bias=False) for _ in range(layers)))
    WeightFiles(Path(sys.argv[1])).load(module, "", device=torch.device("cpu"), precision=FLOAT32)
    return module


load(1)
before = kibibytes("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
module = load({LAYERS})
print((kibibytes("VmHWM") - before) // 1024)
"""


def test_loading_takes_little_more_memory_than_the_weights(tmp_path: Path) -> None:
    """Half precision on disk, float32 in memory: no copy of the file, no copy of the weights."""
    tensors = {f"{i}.weight": torch.zeros(1024, 2048, dtype=torch.float16) for i in range(LAYERS)}
    save_file(tensors, tmp_path / "model.safetensors")
    done = subprocess.run(
        [sys.executable, "-c", LOADING, str(tmp_path)], capture_output=True, text=True, check=True
    )
    grown, weights = int(done.stdout), LAYERS * TENSOR_MEBIBYTES
    mapped = 16  # eight million numbers of two bytes
    assert weights - 16 <= grown <= weights + mapped + TENSOR_MEBIBYTES
