"""Writes the texts of one file as subtitles or as plain files, one per language and format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from translate_svc.cli.media.text_files import cue_lines
from translate_svc.cli.output.channel_sides import ChannelSide, speaker_name
from translate_svc.cli.output.growing_texts import GrowingTexts
from translate_svc.cli.output.unsure_texts import UnsureTexts, mark_in_files, with_marks
from translate_svc.subtitles.cues import Cue, SpokenText, timed
from translate_svc.subtitles.speech_starts import SpeechStarts
from translate_svc.subtitles.stacking import stacked
from translate_svc.subtitles.text_formats import TEXT_FORMATS
from translate_svc.types import (
    AUTO,
    SessionEvent,
    SpeechStarted,
    StreamWarning,
    TextDelta,
    TokenInfo,
    UtteranceDone,
)


@dataclass(frozen=True, slots=True)
class TextStream:
    """The texts of one language; ``transcript``: of the source, not a translation."""

    language: str
    transcript: bool = False


class CueSink:
    """Keeps all cues until the end, because the end of one cue depends on the next; the files grow meanwhile.

    A text that the model is unsure of ends in ``(?)``, of a typed one each such sentence. With two sides each
    cue has the name of its speaker.
    """

    def __init__(
        self,
        outputs: Mapping[TextStream, Sequence[tuple[str, Path]]],
        input_rate_hz: int,
        together: Sequence[tuple[str, Path]] = (),
        *,
        kept_times: bool = False,
    ) -> None:
        """
        Args:
            outputs: the files of each stream, each with its format (``text_formats.TEXT_FORMATS``).
            input_rate_hz: of the positions of events.
            together: files in which all streams of ``outputs`` stand above one another, the transcript first.
            kept_times: every text is one cue, at the times of its utterance.
        """
        self._outputs = outputs
        self._together = together
        self._kept_times = kept_times
        self._input_rate_hz = input_rate_hz
        self._starts: defaultdict[ChannelSide, SpeechStarts] = defaultdict(SpeechStarts)
        self._unsure: defaultdict[ChannelSide, UnsureTexts] = defaultdict(UnsureTexts)
        self._cues: defaultdict[TextStream, list[Cue]] = defaultdict(list)
        self._texts: defaultdict[tuple[ChannelSide, int], dict[TextStream, list[TextDelta]]] = defaultdict(
            dict
        )
        self._files = GrowingTexts(self._rendered_files)

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Adds a text, or makes cues of an utterance that is done."""
        if isinstance(event, SpeechStarted):
            self._starts[side].add(event)
        elif isinstance(event, TextDelta):
            stream = TextStream(event.language, event.transcript)
            if event.transcript and (of_any := TextStream(AUTO, transcript=True)) in self._outputs:
                stream = of_any
            self._texts[side, event.utterance_id].setdefault(stream, []).append(event)
        elif isinstance(event, UtteranceDone):
            self._add_cues(event, side)
            self._files.grow()
        elif isinstance(event, StreamWarning):
            self._unsure[side].add(event)

    def _add_cues(self, done: UtteranceDone, side: ChannelSide) -> None:
        audio_start, audio_end = done.source.start, done.source.end
        speech_start = self._starts[side].of(done.utterance_id, audio_start)
        unsure = self._unsure[side].take(done)
        for stream, deltas in self._texts.pop((side, done.utterance_id), {}).items():
            tokens: list[TokenInfo] = [token for delta in deltas for token in delta.tokens]
            text = "".join(delta.delta for delta in deltas)
            if (confidence := unsure.get((stream.transcript, stream.language))) is not None:
                text = with_marks(text, confidence, mark_in_files)
            if self._kept_times:
                lines = cue_lines(text)
                self._cues[stream] += [Cue(audio_start, audio_end, lines)] if lines else []
                continue
            self._cues[stream] += SpokenText(
                text,
                start_ms=self._ms(speech_start),
                end_ms=self._ms(audio_end),
                audio_ms=self._ms(audio_start),
                tokens=tokens,
                speaker=speaker_name(side),
            ).cues()
        self._starts[side].drop(done.utterance_id)

    def cues(self, stream: TextStream) -> list[Cue]:
        """The cues of a stream so far."""
        return self._cues[stream] if self._kept_times else timed(self._cues[stream])

    def rendered(self, code: str, form: str) -> str:
        """All cues of a translation, as a file of a format."""
        return TEXT_FORMATS[form](self.cues(TextStream(code)), code)

    def finish(self, source_samples: int) -> None:
        """Writes the files."""
        self._files.finish()

    def keep(self) -> None:
        """Writes the cues of a run that fails or is interrupted, if there are any."""
        if any(self._cues.values()):
            self._files.keep()

    def _rendered_files(self) -> Iterator[tuple[Path, str]]:
        for stream, files in self._outputs.items():
            cues = self.cues(stream)
            for form, path in files:
                yield path, TEXT_FORMATS[form](cues, stream.language)
        streams = sorted(self._outputs, key=lambda stream: not stream.transcript)
        for form, path in self._together:
            both = stacked([self.cues(stream) for stream in streams])
            yield path, TEXT_FORMATS[form](both, streams[0].language)

    def _ms(self, position: int) -> int:
        return position * 1000 // self._input_rate_hz
