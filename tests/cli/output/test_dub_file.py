"""A dub is a file that players open, whatever was said."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from translate_svc.cli.output.dub_file import DUB_FORMATS, write_dub


@pytest.mark.parametrize("suffix", DUB_FORMATS)
def test_the_dub_of_a_recording_without_a_sample_can_be_opened(tmp_path: Path, suffix: str) -> None:
    speech, dub = tmp_path / "speech.wav", tmp_path / f"dub{suffix}"
    soundfile.write(speech, np.zeros(0, np.float32), 16_000)
    write_dub(speech, dub, suffix)
    with av.open(str(dub)) as opened:
        assert len(opened.streams.audio) == 1
        heard = [frame for frame in opened.decode(audio=0) if np.abs(frame.to_ndarray()).max() > 0.01]
    assert not heard
