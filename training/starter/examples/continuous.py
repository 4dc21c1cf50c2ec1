"""Recordings of people who talk on: sentences with short gaps, with the times of their words, and the pieces
of them that simultaneous translation would hear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.starter.examples import free_speech
from training.starter.examples.settled import Continuations, SettledCounts
from training.starter.examples.windows import TimedSentence, WindowTexts, window_texts, word_spans
from training.starter.grammar import LANGUAGES, Grammar, Language, Part
from training.starter.synthesis.synth import SAMPLE_RATE, Speech, synthesize
from training.starter.synthesis.voices import TARGET_VOICES, Voice

Samples = NDArray[np.float32]

MAX_RECORDING_S, MAX_WINDOW_S = 22.0, 15.0
_SENTENCE_COUNT_SHARES = {1: 0.2, 2: 0.3, 3: 0.25, 4: 0.15, 5: 0.1}
_FREE_SHARE = 0.01
_GAPS_S = ((0.04, 0.4), (0.15, 0.9))
_LEAD_S, _TAIL_S = 0.4, 0.7
_OVER_AFTER_S = 0.12
_HEARD_AFTER_S, _HEARD_AFTER_GUESSED_S = 0.08, 0.25

_SHORTEST_S, _SHORTEST_CONTEXT_S, _LONGEST_CONTEXT_S = 0.4, 1.0, 7.0
_LONGEST_STEP_S = 2.5
_WHOLE_SHARE, _FROM_THE_START_SHARE, _FROM_A_PAUSE_SHARE = 0.15, 0.3, 0.85
_HISTORY_WORDS, _CUT_HISTORY_SHARE, _CUT_HISTORY_WORDS = 40, 0.1, (3, 12)
_TRIES = 12


@dataclass(frozen=True, slots=True)
class Recording:
    """Clean speech and its words."""

    language: Language
    samples: Samples
    sentences: tuple[TimedSentence, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """The piece [start_sample, end_sample) of a recording, and its texts."""

    start_sample: int
    end_sample: int
    texts: WindowTexts


class ContinuousSource:
    """Draws recordings of sentences of one part of the grammar."""

    def __init__(self, grammar: Grammar, part: Part = "train") -> None:
        self._sampler = grammar.sampler(part)
        self._continuations = Continuations(grammar)
        self._held_out = part != "train"

    def record(self, voice: Voice, language: Language, rng: np.random.Generator) -> Recording:
        """One to five sentences, 22 s at most, some of them free talk. Raises SynthesisError."""
        count = int(rng.choice(list(_SENTENCE_COUNT_SHARES), p=list(_SENTENCE_COUNT_SHARES.values())))
        gap_s = _GAPS_S[int(rng.integers(len(_GAPS_S)))]
        pieces = [_silence(float(rng.uniform(0, _LEAD_S)))]
        sentences: list[TimedSentence] = []
        position = len(pieces[0])
        for index in range(count):
            text, timed = self._sentence(language, rng)
            speech = synthesize(text, voice)
            if position + len(speech.samples) > MAX_RECORDING_S * SAMPLE_RATE and sentences:
                break
            gap = _silence(float(rng.uniform(0, _TAIL_S) if index == count - 1 else rng.uniform(*gap_s)))
            sentences.append(_placed(timed, text, speech, voice, position))
            pieces += [speech.samples, gap]
            position += len(speech.samples) + len(gap)
        samples = np.concatenate(pieces)
        # nothing follows where the recording ends
        sentences[-1] = replace(sentences[-1], end_sample=min(sentences[-1].end_sample, len(samples)))
        return Recording(language, samples, tuple(sentences))

    def _sentence(self, language: Language, rng: np.random.Generator) -> tuple[str, TimedSentence]:
        """The words, and their texts without times."""
        if rng.random() < _FREE_SHARE:
            text = free_speech.draw_text(language, rng, held_out=self._held_out)
            nothing = SettledCounts((0,) * (len(text.split()) + 1))
            texts = dict.fromkeys(LANGUAGES, "")
            return text, TimedSentence(texts, dict.fromkeys(LANGUAGES, nothing), (), 0, 0)
        bound = self._sampler.draw_bound(rng, language)
        settled = self._continuations.settled(bound, language, rng)
        return bound.sentence.text[language], TimedSentence(bound.sentence.text, settled, (), 0, 0)


def _placed(timed: TimedSentence, text: str, speech: Speech, voice: Voice, position: int) -> TimedSentence:
    """With the times of a sentence that is spoken at `position`."""
    heard_after_s = _HEARD_AFTER_S if speech.words else _HEARD_AFTER_GUESSED_S
    spans = word_spans(text, list(_spoken_words(text, speech, voice)))
    return replace(
        timed,
        word_spans=tuple((position + start, position + end) for start, end in spans),
        end_sample=position + len(speech.samples) + int(_OVER_AFTER_S * SAMPLE_RATE),
        surely_heard_samples=int(heard_after_s * SAMPLE_RATE),
    )


def _spoken_words(text: str, speech: Speech, voice: Voice) -> Iterator[tuple[int, int, int]]:
    """(first character, start, end sample). For a synthesizer that reports none: espeak's, stretched."""
    timed, scale = speech, 1.0
    if not timed.words:
        language: Language = voice.language  # type: ignore[assignment]
        timed = synthesize(text, TARGET_VOICES[language][0])
        scale = len(speech.samples) / len(timed.samples)
    for word in timed.words:
        yield word.first_character, round(word.start_sample * scale), round(word.end_sample * scale)


def _silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


def draw_half(recording: Recording, rng: np.random.Generator) -> Window:
    """From the beginning to anywhere; nothing has been said yet."""
    total = len(recording.samples)
    shortest = min(int(_SHORTEST_S * SAMPLE_RATE), total)
    end = total if rng.random() < _WHOLE_SHARE else int(rng.uniform(shortest, total))
    end = min(end, int(MAX_WINDOW_S * SAMPLE_RATE))
    texts = window_texts(recording.sentences, recording.language, 0, 0, end, 0)
    return Window(0, end, texts)


def draw_window(recording: Recording, rng: np.random.Generator) -> Window:
    """A piece with the last words that were said about it. It ends anywhere, and begins in a pause as a rule,
    where the service cuts its buffer, else anywhere.

    Where it begins in the middle of a sentence there is at least one such word in every language.
    """
    for _ in range(_TRIES):
        start, committed, end = _draw_times(len(recording.samples) / SAMPLE_RATE, rng)
        if rng.random() < _FROM_A_PAUSE_SHARE:
            start = _nearest_pause(recording, start, committed, end, rng)
        texts = window_texts(
            recording.sentences, recording.language, start, committed, end, _draw_history(rng)
        )
        begins_between = not any(
            sentence.word_spans[0][0] < start < sentence.word_spans[-1][1] for sentence in recording.sentences
        )
        if begins_between or all(texts.prefixes[target] for target in LANGUAGES):
            return Window(start, end, texts)
    return draw_half(recording, rng)


def _draw_times(total_s: float, rng: np.random.Generator) -> tuple[int, int, int]:
    """Samples at which a piece begins, up to which its words have been said, and at which it ends."""
    shortest_s = min(_SHORTEST_CONTEXT_S, total_s)
    end_s = total_s if rng.random() < _WHOLE_SHARE else float(rng.uniform(shortest_s, total_s))
    committed_s = max(0.0, end_s - float(rng.uniform(0, _LONGEST_STEP_S)))
    start_s = 0.0
    if rng.random() >= _FROM_THE_START_SHARE:
        context_s = float(rng.uniform(_SHORTEST_CONTEXT_S, _LONGEST_CONTEXT_S))
        start_s = max(0.0, committed_s - context_s)
    start_s = max(start_s, end_s - MAX_WINDOW_S)
    return int(start_s * SAMPLE_RATE), int(committed_s * SAMPLE_RATE), int(end_s * SAMPLE_RATE)


def _nearest_pause(
    recording: Recording, start: int, committed: int, end: int, rng: np.random.Generator
) -> int:
    """A sample of the pause nearest to ``start``, not after ``committed``; ``start`` where there is none."""
    pauses = [0]
    for before, after in pairwise(recording.sentences):
        last, first = before.word_spans[-1][1], after.word_spans[0][0]
        pauses.append(int(rng.integers(last, max(first, last + 1))))
    allowed = [pause for pause in pauses if end - MAX_WINDOW_S * SAMPLE_RATE <= pause <= committed]
    return min(allowed, key=lambda pause: abs(pause - start), default=start)


def _draw_history(rng: np.random.Generator) -> int:
    """So many words at most: as a rule all of the piece, for a buffer begins where its history does."""
    if rng.random() < _CUT_HISTORY_SHARE:
        return int(rng.integers(*_CUT_HISTORY_WORDS))
    return _HISTORY_WORDS
