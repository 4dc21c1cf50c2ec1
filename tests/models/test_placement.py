"""Which precision a machine computes a model in."""

from __future__ import annotations

import pytest
import torch

from translate_svc.errors import InvalidArgument
from translate_svc.models.checkpoint.weight_index import StoredWeights
from translate_svc.models.placement import Processor, best_precision, resolve_device, resolve_placement
from translate_svc.models.precision import LARGE_PARAMETERS

PUBLISHED, STARTER = 2_309_000_000, 9_000_000
REDUCED = StoredWeights(PUBLISHED, int8_alone=True)

LAPTOP, SERVER = Processor(int8=True), Processor(bfloat16=True, int8=True)
ARM, OLD = Processor(bfloat16=True), Processor()


@pytest.mark.parametrize(
    ("processor", "parameters", "expected"),
    [
        (LAPTOP, PUBLISHED, "int8"),
        (SERVER, PUBLISHED, "int8"),
        (ARM, PUBLISHED, "bfloat16"),
        (OLD, PUBLISHED, "float32"),
        (LAPTOP, STARTER, "float32"),
        (SERVER, STARTER, "float32"),
        (LAPTOP, LARGE_PARAMETERS - 1, "float32"),
        (LAPTOP, LARGE_PARAMETERS, "int8"),
        (Processor((9, 0)), PUBLISHED, "bfloat16"),
        (Processor((8, 0)), STARTER, "bfloat16"),
        (Processor((7, 5)), PUBLISHED, "float16"),
        (Processor((7, 0)), PUBLISHED, "float16"),
        (Processor((6, 1)), PUBLISHED, "float32"),
    ],
)
def test_auto_is_the_fastest_without_a_loss(processor: Processor, parameters: int, expected: str) -> None:
    precision, reason = best_precision(processor, parameters)
    assert precision.name == expected
    assert reason


@pytest.mark.parametrize("name", ["float32", "bfloat16", "int8"])
def test_a_precision_that_is_asked_for_is_taken(name: str) -> None:
    placement = resolve_placement("cpu", name, StoredWeights(STARTER))
    assert (placement.device, placement.dtype_name) == ("cpu", name)


@pytest.mark.parametrize(("device", "name"), [("cpu", "float16"), ("cpu", "int4"), ("cpu", "Float32")])
def test_a_precision_that_the_device_does_not_compute_is_refused(device: str, name: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        resolve_placement(device, name, StoredWeights(PUBLISHED))
    assert refused.value.field == "dtype"


def test_a_gpu_is_named_by_its_number_and_one_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    named = ("auto", "cpu", "cuda", "cuda:0", "cuda:1")
    assert [resolve_device(name) for name in named] == ["cuda", *named[1:]]
    for wrong in ("cuda:2", "cuda:-1", "cuda:01", "CUDA", "mps", ""):
        with pytest.raises(
            InvalidArgument, match="one of this machine's: cpu, cuda, cuda:0, cuda:1"
        ) as refused:
            resolve_device(wrong)
        assert refused.value.field == "device"


def test_this_machine_has_a_precision_for_a_large_model() -> None:
    assert resolve_placement("cpu", "auto", StoredWeights(STARTER)).dtype_name == "float32"
    assert resolve_placement("cpu", "auto", StoredWeights(PUBLISHED)).dtype_name in {
        "int8",
        "bfloat16",
        "float32",
    }


@pytest.mark.parametrize("name", ["auto", "int8"])
def test_a_model_in_int8_alone_is_computed_in_int8(name: str) -> None:
    placement = resolve_placement("auto", name, REDUCED)
    assert (placement.device, placement.dtype_name) == ("cpu", "int8")


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_a_model_in_int8_alone_refuses_another_precision_and_says_what_to_do(name: str) -> None:
    with pytest.raises(InvalidArgument, match="pull the model again without --dtype int8") as refused:
        resolve_placement("auto", name, REDUCED)
    assert refused.value.field == "dtype"
