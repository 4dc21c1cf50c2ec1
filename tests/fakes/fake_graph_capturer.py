"""A fake of CUDA graphs on a CPU: it runs the work again, and refuses work that a graph cannot capture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from translate_svc.models.seamless.encoder import speech_buckets
from translate_svc.models.seamless.t2u import t2u_graphs
from translate_svc.models.seamless.vocoder import piecewise_vocoder

_WAITS = {"item", "tolist", "numpy", "cpu", "nonzero", "masked_select", "tensor", "as_tensor"} | {
    f"__{name}__" for name in ("int", "float", "bool", "index")
}
_INDEXES = {"__getitem__", "__setitem__"}


class CannotCapture(RuntimeError):
    """A graph cannot capture work that waits for the device or reads from the host."""


class _NoSynchronization(TorchFunctionMode):
    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        # a boolean index gives a shape that depends on values
        boolean_index = name in _INDEXES and isinstance(args[1], Tensor) and args[1].dtype is torch.bool
        if name in _WAITS or boolean_index:
            raise CannotCapture(name)
        return function(*args, **(kwargs or {}))


def limit_captured_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Captures batches for 1 and 2 rows only, of up to 2.5 s of audio: all sizes take seconds on a CPU."""
    monkeypatch.setattr(speech_buckets, "MAX_ROWS", 2)
    monkeypatch.setattr(speech_buckets, "_MOST_CAPTURED", 128)
    monkeypatch.setattr(t2u_graphs, "_MAX_ROWS", 2)
    monkeypatch.setattr(piecewise_vocoder, "_MAX_ROWS", 2)


def stale_capturer(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """A ``GraphCapturer`` whose graphs always return the result of the capture."""
    captured = function().clone()
    return lambda: captured


class FakeGraphCapturer:
    """A ``GraphCapturer``. It counts the graphs ``captured`` and their ``replays``."""

    def __init__(self) -> None:
        self.captured = self.replays = 0

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        with _NoSynchronization():
            result = function()
        self.captured += 1

        def replay() -> Tensor:
            with _NoSynchronization():
                again = function()
            assert again.shape == result.shape, "a graph has one shape"
            self.replays += 1
            return result.copy_(again)

        return replay
