"""Where the runner's tests compute: see ``new_runner``."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.fakes import standin


@pytest.fixture(scope="session", autouse=True)
def _device() -> Iterator[None]:
    """``TEST_DEVICE=standin``: on an accelerator that is stood in for."""
    if os.environ.get("TEST_DEVICE") != standin.NAME:
        yield
        return
    with standin.stand_in():
        yield
