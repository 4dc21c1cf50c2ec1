"""Stands in for CUDA graphs on a CPU: runs the work anew, and refuses what a graph could not hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from translate_svc.models.t2u import t2u_graphs
from translate_svc.models.vocoder import piecewise_vocoder

_WAITS = {"item", "tolist", "numpy", "cpu", "nonzero", "masked_select", "tensor", "as_tensor"} | {
    f"__{name}__" for name in ("int", "float", "bool", "index")
}
_INDEXES = {"__getitem__", "__setitem__"}


class CannotCapture(RuntimeError):
    """Work that waits for the device, or takes from the host, cannot be recorded."""


class _WithoutWaiting(TorchFunctionMode):
    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        # the shape of what a boolean index gives depends on values
        chosen = name in _INDEXES and isinstance(args[1], Tensor) and args[1].dtype is torch.bool
        if name in _WAITS or chosen:
            raise CannotCapture(name)
        return function(*args, **(kwargs or {}))


def limit_captured_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of texts and pieces are recorded for 1 and 2 rows only: all sizes take a CPU seconds."""
    monkeypatch.setattr(t2u_graphs, "_MAX_ROWS", 2)
    monkeypatch.setattr(piecewise_vocoder, "_MAX_ROWS", 2)


def stale_capturer(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """A ``GraphCapturer`` whose recordings give what they were recorded with for ever."""
    made = function().clone()
    return lambda: made


class FakeGraphCapturer:
    """A ``GraphCapturer``. ``replays`` counts."""

    def __init__(self) -> None:
        self.captured = self.replays = 0

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        with _WithoutWaiting():
            result = function()
        self.captured += 1

        def replay() -> Tensor:
            with _WithoutWaiting():
                again = function()
            assert again.shape == result.shape, "a recording has one shape"
            self.replays += 1
            return result.copy_(again)

        return replay
