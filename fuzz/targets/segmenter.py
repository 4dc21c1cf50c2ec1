"""Any speech probabilities under any settings: utterances in order, within bounds, and always an end."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.byte_reader import ByteReader, number
from translate_svc.errors import OutOfRange
from translate_svc.types import EndReason
from translate_svc.vad.options import VadOptions
from translate_svc.vad.segmenter import SegmentEnded, Segmenter, SegmentEvent, SegmentStarted

_SETTINGS = (
    ("min_speech_ms", 0, 1_000), ("min_silence_ms", 300, 5_000), ("prefix_padding_ms", 0, 1_000),
    ("suffix_padding_ms", 0, 300), ("max_utterance_ms", 2_500, 30_000), ("cut_search_ms", 32, 30_000),
    ("idle_timeout_ms", 2_000, 60_000),
)  # fmt: skip
MAX_BYTES = 600
_CUT, _FINALIZE = 254, 255


def run(data: bytes) -> None:
    """Settings, and then one byte a frame: its probability and level, a cut, or the end of the utterance."""
    reader = ByteReader(data)
    try:
        options = VadOptions(
            threshold=reader.number(0, 100) / 100,
            hysteresis=reader.number(0, 60) / 100,
            **{name: reader.number(low, high) for name, low, high in _SETTINGS},
        )
    except OutOfRange:
        return
    _Walk(options, reader.take(MAX_BYTES)).run()


class _Walk:
    """Goes through the frames as a stream does: each grid begins at the last commit point."""

    def __init__(self, options: VadOptions, frames: bytes) -> None:
        self._options = options
        self._frames = frames
        self._commit = 0  # of the whole stream, as all frames here
        self._pushed = 0

    def run(self) -> None:
        while self._commit < len(self._frames):
            before = self._commit
            if not self._grid():
                return
            assert self._commit >= before
        bound = 3 * len(self._frames) + self._options.max_utterance_frames
        assert self._pushed <= bound, "frames are processed again and again"

    def _grid(self) -> bool:
        """One grid. False once the frames have ended."""
        segmenter, started = Segmenter(self._options), False
        for place in range(self._commit, len(self._frames)):
            byte = self._frames[place]
            if byte == _FINALIZE and segmenter.frames:
                return self._over(segmenter.finalize(EndReason.FINALIZE), segmenter.frames, started)
            if byte == _CUT and segmenter.start_frame is not None:
                return self._over(segmenter.cut(segmenter.frames), segmenter.frames, started)
            assert 0 <= segmenter.earliest_frame <= segmenter.frames
            self._pushed += 1
            event = segmenter.push((byte & 15) / 15, float(byte >> 4))
            if isinstance(event, SegmentStarted):
                assert not started
                assert 0 <= event.start_frame <= event.speech_frame < segmenter.frames
                started = True
            elif event is not None:
                return self._over(event, segmenter.frames, started)
        segmenter.finalize(EndReason.END_OF_STREAM)
        return False

    def _over(self, event: SegmentEvent | None, frames: int, started: bool) -> bool:
        if event is None:
            self._commit += frames
            return True
        assert not isinstance(event, SegmentStarted)
        if isinstance(event, SegmentEnded):
            assert started
            assert 0 <= event.start_frame < event.end_frame <= event.commit_frame <= frames
            assert event.end_frame - event.start_frame <= self._options.max_utterance_frames
        assert 0 < event.commit_frame <= frames
        self._commit += event.commit_frame
        return True


def seeds() -> Iterator[bytes]:
    """The defaults, and words with pauses; somebody who never stops; nobody."""
    defaults = (100, 500, 300, 200, 15_000, 3_000, 10_000)
    head = number(50, 0) + number(15, 0)
    head += b"".join(number(value, low) for value, (_, low, _) in zip(defaults, _SETTINGS, strict=True))
    yield head + (b"\x0f" * 20 + b"\0" * 30) * 6
    yield head + b"\xff\x0f\x2f" * 400
    yield head + bytes(700) + b"\x0f" * 9 + bytes([_FINALIZE]) + b"\x0f" * 9 + bytes([_CUT])
