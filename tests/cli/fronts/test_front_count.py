"""How many front processes there are: what the operator says, else what the device needs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from translate_svc.cli.fronts.front_count import GPU_FRONTS, with_front_processes
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument


@pytest.mark.parametrize(
    ("settings", "gpus", "expected"),
    [
        ({}, 0, 1),
        ({}, 1, GPU_FRONTS),
        ({"device": "cuda:1"}, 2, GPU_FRONTS),
        ({"device": "cpu"}, 1, 1),
        ({"host": "unix:/tmp/socket"}, 1, 1),
        ({"front_processes": 1}, 1, 1),
        ({"front_processes": 2}, 0, 2),
    ],
)
def test_a_gpu_has_front_processes_unless_the_operator_says_otherwise(
    settings: dict[str, Any], gpus: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert with_front_processes(Settings(**settings)).front_processes == expected


def test_a_device_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgument, match="device"):
        with_front_processes(Settings(device="cuda:7"))
