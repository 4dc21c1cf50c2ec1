"""Dubs and subtitles of one file as tracks of a new film."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from translate_svc.cli.media.burn_in.burning import Burning
from translate_svc.cli.media.cue_sink import CueSink, TextStream
from translate_svc.cli.media.film import Dub, KeptOriginal, write_film
from translate_svc.cli.media.film_tracks import check_tracks
from translate_svc.cli.media.part import Part
from translate_svc.cli.output.channel_sides import ChannelSide
from translate_svc.cli.output.dub_file import DUB_FORMATS
from translate_svc.cli.output.output_file import OutputFiles
from translate_svc.cli.output.sinks import SpeechTracks
from translate_svc.types import SessionEvent


class FilmSink:
    """Collects the speech in hidden files beside the film, and writes the film at the end."""

    def __init__(
        self,
        files: OutputFiles,
        source: Path,
        output: Path,
        codes: Sequence[str],
        transcript: str | None,
        input_rate_hz: int,
        kept: KeptOriginal | None,
        part: Part,
        *,
        speaks: bool,
        kept_times: bool,
        burning: Burning | None = None,
    ) -> None:
        """``transcript``: the source language, if its subtitles are to be added too. ``speaks``: with dubs.
        ``kept_times``: as of ``CueSink``. ``burning``: the subtitles, of the transcript above the others, are
        drawn into the picture and no tracks. It is said which tracks of the film have no place in ``output``.

        Raises:
            InvalidArgument: as ``check_tracks``.
        """
        self._source = source
        self._codes = codes
        self._transcript = transcript
        self._kept = kept
        self._part_of_film = part
        self._form = DUB_FORMATS[output.suffix.lower()]
        lost = check_tracks(source, self._form, burns=burning is not None, speaks=speaks)
        if lost:
            message = f"{output.suffix} has no place for {', '.join(lost)}: left out of {output.name}"
            print(f"translate-svc: {source.name}: {message}", file=sys.stderr)
        self._part = files.add(output)
        self._speech = SpeechTracks(files, self._part, codes, input_rate_hz) if speaks else None
        self._burning = burning
        said = {} if transcript is None else {TextStream(transcript, transcript=True): ()}
        self._cues = CueSink(said, input_rate_hz, kept_times=kept_times)

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Adds a text or speech of the only stream."""
        if self._speech is not None:
            self._speech.write(event)
        self._cues.write(event)

    def finish(self, source_samples: int) -> None:
        """Writes the film."""
        spoken = {} if self._speech is None else self._speech.finish(source_samples)
        dubs = [Dub(code, spoken.get(code), self._cues.cues(TextStream(code))) for code in self._codes]
        said: list[Dub] = []
        if self._transcript is not None:
            stream = TextStream(self._transcript, transcript=True)
            said.append(Dub(self._transcript, None, self._cues.cues(stream)))
        shown, burnt = [*dubs, *said], None
        if self._burning is not None:
            burnt = self._burning.of([each.cues for each in (*said, *dubs)])
            shown = [replace(each, cues=()) for each in shown]
        write_film(self._source, self._part, self._form, shown, self._kept, self._part_of_film, burnt)
