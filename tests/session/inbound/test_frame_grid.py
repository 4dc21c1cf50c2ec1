"""The frame grid: where frames lie in the input, and which of them are kept."""

from __future__ import annotations

import numpy as np
import pytest

from translate_svc.session.inbound.frame_grid import FrameGrid


def grid_of(samples: int, rate_hz: int, origin: int = 1_000) -> FrameGrid:
    grid = FrameGrid(origin, rate_hz)
    grid.push(np.random.default_rng(0).uniform(-1, 1, samples).astype(np.float32))
    return grid


@pytest.mark.parametrize(
    ("rate_hz", "frame", "position"),
    [
        (16_000, 3, 1_536),
        (8_000, 3, 768),
        (48_000, 3, 4_608),
        (44_100, 1, 1_411),  # 1411.2
        (44_100, 3, 4_234),  # 4233.6
        (11_025, 5, 1_764),
        (22_050, 5, 3_528),
        (12_345, 4, 1_580),  # 1580.16
    ],
)
def test_a_frame_starts_at_the_nearest_input_sample(rate_hz: int, frame: int, position: int) -> None:
    assert grid_of(10_000, rate_hz).position_of(frame) == 1_000 + position


def test_positions_stop_at_the_end_of_the_input() -> None:
    grid = grid_of(1_412, 44_100)
    assert grid.position_of(2) == 2_412
    assert grid.position_of(1) == 2_411
    grid.flush()
    assert (
        grid.position_of(1) == 2_412
    )  # 1412 samples make exactly one frame: the grid ends where the input does


def test_frames_are_taken_in_order_and_the_last_is_padded() -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, 1_300).astype(np.float32)
    grid = FrameGrid(0, 16_000)
    for chunk in np.array_split(samples, 7):
        grid.push(chunk)
    taken = [grid.take_frame(), grid.take_frame()]
    assert grid.take_frame() is None
    grid.flush()
    taken.append(grid.take_frame())
    assert grid.take_frame() is None
    assert all(frame is not None for frame in taken)
    joined = np.concatenate([frame for frame in taken if frame is not None])
    np.testing.assert_array_equal(joined[:1_300], samples)
    assert not joined[1_300:].any()
    np.testing.assert_array_equal(grid.samples_between(1, 3), samples[512:])


def test_discarded_frames_are_gone() -> None:
    grid = grid_of(4 * 512, 16_000)
    while grid.take_frame() is not None:
        pass
    grid.discard_before(2)
    assert len(grid.samples_between(2, 4)) == 1_024
    for start, end in ((1, 3), (2, 5)):
        with pytest.raises(IndexError):
            grid.samples_between(start, end)
