"""A run whose server is lost says why it stands still."""

from __future__ import annotations

import pytest

from translate_svc.cli.batch.lost_server import LostServer
from translate_svc.types import LOW_CONFIDENCE, SERVER_LOST, StreamWarning


def test_files_that_lose_a_server_together_tell_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    sink = LostServer()
    sink.write(StreamWarning(LOW_CONFIDENCE, "unsure"))
    for _ in range(3):
        sink.write(StreamWarning(SERVER_LOST, "no server continues the stream yet: too much audio"))
    told = capsys.readouterr().err
    assert told == "translate-svc: no server continues the stream yet: too much audio\n"
