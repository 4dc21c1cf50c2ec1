"""Recorded batches: which there are, and that rows stay what they are alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.fakes.fake_graph_capturer import FakeGraphCapturer
from tests.models.seamless.modules import CPU
from translate_svc.errors import DeviceLost
from translate_svc.models.graphs.batch_graphs import BatchGraphs
from translate_svc.models.graphs.capture_count import CaptureCount


def doubling() -> tuple[BatchGraphs, list[int]]:
    """Doubles rows of three numbers; up to four rows. And the numbers of rows that were compared."""
    compared: list[int] = []

    def check(captured: Tensor, plain: Tensor) -> None:
        assert torch.equal(captured, plain)
        compared.append(len(plain))

    batches = BatchGraphs(4, FakeGraphCapturer(), CPU, CaptureCount())
    batches.add("twice", lambda rows: 2 * rows, idle=torch.zeros(3), others=torch.ones(4, 3), check=check)
    return batches, compared


def test_every_size_is_recorded_and_compared() -> None:
    batches, compared = doubling()
    assert len(batches) == 3
    assert compared == [4, 2, 1]


def test_it_has_what_was_added_and_no_more_rows() -> None:
    batches, _ = doubling()
    assert [batches.has("twice", rows) for rows in (1, 3, 4, 5)] == [True, True, True, False]
    assert not batches.has("thrice", 1)


def test_fewer_rows_than_recorded_give_as_many() -> None:
    batches, _ = doubling()
    for rows in (torch.arange(12.0).view(4, 3), torch.arange(9.0).view(3, 3), torch.ones(1, 3)):
        assert torch.equal(batches.run("twice", rows), 2 * rows)


class FailingCapturer(FakeGraphCapturer):
    """Fails with ``error`` at its ``nth`` graph, counted from 1."""

    def __init__(self, error: Exception, nth: int) -> None:
        super().__init__()
        self._error, self._left = error, nth

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        self._left -= 1
        if self._left == 0:
            raise self._error
        return super().__call__(function)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("no kernel"),
        RuntimeError("CUDA error: operation not permitted when stream is capturing"),
        torch.OutOfMemoryError("CUDA out of memory"),
    ],
    ids=str,
)
def test_a_graph_that_is_refused_is_one_graph_less(error: Exception) -> None:
    count = CaptureCount()
    batches = BatchGraphs(4, FailingCapturer(error, nth=2), CPU, count)
    batches.add(
        "twice",
        lambda rows: 2 * rows,
        idle=torch.zeros(3),
        others=torch.ones(4, 3),
        check=torch.testing.assert_close,
    )
    assert (count.captured, count.refused) == (2, 1)
    assert torch.equal(batches.run("twice", torch.ones(2, 3)), torch.full((2, 3), 2.0))


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "RuntimeError"),
        (torch.AcceleratorError("an illegal memory access was encountered"), "AcceleratorError"),
        (torch.AcceleratorError("CUDA error: out of memory"), "its memory ran out"),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
            "its memory ran out",
        ),
    ],
    ids=str,
)
def test_a_lost_device_ends_the_capture(lost: Exception, said: str, caplog: pytest.LogCaptureFixture) -> None:
    batches = BatchGraphs(4, FailingCapturer(lost, nth=2), CPU, CaptureCount())
    with pytest.raises(DeviceLost, match=said):
        batches.add(
            "twice",
            lambda rows: 2 * rows,
            idle=torch.zeros(3),
            others=torch.ones(4, 3),
            check=torch.testing.assert_close,
        )
    assert said in caplog.text
