"""The estimate of a model's memory: at the published size, and against a loaded model."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.checkpoints import checkpoint_folder
from translate_svc.errors import InvalidArgument
from translate_svc.models.limits import ModelLimits
from translate_svc.models.machine.memory_estimate import MemoryEstimate, check_fits
from translate_svc.models.placement import Placement
from translate_svc.models.precision import BFLOAT16, PRECISIONS
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.seamless.memory import memory_estimate

GB = 1e9


def limits(slots: int) -> ModelLimits:
    return ModelLimits(
        max_slots=slots, max_slot_tokens=256, max_source_samples=30 * 16_000, max_source_tokens=256
    )


@pytest.mark.parametrize(
    ("dtype", "device", "weights_gb"),
    [("bfloat16", "cuda", 4.7), ("float16", "cuda", 4.7), ("float32", "cuda", 9.2), ("bfloat16", "cpu", 5.2)],
)
def test_the_weights_of_the_published_size(dtype: str, device: str, weights_gb: float) -> None:
    estimate = memory_estimate(ModelConfig(), limits(16), PRECISIONS[dtype], device)
    assert estimate.weights / GB == pytest.approx(weights_gb, rel=0.01)


@pytest.mark.parametrize(
    ("slots", "caches_gb", "graphs_gb"), [(16, 0.8, 1.4), (64, 3.3, 1.6), (256, 13.1, 2.4), (1_000, 51, 4.9)]
)
def test_the_caches_and_graphs_of_the_published_size(slots: int, caches_gb: float, graphs_gb: float) -> None:
    estimate = memory_estimate(ModelConfig(), limits(slots), BFLOAT16, "cuda:0")
    assert estimate.caches / GB == pytest.approx(caches_gb, rel=0.03)
    assert estimate.graphs / GB == pytest.approx(graphs_gb, rel=0.12)
    assert estimate.slot * slots == estimate.caches
    assert estimate.work / GB < 5, "what comes and goes never outweighs the rest"


def test_a_smaller_precision_takes_less() -> None:
    sizes = [
        memory_estimate(ModelConfig(), limits(8), PRECISIONS[dtype], "cpu").total
        for dtype in ("float32", "bfloat16", "int8")
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.7 * sizes[1] > 1.2 * sizes[2]


_MEASURED = """
import sys
from pathlib import Path
import numpy as np
import torch
from translate_svc.models.limits import ModelLimits
from translate_svc.models.placement import Placement
from translate_svc.models.precision import PRECISIONS
from translate_svc.models.registry import open_checkpoint
family = open_checkpoint(Path(sys.argv[1]))
limits = ModelLimits(max_slots=int(sys.argv[2]), max_slot_tokens=256,
                     max_source_samples=480_000, max_source_tokens=256)
model = family.load(limits, Placement("cpu", PRECISIONS[sys.argv[3]]))
noise = np.random.default_rng(0).standard_normal(480_000).astype(np.float32)
with torch.inference_mode():
    for _ in model.encode([noise], [[0]]):
        pass
    slots = range(limits.max_slots)  # as if each had been full
    model.cache.clear_tokens(slots)
    model.cache.clear_source(slots)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) * 1024)
"""


def _peak(slots: int, dtype: str) -> int:
    """Most bytes of a process that loads the starter and encodes the longest utterance."""
    made = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(checkpoint_folder("starter")), str(slots), dtype],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(made.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_the_estimate_is_that_of_a_loaded_model(dtype: str) -> None:
    family, placement = open_checkpoint(checkpoint_folder("starter")), Placement("cpu", PRECISIONS[dtype])
    few, many = (family.memory_estimate(limits(slots), placement) for slots in (16, 416))
    measured_few, measured_many = _peak(16, dtype), _peak(416, dtype)
    assert measured_many - measured_few == pytest.approx(many.caches - few.caches, rel=0.15)
    # most of it are pages of libraries, which the system drops when others want them; too much is no harm
    assert 0.7 * measured_few <= few.total <= 1.7 * measured_few


def test_a_model_that_fits_is_let_in() -> None:
    check_fits(_estimate(), 1_000, "the machine", max_slots=4)


def test_fewer_slots_are_named_where_they_would_fit() -> None:
    with pytest.raises(InvalidArgument, match="enough for 2 slots") as refused:
        check_fits(_estimate(), 850, "the machine", max_slots=4)
    assert refused.value.field == "max_slots"


def test_a_smaller_precision_is_named_where_no_slot_fits() -> None:
    estimate = MemoryEstimate(weights=int(9e9), caches=int(1e9), graphs=0, work=int(5e8), slot=int(1e8))
    with pytest.raises(InvalidArgument, match="bfloat16") as refused:
        check_fits(estimate, int(3e9), "the control group", max_slots=10)
    assert refused.value.field == "dtype"
    for figure in ("10.50 GB", "9.00 GB weights", "1.00 GB caches", "control group has 3.00 GB"):
        assert figure in str(refused.value)


def _estimate() -> MemoryEstimate:
    return MemoryEstimate(weights=500, caches=400, graphs=0, work=100, slot=100)
