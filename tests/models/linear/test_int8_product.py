"""Products with weights in int8: close to the layer, the same for a row in every batch, and fast."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from translate_svc.models.linear import products
from translate_svc.models.linear.embedding import OutputEmbedding
from translate_svc.models.linear.packed_linear import PackedLinear
from translate_svc.models.linear.products import ACTIVATIONS
from translate_svc.models.linear.quantized import quantized

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
_CLOSE = 0.02
"""Relative error of a product whose weights and activations have 8 bits; with 7 bits of activations twice."""


def quantize(layer: nn.Linear | nn.Embedding) -> None:
    layer.requires_grad_(False)
    weight, scales = quantized(torch.split(layer.weight, 100), layer.weight.shape)
    layer.weight = nn.Parameter(weight, requires_grad=False)
    layer.register_buffer("weight_scale", scales)


def linear(inputs: int, outputs: int) -> tuple[nn.Linear, nn.Linear]:
    """A layer in float32, and the same in int8."""
    torch.manual_seed(0)
    exact, layer = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs)
    layer.load_state_dict(exact.state_dict())
    quantize(layer)
    return exact, layer


def error(made: Tensor, expected: Tensor) -> float:
    return float((made - expected).norm() / expected.norm())


@pytest.fixture(params=["the machine's kernels", "no kernels"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no kernels":
        monkeypatch.setattr(products, "_has_int8_kernels", lambda: False)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("activation", [None, *ACTIVATIONS])
@pytest.mark.parametrize(("inputs", "outputs"), [(24, 40), (1024, 300)])
@torch.inference_mode()
def test_a_product_is_close_to_the_layer(
    inputs: int, outputs: int, activation: str | None, dtype: torch.dtype
) -> None:
    exact, layer = linear(inputs, outputs)
    states = torch.randn(2, 7, inputs) * torch.logspace(-6, 3, 14).view(2, 7, 1)
    expected = exact(states) if activation is None else ACTIVATIONS[activation](exact(states))
    if dtype is torch.bfloat16:
        layer.bias = nn.Parameter(layer.bias.bfloat16(), requires_grad=False)
    made = PackedLinear(layer, activation=activation)(states.to(dtype))
    assert made.dtype is dtype
    for row, wanted in zip(made.float().flatten(0, 1), expected.flatten(0, 1), strict=True):
        assert error(row, wanted) < _CLOSE


@pytest.mark.usefixtures("kernels")
@torch.inference_mode()
def test_layers_side_by_side_are_scaled() -> None:
    (one, one_int8), (two, two_int8) = linear(64, 48), linear(64, 80)
    states = torch.randn(5, 64)
    expected = 0.5 * torch.cat([one(states), two(states)], dim=1)
    assert error(PackedLinear(one_int8, two_int8, scale=0.5)(states), expected) < _CLOSE


@given(
    rows=st.integers(1, 80), start=st.integers(0, 100), inputs=st.sampled_from([8, 64, 1024]),
    scale=st.sampled_from([1e-8, 1.0, 1e4]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
@torch.inference_mode()
def test_a_row_gives_the_same_in_every_batch(rows: int, start: int, inputs: int, scale: float) -> None:
    """To the bit: sums of integers are exact, and a row is quantized by itself."""
    _, layer = linear(inputs, 96)
    product = PackedLinear(layer, activation="gelu")
    states = torch.randn(200, inputs) * torch.rand(200, 1) * scale
    assert torch.equal(product(states)[start : start + rows], product(states[start : start + rows]))


@pytest.mark.usefixtures("kernels")
@torch.inference_mode()
def test_a_row_that_is_not_finite_stays_so_alone() -> None:
    _, layer = linear(64, 48)
    states = torch.randn(4, 64)
    product = PackedLinear(layer)
    expected = product(states)
    states[1, 5], states[2, 7] = float("nan"), float("inf")
    made = product(states)
    assert torch.equal(made[[0, 3]], expected[[0, 3]])
    assert not torch.isfinite(made[1]).any()
    assert not torch.isfinite(made[2]).all()


@torch.inference_mode()
def test_zeros_give_the_bias() -> None:
    exact, layer = linear(64, 48)
    assert torch.equal(PackedLinear(layer)(torch.zeros(3, 64)), exact.bias.expand(3, -1))


@torch.inference_mode()
def test_an_embedding_that_is_also_the_output_matrix_is_stored_in_int8() -> None:
    torch.manual_seed(0)
    exact, table = nn.Embedding(500, 64), OutputEmbedding(500, 64)
    table.load_state_dict(exact.state_dict())
    quantize(table)
    output, ids, states = PackedLinear(table, keep=True), torch.tensor([[3, 499], [0, 3]]), torch.randn(4, 64)
    assert not table.state_dict()  # it is stored once
    assert error(output.rows(ids), exact(ids)) < _CLOSE
    assert error(output(states), states @ exact.weight.T) < _CLOSE


ON_ANOTHER_PROCESSOR = """
import torch
from tests.models.linear.test_int8_product import error, linear
from translate_svc.models.linear.packed_linear import PackedLinear

exact, layer = linear(1024, 512)
product = PackedLinear(layer)
for rows in (1, 8, 64):
    states = torch.randn(rows, 1024).abs()  # all large and of one sign: sums of 16 bits would overflow
    print(error(product(states), exact(states)))
"""


@pytest.mark.parametrize(
    "isa",
    ["AVX2", *(pytest.param(each, marks=pytest.mark.slow) for each in ("AVX512_CORE", "AVX512_CORE_VNNI"))],
)
def test_processors_without_dot_products_of_int8_are_right_too(isa: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ON_ANOTHER_PROCESSOR],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": isa}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    errors = [float(line) for line in done.stdout.split()]
    assert len(errors) == 3
    assert max(errors) < 2 * _CLOSE


def fastest_s(work: Callable[[], object]) -> float:
    times_s = []
    for _ in range(7):
        began_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - began_s)
    return min(times_s)


@pytest.mark.realtime
@pytest.mark.parametrize("rows", [1, 8, 128])
@torch.inference_mode()
def test_the_product_is_computed_by_a_fast_kernel(rows: int) -> None:
    """oneDNN has kernels that are hundreds of times slower, which it takes for signed activations."""
    exact, layer = linear(1024, 2048)
    fast, floating, states = PackedLinear(layer), PackedLinear(exact), torch.randn(rows, 1024)
    assert fastest_s(lambda: fast(states)) < 4 * fastest_s(lambda: floating(states))
