"""Servers of the tests: a Janus of their own, and a translate-svc that is there already."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from meeting_translate_svc import Room

from benchmarks.meeting.janus_process import JANUS, janus_process

_ROOMS = range(1, 33)
_numbers = itertools.count(_ROOMS.start)


@pytest.fixture
def server() -> str:
    """Address of a ``translate-svc serve`` with the starter checkpoint, which speaks gRPC."""
    return os.environ.get("TRANSLATE_SVC_SERVER", "127.0.0.1:50051")


@pytest.fixture(scope="session")
def janus_installed() -> None:
    """Skips tests where Janus is not installed."""
    if JANUS is None:
        pytest.skip("Janus is not installed: apt-get install janus")


@pytest.fixture(scope="session")
def janus(janus_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Janus server with many rooms."""
    folder: Path = tmp_path_factory.mktemp("janus")
    with janus_process(folder, rooms=_ROOMS) as (url, _):
        yield url


@pytest.fixture
def room() -> Room:
    """A room that no other test uses."""
    return Room(next(_numbers))


other_room = room
"""Another one."""
