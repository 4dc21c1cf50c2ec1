"""cuDNN's attention is off where a model computes on CUDA, and nowhere else is anything changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from translate_svc.models.layers.attention_backends import choose_attention_backends


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]
    torch.backends.cuda.enable_cudnn_sdp(True)
    yield
    torch.backends.cuda.enable_cudnn_sdp(before)


@pytest.mark.parametrize(("device", "enabled"), [("cuda:1", False), ("cpu", True)])
def test_cudnn_plans_nothing(device: str, enabled: bool) -> None:
    choose_attention_backends(torch.device(device))
    assert torch.backends.cuda.cudnn_sdp_enabled() is enabled  # type: ignore[no-untyped-call]
