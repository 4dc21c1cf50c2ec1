"""The text of one utterance with its place in the audio, and when each of its words was said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import numpy as np

from translate_svc.scripts import UNSPACED_SCRIPTS, letter_script
from translate_svc.subtitles.speech_starts import SpeechStarts
from translate_svc.types import SpeechStarted, TextDelta, TokenInfo, UtteranceDone


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word, and when it was said, in milliseconds from the start of the input.

    ``confidence``: the geometric mean of the probabilities of its tokens.
    """

    text: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(slots=True)
class Segment:
    """The text of one utterance, whose speech was first heard at ``start_ms``. ``tokens`` have times from
    ``audio_ms``, the start of its audio with its padding.
    """

    start_ms: int
    end_ms: int
    audio_ms: int
    text: str = ""
    tokens: list[TokenInfo] = field(default_factory=list)

    def words(self) -> list[SpokenWord]:
        """The words. One ends where the next begins. In scripts without spaces every token is a word.

        In simultaneous translation the last words may have been heard behind ``end_ms``, in the audio of the
        utterance that continues this one.
        """
        words: list[list[TokenInfo]] = []
        for token in self.tokens:
            if words and not token.text.startswith(" ") and not _is_alone(token.text):
                words[-1].append(token)
            else:  # a space may be a token of its own
                words.append([token])
        words = [tokens for tokens in words if _text(tokens)]
        texts = [_text(tokens) for tokens in words]
        borders_ms = pairwise(self._borders_ms(words, texts))
        return [
            SpokenWord(text, start_ms, end_ms, confidence_of(tokens))
            for text, tokens, (start_ms, end_ms) in zip(texts, words, borders_ms, strict=True)
        ]

    def _borders_ms(self, words: Sequence[Sequence[TokenInfo]], texts: Sequence[str]) -> list[int]:
        """Where each word begins, and where the last one ends.

        A token is heard somewhere inside its word, so its time counts as the word's middle. Between the
        times that are known every letter takes as long. A time that goes back is left out.
        """
        places = list(accumulate((len(text) + 1 for text in texts), initial=0))
        known: list[tuple[float, int]] = [(0, self.start_ms)]
        for place, text, tokens in zip(places, texts, words, strict=False):
            heard_ms = next((token.source_ms for token in tokens if token.source_ms is not None), None)
            if heard_ms is not None and self.audio_ms + heard_ms >= known[-1][1]:
                known.append((place + len(text) / 2, self.audio_ms + heard_ms))
        known.append((places[-1], max(self.end_ms, known[-1][1])))
        known_places, known_ms = [place for place, _ in known], [time_ms for _, time_ms in known]
        return [int(time_ms) for time_ms in np.interp(places, known_places, known_ms)]


class Segments:
    """The segments of a stream whose texts are in one language, made of its events as they come."""

    def __init__(self, rate_hz: int) -> None:
        """``rate_hz``: of the input, in which positions count."""
        self._rate_hz = rate_hz
        self._speech_starts = SpeechStarts()
        self._open: dict[int, Segment] = {}

    def begin(self, event: SpeechStarted) -> None:
        """Speech was heard."""
        self._speech_starts.add(event)

    def append(self, event: TextDelta) -> Segment:
        """Text of an utterance. Returns its segment."""
        segment = self._open.get(event.utterance_id)
        if segment is None:
            speech_start = self._speech_starts.of(event.utterance_id, event.source.start)
            segment = Segment(self._ms(speech_start), 0, self._ms(event.source.start))
            self._open[event.utterance_id] = segment
        segment.end_ms = self._ms(event.source.end)
        segment.text += event.delta
        segment.tokens += event.tokens
        return segment

    def end(self, utterance_id: int) -> Segment | None:
        """The utterance has ended. Returns its segment; None if it has no text."""
        self._speech_starts.drop(utterance_id)
        return self._open.pop(utterance_id, None)

    @property
    def first_text(self) -> str:
        """The text so far of the first utterance that has not ended."""
        return self._open[min(self._open)].text if self._open else ""

    def _ms(self, position: int) -> int:
        return position * 1000 // self._rate_hz


def confidence_of(tokens: Iterable[TokenInfo]) -> float:
    """The geometric mean of the probabilities of tokens; 1 of none."""
    logs = [token.log_probability for token in tokens]
    return math.exp(sum(logs) / max(len(logs), 1))


def text_confidence(segment: Segment, done: UtteranceDone) -> float:
    """How sure the model is of the one text of an utterance: what its end says, else that of its tokens."""
    told = next((each.confidence for each in done.confidences), None)
    return confidence_of(segment.tokens) if told is None else told


def _is_alone(text: str) -> bool:
    """Whether a token without a space before it is a word all the same: its script has no spaces."""
    return text != "" and letter_script(text[0]) in UNSPACED_SCRIPTS


def _text(tokens: Iterable[TokenInfo]) -> str:
    return "".join(token.text for token in tokens).strip()
