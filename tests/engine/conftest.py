"""The device of the runner's tests, which ``TEST_DEVICE`` selects."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.fakes import standin


@pytest.fixture(scope="session", autouse=True)
def _device() -> Iterator[None]:
    """``TEST_DEVICE=standin`` selects the stand-in accelerator."""
    if os.environ.get("TEST_DEVICE") != standin.NAME:
        yield
        return
    with standin.stand_in():
        yield
