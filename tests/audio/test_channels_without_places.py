"""Recordings with several channels of which no file says where they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from translate_svc.audio.containers import open_media

RATE_HZ = 16_000


@pytest.mark.parametrize("channels", [3, 4, 6, 12])
def test_each_microphone_of_a_recorder_is_heard(tmp_path: Path, channels: int) -> None:
    tone = np.sin(np.arange(RATE_HZ // 2) * 0.1).astype(np.float32)
    for speaks in range(channels):
        sides = np.zeros((len(tone), channels), np.float32)
        sides[:, speaks] = tone
        soundfile.write(tmp_path / "a.wav", sides, RATE_HZ, subtype="FLOAT")
        with open_media(tmp_path / "a.wav") as media:
            heard = np.concatenate(list(media.blocks()))
        np.testing.assert_allclose(heard, tone / channels, atol=1e-6)
