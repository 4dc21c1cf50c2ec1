"""Where the server of the tests is."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def base_url() -> str:
    """Address of a ``translate-svc serve --http`` with the starter checkpoint."""
    return os.environ.get("TRANSLATE_SVC_HTTP", "http://127.0.0.1:8080")
