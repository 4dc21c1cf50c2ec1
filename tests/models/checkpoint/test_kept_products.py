"""The int8 form of the weights: made once, then mapped, and never that of other weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.kept_products import KeptProducts
from translate_svc.models.checkpoint.weight_index import PRODUCTS_FILE
from translate_svc.models.checkpoint.weights import WeightFiles
from translate_svc.models.linear.packed_linear import PackedLinear, prepare_alone
from translate_svc.models.precision import INT8


class Layer(nn.Module):
    """One product."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(64, 130)

    def prepare(self) -> None:
        """Packs it."""
        self.product = PackedLinear(self.dense, scale=0.5)


def write_weights(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    tensors = {"a.dense.weight": torch.randn(130, 64), "a.dense.bias": torch.randn(130)}
    save_file(tensors, folder / "model.safetensors")


def outputs(folder: Path) -> tuple[Tensor, bool]:
    """Of a loaded layer, and whether its weights came from the file. Keeps them if they did not."""
    products = KeptProducts(folder)
    with torch.device("meta"):
        layer = Layer()
    WeightFiles(folder).load(
        layer, "a.", device=torch.device("cpu"), precision=INT8, loaded=prepare_alone, products=products
    )
    known = products.complete
    products.finish()
    states = torch.linspace(-1, 1, 5 * 64).view(5, 64)
    return layer.product(states), known


@torch.inference_mode()
def test_the_next_start_computes_the_same_without_the_weights(tmp_path: Path) -> None:
    write_weights(tmp_path, seed=0)
    (made, first), (mapped, second) = outputs(tmp_path), outputs(tmp_path)
    assert (first, second) == (False, True)
    assert torch.equal(made, mapped)


@torch.inference_mode()
@pytest.mark.parametrize("damage", ["other weights", "cut off", "garbage"])
def test_a_file_that_does_not_fit_is_made_again(tmp_path: Path, damage: str) -> None:
    write_weights(tmp_path, seed=0)
    outputs(tmp_path)
    path = tmp_path / PRODUCTS_FILE
    if damage == "other weights":
        write_weights(tmp_path, seed=1)
    else:
        path.write_bytes(path.read_bytes()[:-1] if damage == "cut off" else b"garbage")
    path_was = path.stat().st_ino
    made, known = outputs(tmp_path)
    assert not known
    assert path.stat().st_ino != path_was
    mapped, known = outputs(tmp_path)
    assert known
    assert torch.equal(made, mapped)
    assert {each.name for each in tmp_path.iterdir()} == {"model.safetensors", PRODUCTS_FILE}


@torch.inference_mode()
def test_a_changed_byte_ends_the_start_and_the_next_one_makes_the_file_again(tmp_path: Path) -> None:
    write_weights(tmp_path, seed=0)
    made, _ = outputs(tmp_path)
    path = tmp_path / PRODUCTS_FILE
    content = bytearray(path.read_bytes())
    content[-600] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="was damaged and is removed"):
        outputs(tmp_path)
    again, known = outputs(tmp_path)
    assert not known
    assert torch.equal(made, again)
