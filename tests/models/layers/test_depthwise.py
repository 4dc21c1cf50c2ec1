"""Depthwise convolutions: the same numbers in every way, and the fastest way is taken."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.fakes.standin import NAME, stand_in
from translate_svc.errors import DeviceLost
from translate_svc.models.layers import depthwise
from translate_svc.models.layers.convolution import Convolution
from translate_svc.models.layers.depthwise import WAYS, fastest_way


def convolution() -> Convolution:
    torch.manual_seed(0)
    conv = Convolution(12, 12, 7, groups=12, bias=False, causal=True)
    conv.load_state_dict(conv.state_dict())
    return conv


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("frames", [1, 5, 40])
def test_every_way_gives_the_sum_over_the_taps(way: str, frames: int) -> None:
    conv, states = convolution(), torch.randn(2, frames, 12, generator=torch.Generator().manual_seed(1))
    expected = torch.zeros(2, frames, 12)
    for tap, frame in itertools.product(range(7), range(frames)):
        if (heard := frame - 6 + tap) >= 0:
            expected[:, frame] += states[:, heard] * conv.weight[:, 0, tap]
    with torch.inference_mode():
        torch.testing.assert_close(WAYS[way](conv, states), expected, atol=1e-5, rtol=0)


def ticks(*seconds: float) -> Iterator[float]:
    """A clock on which the first way takes the first of ``seconds``, and so on."""
    return itertools.accumulate(itertools.chain.from_iterable((0.0, each) for each in seconds))


def test_the_fastest_way_is_taken_and_one_that_raises_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(_conv: Convolution, _states: Tensor) -> Tensor:
        raise RuntimeError("no kernel")

    with stand_in():
        conv, states = convolution().to(NAME), torch.zeros(1, 9, 12).to(NAME)
        times = ticks(3.0, 1.0, 2.0)
        assert fastest_way(conv, states, lambda: next(times)) == "channels first"
        monkeypatch.setitem(WAYS, "channels first", raising)
        times = ticks(3.0, 2.0)
        assert fastest_way(conv, states, lambda: next(times)) == "products"
        monkeypatch.setattr(depthwise, "is_device_loss", lambda _error: True)
        with pytest.raises(DeviceLost):
            fastest_way(conv, states)
