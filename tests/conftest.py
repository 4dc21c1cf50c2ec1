"""For all tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command that runs in this process sets what is logged. Later tests log as if it had not run."""
    logger = logging.getLogger("translate_svc")
    level = logger.level
    yield
    logger.setLevel(level)
