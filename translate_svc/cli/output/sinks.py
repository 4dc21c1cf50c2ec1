"""Outputs for the events of a translated file: speech, JSON, lines of text."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol, TextIO

from translate_svc import wire
from translate_svc.cli.interrupts import temporary_folder
from translate_svc.cli.output.channel_sides import ONE_STREAM, ChannelSide, speaker_name
from translate_svc.cli.output.dub_file import write_dub
from translate_svc.cli.output.output_file import OutputFiles, naming, path_for
from translate_svc.cli.output.speech_timeline import SpeechTimeline, write_stereo
from translate_svc.cli.output.text_view import TextView
from translate_svc.cli.output.turn_order import TurnOrder
from translate_svc.cli.output.unsure_texts import UnsureTexts, unsure_mark
from translate_svc.cli.wire_fields import warning_in_words_of_flags
from translate_svc.subtitles.speech_starts import SpeechStarts
from translate_svc.types import (
    LOW_CONFIDENCE,
    Closed,
    SessionEvent,
    SpeechChunk,
    SpeechStarted,
    StreamWarning,
    TextDelta,
    UtteranceDone,
)

STDOUT = Path("-")
_HIDDEN = ".translate-svc-dub-"

_MAX_UNTOLD_S = 40
"""The server reports a start of speech at most so long after the speech was sent, apart from buffers. It
collects 30 s of a recording before it cuts it.
"""


class Sink(Protocol):
    """Writes the events of one file: of one stream in their order, or of one stream for each side."""

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Writes the next event of a stream."""

    def finish(self, source_samples: int) -> None:
        """Completes the output. ``source_samples``: length of the source at its own rate."""


class SpeechTracks:
    """Collects speech in hidden WAV files. ``SpeechTimeline`` decides the position of the speech."""

    def __init__(
        self,
        files: OutputFiles,
        beside: Path,
        codes: Sequence[str],
        input_rate_hz: int,
        sides: Sequence[ChannelSide] = ONE_STREAM,
    ) -> None:
        """``beside``: the hidden files are in its folder; in the system's own if it is a pipe."""
        self._starts: defaultdict[ChannelSide, SpeechStarts] = defaultdict(SpeechStarts)
        self._tracks: dict[tuple[str, ChannelSide], SpeechTimeline] = {}
        self._codes = codes
        self._sides = sides
        parent = beside.parent if beside.is_file() else None
        self._folder = files.enter_context(temporary_folder(_HIDDEN, parent))
        for code in codes:
            for side in sides:
                name = code if side is None else f"{code}.{side.value}"
                track = SpeechTimeline(self._folder / f"{name}.wav", input_rate_hz)
                self._tracks[code, side] = track
                files.callback(track.close)

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Writes a chunk of speech, at the place where its utterance was said."""
        starts = self._starts[side]
        if isinstance(event, SpeechStarted):
            starts.add(event)
        elif isinstance(event, SpeechChunk):
            start = starts.of(event.utterance_id, event.source.start)
            self._tracks[event.language, side].add(event, start)
        elif isinstance(event, UtteranceDone):
            starts.drop(event.utterance_id)

    def finish(self, source_samples: int) -> dict[str, Path]:
        """Pads all tracks to the length of the source. Returns a file for each language; with two sides it is
        stereo.
        """
        for track in self._tracks.values():
            track.finish(source_samples)
        if len(self._sides) == 1:
            return {code: self._tracks[code, self._sides[0]].path for code in self._codes}
        both = {code: self._folder / f"{code}.wav" for code in self._codes}
        for code, path in both.items():
            write_stereo(path, [self._tracks[code, side].path for side in self._sides])
        return both


class SpeechSink:
    """Writes a dub per target language (``write_dub``), and with two sides in stereo."""

    def __init__(
        self,
        files: OutputFiles,
        path: Path,
        codes: Sequence[str],
        input_rate_hz: int,
        *,
        always_named: bool = False,
        sides: Sequence[ChannelSide] = ONE_STREAM,
    ) -> None:
        """``always_named``: the language is part of the file's name even if there is only one."""
        several = always_named or len(codes) > 1
        self._suffix = path.suffix.lower()
        self._parts = {code: files.add(path_for(path, code, several=several)) for code in codes}
        first = next(iter(self._parts.values()))
        self._tracks = SpeechTracks(files, first, codes, input_rate_hz, sides)

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Keeps a chunk of speech."""
        self._tracks.write(event, side)

    def finish(self, source_samples: int) -> None:
        """Writes the files, as long as the source."""
        for code, speech in self._tracks.finish(source_samples).items():
            write_dub(speech, self._parts[code], self._suffix)


class JsonSink:
    """Writes every event as one JSON object per line; the path ``-`` is standard output.

    With two sides each line says its ``channel``, and ``seq`` counts the lines of that channel. The line of
    ``utterance_done`` has ``unsure``: the languages of texts that the model is unsure of, if there are any.
    """

    def __init__(self, files: OutputFiles, path: Path, *, audio: bool) -> None:
        self._audio = audio
        self._counts = Counter[ChannelSide]()
        self._unsure: defaultdict[ChannelSide, UnsureTexts] = defaultdict(UnsureTexts)
        self._file: TextIO = sys.stdout
        self._path = path
        if path != STDOUT:
            self._path = files.add(path, grows=True)
            self._file = self._path.open("w", encoding="utf-8")
            files.callback(self._close)

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Writes one line."""
        self._counts[side] += 1
        row = wire.event_json(self._counts[side], event, audio=self._audio)
        if isinstance(event, StreamWarning):
            self._unsure[side].add(event)
        elif isinstance(event, UtteranceDone) and (unsure := self._unsure[side].take(event)):
            row |= {"unsure": sorted({language for _, language in unsure})}
        if side is not None:
            row = {"channel": side.value, **row}
        with naming(self._path) if self._path != STDOUT else nullcontext():
            print(json.dumps(row, ensure_ascii=False), file=self._file, flush=True)

    def finish(self, source_samples: int) -> None:
        """Does nothing: every line has been written already."""

    def _close(self) -> None:
        with naming(self._path):  # writes what could not be written before, once more
            self._file.close()


class WarningSink:
    """Tells warnings on standard error, but those that texts are marked for."""

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Tells a warning."""
        if isinstance(event, StreamWarning) and event.code != LOW_CONFIDENCE:
            names = "".join(f"{name}: " for name in (speaker_name(side), event.language) if name)
            print(f"{names}{event.code}: {warning_in_words_of_flags(event.message)}", file=sys.stderr)

    def finish(self, source_samples: int) -> None:
        """Does nothing."""


class TextSink:
    """Shows texts with the time at which they were said, and warnings on standard error.

    With two sides each line has the name of its speaker.
    """

    def __init__(
        self,
        view: TextView,
        codes: Sequence[str],
        input_rate_hz: int,
        sides: Sequence[ChannelSide] = ONE_STREAM,
        sent_samples: Callable[[ChannelSide], int] = lambda side: 0,
    ) -> None:
        """``sent_samples`` returns how much of a side was sent: a silent side is known as far as that."""
        self._view = view
        self._order = {code: f"{number:03d}" for number, code in enumerate(codes, 1)}
        self._input_rate_hz = input_rate_hz
        self._sides = sides
        self._sent_samples = sent_samples
        self._turns = TurnOrder(sides)
        self._starts: defaultdict[ChannelSide, SpeechStarts] = defaultdict(SpeechStarts)
        self._unsure: defaultdict[ChannelSide, UnsureTexts] = defaultdict(UnsureTexts)
        self._texts: defaultdict[tuple[int, str], str] = defaultdict(str)
        self._warnings = WarningSink()

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Shows a text or a warning."""
        if isinstance(event, SpeechStarted):
            self._starts[side].add(event)
            self._turn(side, event.utterance_id, event.position)
        elif isinstance(event, TextDelta) and event.delta:
            turn = self._turn(side, event.utterance_id, event.source.start)
            order = "" if event.transcript else self._order[event.language]
            self._texts[turn, order] += event.delta
            kind = "transcript" if event.transcript else "translation"
            stamp = self._clock(self._starts[side].of(event.utterance_id, event.source.start))
            self._view.grow(turn, order, stamp, self._row(side, event.language, turn, order), kind)
        elif isinstance(event, UtteranceDone):
            turn = self._turn(side, event.utterance_id, event.source.start)
            self._mark_unsure(event, side, turn)
            self._starts[side].drop(event.utterance_id)
            self._turns.done(turn)
            self._turns.know(side, event.source.end)
        elif isinstance(event, Closed):
            self._turns.close(side)
        elif isinstance(event, StreamWarning):
            self._unsure[side].add(event)
            self._warnings.write(event, side)
        self._settle()

    def finish(self, source_samples: int) -> None:
        """Does nothing: the view shows all texts already."""

    def _turn(self, side: ChannelSide, utterance_id: int, audio_start: int) -> int:
        start = self._starts[side].of(utterance_id, audio_start)
        return self._turns.number(side, utterance_id, start)

    def _row(self, side: ChannelSide, language: str, turn: int, order: str) -> str:
        speaker = "" if side is None else f"{speaker_name(side):<5}  "
        return f"{speaker}{language}  {self._texts[turn, order].strip()}"

    def _mark_unsure(self, done: UtteranceDone, side: ChannelSide, turn: int) -> None:
        for (transcript, language), confidence in self._unsure[side].take(done).items():
            order = "" if transcript else self._order[language]
            if self._texts.get((turn, order), "").strip():
                kind = "transcript" if transcript else "translation"
                row = f"{self._row(side, language, turn, order)}  {unsure_mark(confidence.confidence)}"
                stamp = self._clock(self._starts[side].of(done.utterance_id, done.source.start))
                self._view.grow(turn, order, stamp, row, kind)

    def _settle(self) -> None:
        """Prints the utterances whose turn has come."""
        for side in self._sides:
            self._turns.know(side, self._sent_samples(side) - _MAX_UNTOLD_S * self._input_rate_hz)
        for turn in self._turns.take():
            self._view.settle(turn)
            for key in [key for key in self._texts if key[0] == turn]:
                del self._texts[key]

    def _clock(self, position: int) -> str:
        seconds, hundredths = divmod(position * 100 // self._input_rate_hz, 100)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{hundredths:02d}"
