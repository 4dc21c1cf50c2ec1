"""How fast frames of a socket are read, and when a connection that errs must end, on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.serving.fakes import now_s, play
from translate_svc.errors import PermissionDenied
from translate_svc.serving.frame_pace import FramePace


def test_a_flood_of_frames_is_held() -> None:
    """A burst of 6,000 goes through, and then 2,000 a second."""

    async def scenario() -> None:
        pace, began_s = FramePace(), now_s()
        for _ in range(10_000):
            await pace.keep()
        assert now_s() - began_s == pytest.approx(2.0, abs=0.01)

    play(scenario)


def test_a_connection_that_only_errs_must_end() -> None:
    """One that errs now and then may go on for ever."""

    async def scenario() -> None:
        patient, hasty = FramePace(), FramePace()
        for _ in range(1_000):
            await asyncio.sleep(0.25)
            patient.count_error()
        for _ in range(100):
            hasty.count_error()
        with pytest.raises(PermissionDenied, match="wrong"):
            hasty.count_error()

    play(scenario)
