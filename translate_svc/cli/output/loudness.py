"""The gain that brings speech to EBU R 128's -23 LUFS, as FFmpeg's filter ebur128 measures it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

TARGET_LUFS = -23.0
MAX_PEAK_DBFS = -1.0
_SILENCE_LUFS = -69.0
"""The filter says -70 where it heard nothing, or less than 400 ms."""


def gain_of(recording: Path) -> float:
    """The factor to ``TARGET_LUFS`` that keeps true peaks below ``MAX_PEAK_DBFS``; 1 for silence."""
    lufs, peak = _SILENCE_LUFS, 1.0
    for frame in _measured(recording):
        # a last piece that is too short for the filter has no figures
        lufs = float(frame.metadata.get("lavfi.r128.I", lufs))
        peak = float(frame.metadata.get("lavfi.r128.true_peak", peak))
    if lufs <= _SILENCE_LUFS or peak <= 0:
        return 1.0
    highest: float = 10 ** (MAX_PEAK_DBFS / 20) / peak
    return min(10 ** ((TARGET_LUFS - lufs) / 20), highest)


def _measured(recording: Path) -> Iterator[AudioFrame]:
    """The recording in pieces of 100 ms, with the figures so far."""
    import av

    with av.open(f"file:{recording}") as container:
        stream = container.streams.audio[0]
        graph = av.filter.Graph()
        source = graph.add_abuffer(template=stream)
        meter, sink = graph.add("ebur128", "metadata=1:peak=true"), graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        graph.configure()
        for frame in chain(container.decode(stream), [None]):
            source.push(frame)
            with suppress(BlockingIOError, EOFError):
                while True:
                    yield sink.pull()  # type: ignore[misc]
