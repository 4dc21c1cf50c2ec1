"""Packed products give what the layers would have given."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.memory_limits import resident_bytes
from translate_svc.models.linear import products
from translate_svc.models.linear.packed_linear import PackedLinear, prepare
from translate_svc.models.linear.products import ACTIVATIONS
from translate_svc.models.machine.host_memory import return_freed_memory


def layers_of(*sizes: tuple[int, int], bias: bool = True) -> list[nn.Linear]:
    torch.manual_seed(0)
    return [nn.Linear(*each, bias=bias) for each in sizes]


@pytest.mark.parametrize("rows", [1, 3, 200], ids="{} rows".format)
@pytest.mark.parametrize("sizes", [(400, 600), (600, 700)], ids=["kept unpacked too", "packed alone"])
@pytest.mark.parametrize("activation", [None, *ACTIVATIONS])
@torch.inference_mode()
def test_a_product_is_the_layer_and_its_activation(
    rows: int, sizes: tuple[int, int], activation: str | None
) -> None:
    (layer,) = layers_of(sizes)
    states = torch.randn(2, rows, sizes[0])
    expected = layer(states)
    expected = expected if activation is None else ACTIVATIONS[activation](expected)
    made = PackedLinear(layer, activation=activation)(states)
    torch.testing.assert_close(made, expected, atol=2e-5, rtol=0)


@torch.inference_mode()
def test_numbers_of_rows_that_are_new_leave_little_behind() -> None:
    """oneDNN keeps half a megabyte for each, and utterances have as many as there are lengths."""
    (layer,) = layers_of((192, 384))
    product = PackedLinear(layer)
    product(torch.randn(200, 192))
    return_freed_memory()
    before = resident_bytes()
    for rows in range(1, 200):
        product(torch.randn(rows, 192))
    return_freed_memory()
    assert before is not None
    assert (resident_bytes() or 0) - before < 24 << 20


@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_several_layers_stand_side_by_side_and_are_scaled(bias: bool) -> None:
    layers, states = layers_of((300, 200), (300, 700), bias=bias), torch.randn(5, 300)
    expected = torch.cat([0.5 * layer(states) for layer in layers], dim=1)
    torch.testing.assert_close(PackedLinear(*layers, scale=0.5)(states), expected, atol=2e-5, rtol=0)


@torch.inference_mode()
def test_a_convolution_is_a_product_of_windows() -> None:
    conv, states = nn.Conv1d(16, 24, 8, stride=8), torch.randn(1, 64, 16)
    windows = states.view(1, 8, 8 * 16)
    expected = conv(states.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(PackedLinear(conv)(windows), expected, atol=2e-5, rtol=0)


@torch.inference_mode()
def test_layers_lose_their_weights_unless_they_keep_them() -> None:
    lost, kept = layers_of((8, 8), (8, 8))
    PackedLinear(lost)
    PackedLinear(kept, keep=True)
    assert not lost.state_dict()
    assert set(kept.state_dict()) == {"weight", "bias"}


@torch.inference_mode()
def test_without_onednn_the_numbers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    layers, states = layers_of((600, 700), (600, 700)), torch.randn(9, 600)
    packed = PackedLinear(layers[0], activation="relu", keep=True)(states)
    monkeypatch.setattr(products, "_can_pack", lambda weight: False)
    plain = PackedLinear(layers[0], activation="relu")(states)
    torch.testing.assert_close(packed, plain, atol=2e-5, rtol=0)


class Doubling(nn.Module):
    """Twice a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def prepare(self) -> None:
        """Takes the layer's weights."""
        self.product = PackedLinear(self.layer, scale=2.0)

    def forward(self, states: Tensor) -> Tensor:
        return self.product(states)


@torch.inference_mode()
def test_modules_inside_modules_are_prepared() -> None:
    inner, states = Doubling(), torch.randn(3, 4)
    expected = 2 * F.linear(states, inner.layer.weight, inner.layer.bias)
    prepare(nn.Sequential(inner))
    torch.testing.assert_close(inner(states), expected)
