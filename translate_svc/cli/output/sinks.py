"""Outputs for the events of a translated file: speech, JSON, lines of text."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TextIO

from translate_svc import wire
from translate_svc.cli.output.output_file import OutputFiles, path_for
from translate_svc.cli.output.speech_track import SpeechTrack
from translate_svc.cli.output.text_view import TextView
from translate_svc.types import (
    LOW_CONFIDENCE,
    SessionEvent,
    SpeechChunk,
    SpeechStarted,
    StreamWarning,
    TextDelta,
    UtteranceDone,
)

STDOUT = Path("-")


class UnsureTexts:
    """Which texts the server warned of because the model is unsure of them."""

    def __init__(self) -> None:
        self._languages: defaultdict[int | None, set[str | None]] = defaultdict(set)

    def add(self, warning: StreamWarning) -> bool:
        """Keeps the warning if it is of that kind, and returns whether it is."""
        if warning.code != LOW_CONFIDENCE:
            return False
        self._languages[warning.utterance_id].add(warning.language)
        return True

    def take(self, done: UtteranceDone) -> dict[tuple[bool, str], float]:
        """The confidence of each such text of an utterance that is done; the key says whether it is the
        transcript, and its language.
        """
        languages = self._languages.pop(done.utterance_id, set())
        return {
            (each.transcript, each.language): each.confidence
            for each in done.confidences
            if each.language in languages
        }


class Sink(Protocol):
    """Writes the events of one stream, in their order."""

    def write(self, event: SessionEvent) -> None:
        """Writes the next event."""

    def finish(self, source_samples: int) -> None:
        """Completes the output. ``source_samples``: length of the source at its own rate."""


class SpeechStarts:
    """Where the speech of each utterance starts in the source: behind the padding of its audio."""

    def __init__(self) -> None:
        self._positions: dict[int, int] = {}

    def add(self, event: SpeechStarted) -> None:
        """Keeps the start of one utterance."""
        self._positions[event.utterance_id] = event.speech_position

    def of(self, utterance_id: int, audio_start: int) -> int:
        """The start of its speech, or ``audio_start`` if the server did not tell it."""
        return max(audio_start, self._positions.get(utterance_id, 0))

    def drop(self, utterance_id: int) -> None:
        """Forgets an utterance that is done."""
        self._positions.pop(utterance_id, None)


class SpeechSink:
    """Writes one WAV file per target language. ``SpeechTrack`` decides the position of the speech."""

    def __init__(
        self,
        files: OutputFiles,
        path: Path,
        codes: Sequence[str],
        input_rate_hz: int,
        *,
        always_named: bool = False,
    ) -> None:
        """``always_named``: the language is part of the file's name even if there is only one."""
        self._starts = SpeechStarts()
        self._tracks: dict[str, SpeechTrack] = {}
        self.parts: dict[str, Path] = {}
        """The files that are written now, by language; they get their names at the end."""
        for code in codes:
            part = files.add(path_for(path, code, several=always_named or len(codes) > 1))
            self.parts[code] = part
            self._tracks[code] = SpeechTrack(part, input_rate_hz)
            files.callback(self._tracks[code].close)

    def write(self, event: SessionEvent) -> None:
        """Writes a chunk of speech, at the place where its utterance was said."""
        if isinstance(event, SpeechStarted):
            self._starts.add(event)
        elif isinstance(event, SpeechChunk):
            start = self._starts.of(event.utterance_id, event.source.start)
            self._tracks[event.language].add(event, start)
        elif isinstance(event, UtteranceDone):
            self._starts.drop(event.utterance_id)

    def finish(self, source_samples: int) -> None:
        """Pads all files to the length of the source and closes them."""
        for track in self._tracks.values():
            track.finish(source_samples)


class JsonSink:
    """Writes every event as one JSON object per line; the path ``-`` is standard output."""

    def __init__(self, files: OutputFiles, path: Path, *, audio: bool) -> None:
        self._audio = audio
        self._count = 0
        self._file: TextIO = sys.stdout
        if path != STDOUT:
            self._file = files.enter_context(files.add(path).open("w", encoding="utf-8"))

    def write(self, event: SessionEvent) -> None:
        """Writes one line."""
        self._count += 1
        row = wire.event_json(self._count, event, audio=self._audio)
        print(json.dumps(row, ensure_ascii=False), file=self._file, flush=True)

    def finish(self, source_samples: int) -> None:
        """Does nothing: every line has been written already."""


class TextSink:
    """Shows texts with the time at which they were said, and warnings on standard error."""

    def __init__(self, view: TextView, codes: Sequence[str], input_rate_hz: int) -> None:
        self._view = view
        self._order = {code: f"{number:03d}" for number, code in enumerate(codes, 1)}
        self._input_rate_hz = input_rate_hz
        self._starts = SpeechStarts()
        self._texts: defaultdict[tuple[int, str], str] = defaultdict(str)
        self._done: set[int] = set()
        self._next = 0
        self._unsure = UnsureTexts()

    def write(self, event: SessionEvent) -> None:
        """Shows a text or a warning."""
        if isinstance(event, SpeechStarted):
            self._starts.add(event)
        elif isinstance(event, TextDelta) and event.delta:
            order = "" if event.transcript else self._order[event.language]
            self._texts[event.utterance_id, order] += event.delta
            text = f"{event.language}  {self._texts[event.utterance_id, order].strip()}"
            kind = "transcript" if event.transcript else "translation"
            stamp = self._clock(self._starts.of(event.utterance_id, event.source.start))
            self._view.grow(event.utterance_id, order, stamp, text, kind)
        elif isinstance(event, UtteranceDone):
            self._mark_unsure(event)
            self._done.add(event.utterance_id)
            while self._next in self._done:
                self._settle(self._next)
                self._next += 1
        elif isinstance(event, StreamWarning) and not self._unsure.add(event):
            language = f"{event.language}: " if event.language else ""
            print(f"{language}{event.code}: {event.message}", file=sys.stderr)

    def finish(self, source_samples: int) -> None:
        """Does nothing: the view shows all texts already."""

    def _mark_unsure(self, done: UtteranceDone) -> None:
        for (transcript, language), confidence in self._unsure.take(done).items():
            order = "" if transcript else self._order[language]
            if text := self._texts.get((done.utterance_id, order), "").strip():
                kind = "transcript" if transcript else "translation"
                row = f"{language}  {text}  (unsure: {confidence:.2f})"
                self._view.grow(done.utterance_id, order, self._clock(done.source.start), row, kind)

    def _settle(self, utterance_id: int) -> None:
        """Prints an utterance. Utterances end in any order, but are printed in the order of the source."""
        self._done.remove(utterance_id)
        self._starts.drop(utterance_id)
        self._view.settle(utterance_id)
        for key in [key for key in self._texts if key[0] == utterance_id]:
            del self._texts[key]

    def _clock(self, position: int) -> str:
        seconds, hundredths = divmod(position * 100 // self._input_rate_hz, 100)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{hundredths:02d}"
