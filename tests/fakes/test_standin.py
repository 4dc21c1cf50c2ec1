"""The stand-in device computes, refuses and counts as documented."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from tests.fakes.standin import NAME, MixedDevices, StandIn, stand_in


@pytest.fixture
def device() -> Iterator[StandIn]:
    with stand_in() as entered:
        yield entered


def there(*values: float) -> Tensor:
    return torch.tensor(values).to(NAME, non_blocking=True)


@pytest.mark.parametrize(
    "mixes",
    [
        lambda ones: ones + torch.ones(2),
        lambda ones: ones[torch.tensor([0, 1])],
        lambda ones: torch.cat([ones, torch.ones(2)]),
        lambda ones: torch.where(torch.tensor([True, False]), ones, ones),
    ],
)
def test_tensors_of_the_host_do_not_mix(mixes: Callable[[Tensor], Tensor], device: StandIn) -> None:
    with pytest.raises(MixedDevices):
        mixes(there(1.0, 1.0))


@pytest.mark.parametrize(
    "waits",
    [
        lambda ones: ones.cpu(),
        lambda ones: ones.tolist(),
        lambda ones: int(ones.max()),
        lambda ones: bool((ones > 0).any()),
        lambda ones: ones[ones > 0],
        lambda ones: ones.nonzero(),
        lambda ones: torch.tensor([1.0], device=NAME),
        lambda ones: torch.ones(2).copy_(ones),
        lambda _: torch.accelerator.synchronize(),
    ],
)
def test_it_counts_what_the_host_waits_for(waits: Callable[[Tensor], object], device: StandIn) -> None:
    ones = there(1.0, 1.0)
    assert device.waits == []
    waits(ones)
    assert len(device.waits) == 1
