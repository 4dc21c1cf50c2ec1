"""The translation of a whole file, built from the events of its stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from translate_svc.audio.speech_decoder import SpeechDecoder
from translate_svc.errors import InvalidArgument, Unavailable
from translate_svc.subtitles.cues import SpokenText, timed
from translate_svc.subtitles.text_formats import TEXT_FORMATS
from translate_svc.types import (
    AudioFormat,
    Closed,
    Samples,
    SessionEvent,
    SpeechChunk,
    SpeechStarted,
    StreamWarning,
    TextDelta,
    TokenInfo,
    UtteranceDone,
)

TRANSCRIPT = "transcript"
"""What ``TranslatedFile.subtitles`` takes for the text in the source language."""


@dataclass(frozen=True, slots=True, eq=False)
class TranslatedUtterance:
    """One utterance of a file in all its target languages.

    Attributes:
        start_ms: where its speech starts in the file.
        end_ms: where its audio ends, a short padding included.
        text: the translations, by Seamless code.
        speech: the same spoken: ``[n]`` float32 at ``TranslatedFile.sample_rate_hz``, by Seamless code.
        transcript: the text in the source language; empty unless it was asked for.
        warnings: what the guards changed, and which texts the model is unsure of.
        done: status, usage, and how sure the model is of each text.
    """

    start_ms: int
    end_ms: int
    text: Mapping[str, str]
    speech: Mapping[str, Samples]
    transcript: str
    warnings: tuple[StreamWarning, ...]
    done: UtteranceDone
    _spoken: Mapping[str, SpokenText]


@dataclass(frozen=True, slots=True, eq=False)
class TranslatedFile:
    """A file in all its target languages.

    An utterance that could not be translated has the status ``FAILED`` in its ``done``; the others are whole.

    Attributes:
        utterances: in the order of the file.
        duration_ms: length of the file.
        sample_rate_hz: sample rate of the speech.
        damage: the fault of the file, if parts of it could not be read.
    """

    utterances: tuple[TranslatedUtterance, ...]
    duration_ms: int
    sample_rate_hz: int
    damage: str | None

    @property
    def text(self) -> dict[str, str]:
        """The whole translations, by Seamless code; a space between utterances."""
        texts: defaultdict[str, list[str]] = defaultdict(list)
        for utterance in self.utterances:
            for code, text in utterance.text.items():
                texts[code].append(text)
        return {code: " ".join(filter(None, parts)) for code, parts in texts.items()}

    @property
    def transcript(self) -> str:
        """The text in the source language; empty unless it was asked for."""
        return " ".join(each.transcript for each in self.utterances if each.transcript)

    def subtitles(self, language: str, form: str = "srt") -> str:
        """A language as a subtitle file: two lines of 42 characters, broken between phrases.

        Args:
            language: the Seamless code of a target, or ``"transcript"``.
            form: ``srt``, ``vtt``, ``ass``, ``txt``, ``tsv`` or ``json``.

        Raises:
            InvalidArgument: there is no such format, or the file was not translated into the language.
        """
        if form not in TEXT_FORMATS:
            raise InvalidArgument(f"must be one of {', '.join(TEXT_FORMATS)}", field="form")
        spoken = [each._spoken[language] for each in self.utterances if language in each._spoken]
        if self.utterances and not spoken:
            raise _absent("text", (code for each in self.utterances for code in each._spoken))
        return TEXT_FORMATS[form](timed(cue for text in spoken for cue in text.cues()), language)

    def dub(self, language: str) -> Samples:
        """The speech of a language, as long as the file or longer: ``[n]`` float32 at ``sample_rate_hz``.

        Every utterance begins where it was said, or later if the one before is not finished.

        Raises:
            InvalidArgument: there is no speech of this language.
        """
        pieces: list[Samples] = []
        end = 0
        for utterance in self.utterances:
            if language not in utterance.speech:
                continue
            start = max(end, utterance.start_ms * self.sample_rate_hz // 1000)
            pieces += [np.zeros(start - end, np.float32), utterance.speech[language]]
            end = start + len(utterance.speech[language])
        if self.utterances and not pieces:
            raise _absent("speech", (code for each in self.utterances for code in each.speech))
        rest = max(0, self.duration_ms * self.sample_rate_hz // 1000 - end)
        return np.concatenate([*pieces, np.zeros(rest, np.float32)])


def _absent(what: str, found: Iterable[str]) -> InvalidArgument:
    codes = ", ".join(sorted(set(found)))
    return InvalidArgument(f"must be one of {codes}" if codes else f"there is no {what}", field="language")


class FileBuilder:
    """Collects the events of one stream, in order. ``build`` makes a ``TranslatedFile`` of them."""

    def __init__(
        self,
        output: AudioFormat,
        input_rate_hz: int,
        on_utterance: Callable[[TranslatedUtterance], Any] | None = None,
    ) -> None:
        """``on_utterance``: is called with each utterance when it is done."""
        self._output = output
        self._input_rate_hz = input_rate_hz
        self._on_utterance = on_utterance
        self._open: defaultdict[int, _OpenUtterance] = defaultdict(_OpenUtterance)
        self._done: dict[int, TranslatedUtterance] = {}
        self._closed = False

    def add(self, event: SessionEvent) -> None:
        """Adds the next event.

        Raises:
            DataLoss: a chunk of speech is missing, or holds fewer samples than it declares.
        """
        match event:
            case SpeechStarted():
                self._open[event.utterance_id].speech_position = event.speech_position
            case TextDelta():
                key = TRANSCRIPT if event.transcript else event.language
                self._open[event.utterance_id].texts[key].append(event)
            case SpeechChunk():
                self._open[event.utterance_id].add_speech(event, self._output)
            case StreamWarning(utterance_id=int(number)):
                self._open[number].warnings.append(event)
            case UtteranceDone():
                utterance = self._open.pop(event.utterance_id, _OpenUtterance())
                done = utterance.finished(event, self._input_rate_hz)
                self._done[event.utterance_id] = done
                if self._on_utterance is not None:
                    self._on_utterance(done)
            case Closed():
                self._closed = True

    def build(self, total_samples: int, damage: str | None) -> TranslatedFile:
        """The translation of the file.

        Args:
            total_samples: length of the file at its own rate.
            damage: the fault of the file.

        Raises:
            Unavailable: the stream ended early.
        """
        if not self._closed:
            raise Unavailable("the stream ended early")
        return TranslatedFile(
            utterances=tuple(self._done[number] for number in sorted(self._done)),
            duration_ms=total_samples * 1000 // self._input_rate_hz,
            sample_rate_hz=self._output.sample_rate_hz,
            damage=damage,
        )


class _OpenUtterance:
    """The results of an utterance so far."""

    def __init__(self) -> None:
        self.speech_position = 0
        self.texts: defaultdict[str, list[TextDelta]] = defaultdict(list)
        self.warnings: list[StreamWarning] = []
        self._decoders: dict[str, SpeechDecoder] = {}
        self._speech: defaultdict[str, list[Samples]] = defaultdict(list)

    def add_speech(self, chunk: SpeechChunk, output: AudioFormat) -> None:
        decoder = self._decoders.setdefault(chunk.language, SpeechDecoder(output))
        self._speech[chunk.language].append(decoder.decode(chunk))

    def finished(self, done: UtteranceDone, rate_hz: int) -> TranslatedUtterance:
        start_ms = max(done.source.start, self.speech_position) * 1000 // rate_hz
        end_ms, audio_ms = done.source.end * 1000 // rate_hz, done.source.start * 1000 // rate_hz
        spoken = {
            key: SpokenText(
                "".join(delta.delta for delta in deltas),
                start_ms=start_ms,
                end_ms=end_ms,
                audio_ms=audio_ms,
                tokens=_tokens(deltas),
            )
            for key, deltas in self.texts.items()
        }
        texts = {key: each.text.strip() for key, each in spoken.items()}
        return TranslatedUtterance(
            start_ms=start_ms,
            end_ms=end_ms,
            transcript=texts.pop(TRANSCRIPT, ""),
            text=texts,
            speech={code: np.concatenate(pieces) for code, pieces in self._speech.items()},
            warnings=tuple(self.warnings),
            done=done,
            _spoken=spoken,
        )


def _tokens(deltas: Sequence[TextDelta]) -> list[TokenInfo]:
    return [token for delta in deltas for token in delta.tokens]
