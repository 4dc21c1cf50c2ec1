"""What a program is told while no server continues its stream."""

from __future__ import annotations

import time

import pytest

from translate_svc.client.resuming.stream_state import StreamState
from translate_svc.errors import QuotaExceeded, ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.types import (
    AudioFormat,
    Encoding,
    StreamConfig,
    StreamSettings,
    StreamWarning,
    TargetSettings,
)

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (ResourceExhausted("32 streams are open"), "no server continues the stream yet: 32 streams are open"),
        (QuotaExceeded("you sent more"), "no server continues the stream yet: you sent more"),
        (Unavailable("connection refused"), "the server was lost, and none continues the stream yet"),
    ],
)
def test_it_is_told_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, refusal: TranslateSvcError, told: str
) -> None:
    state = StreamState(StreamConfig(PCM, PCM, StreamSettings((TargetSettings("spa"),))), 1 << 20)
    state.lose()
    assert state.warn_of_loss(60, refusal) == []
    later_s = time.monotonic() + 3
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: later_s)
        warnings = state.warn_of_loss(60, refusal)
        assert state.warn_of_loss(60, refusal) == []
    assert warnings == [StreamWarning("server_lost", f"{told}; asking for up to 60 s")]
