"""The film or recording that is dubbed from subtitles: how long it is, and which of its tracks is heard."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from translate_svc.audio.media_files import silent_film_ms
from translate_svc.cli.audio.media_reader import MediaReader
from translate_svc.cli.media.text_files import TextFile
from translate_svc.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class DubbedSource:
    """``end_ms``: its end as far as it is known. ``track``: the number of the audio track that is heard."""

    name: str
    end_ms: int | None
    track: int = 1

    def subtitled(self, text: TextFile, subtitles: Path) -> TextFile:
        """The cues that begin before the end. It is said if others are left out: they are of another film,
        or their times are shifted.

        Raises:
            InvalidArgument: there are no others. Names the subtitles.
        """
        if not self.end_ms or text.last_start_ms < self.end_ms:
            return text
        starts, ends = (timedelta(seconds=ms // 1000) for ms in (text.last_start_ms, self.end_ms))
        kept = text.until(self.end_ms)
        if not kept.passages:
            message = f"all its cues begin after the end of {self.name}, at {ends}"
            raise InvalidArgument(message, field=str(subtitles))
        found = f"has a cue at {starts}, but {self.name} ends at {ends}"
        print(f"translate-svc: {subtitles.name}: {found}: what begins later is left out", file=sys.stderr)
        return kept


async def silent_film(path: Path) -> DubbedSource | None:
    """A film without sound; None if the file has sound, or is no film."""
    end_ms = await asyncio.to_thread(silent_film_ms, path)
    return None if end_ms is None else DubbedSource(path.name, end_ms)


async def heard_source(readers: Iterable[MediaReader], text: TextFile) -> DubbedSource:
    """What the only one of ``readers`` reads. If a cue of ``text`` is behind the end that the file states,
    it is read to its end: of some formats FFmpeg estimates the length.
    """
    (reader,) = readers
    end_ms, media = reader.duration_ms, reader.media
    if end_ms and text.last_start_ms >= end_ms:
        read_samples = 0
        async for block in reader.blocks():
            read_samples += len(block)
        end_ms = max(end_ms, read_samples * 1000 // media.sample_rate_hz)
    return DubbedSource(reader.name, end_ms, 1 if media.track is None else media.track.number)
