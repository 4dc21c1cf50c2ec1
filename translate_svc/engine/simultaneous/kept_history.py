"""Chooses the history of the next hypothesis, and where its buffer begins. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from translate_svc.engine.simultaneous.commit_policy import CommitDecision, Hypothesis
from translate_svc.engine.simultaneous.loops import loop_start
from translate_svc.engine.simultaneous.pauses import last_pause, longest_pause
from translate_svc.engine.simultaneous.words import (
    character_count,
    closes_sentence,
    has_letters,
    is_punctuation,
    starts_sentence,
    starts_word,
    word_spans,
)
from translate_svc.types import Samples

HISTORY_WORDS = 10
"""Most words in a history, in a language with spaces."""

HISTORY_CHARACTERS = 20
"""Most characters in a history, in a language without spaces."""

MAX_BUFFER_SAMPLES = 12 * 16_000

_SETTLED_SAMPLES = 8 * 1_600
"""0.8 s. A held word that comes from earlier audio, counted from the end of the buffer, was really said. With
0.5 s, closed sentences were dropped because of words that the decoder had made up: 82 instead of 89 BLEU.
"""

_MARGIN_FRAMES = 2
"""A pause behind a closed sentence is looked for from so many frames before its last word on, which may seem
to come from the next sentence.
"""


@dataclass(frozen=True, slots=True)
class KeptHistory:
    """Text and audio that are kept for the next hypothesis.

    Attributes:
        token_ids: the last committed words. Empty if nothing was committed, or after a closed sentence.
        start_samples: number of samples at the start of the buffer that the next hypothesis does not need.
    """

    token_ids: tuple[int, ...]
    start_samples: int


def keep_history(
    hypothesis: Hypothesis,
    decision: CommitDecision,
    samples: Samples,
    *,
    step_samples: int,
    frame_samples: int,
    margin_frames: int = 1,
    max_buffer_samples: int = MAX_BUFFER_SAMPLES,
) -> KeptHistory:
    """Chooses what remains after ``decision`` about ``hypothesis``: the last words of the last sentence.

    Models are trained on whole sentences. When text and audio began after ten words, in the middle of a
    sentence, the starter had 62 BLEU instead of 90. So sentences are dropped whole, and the buffer is cut in
    the pause before the first sentence that is kept. A sentence that lacks its first tenth of a second is
    misunderstood.

    Many models translate two sentences worse than one. So a closed sentence is dropped when a word of the
    next sentence was committed, or was held but surely said. It is also dropped when a whole hypothesis
    added no word after it.

    Where nothing is dropped, the buffer keeps its start: later hypotheses may align the history with later
    audio, which is not translated yet. Where only some words of a sentence are dropped, the buffer begins at
    the earliest frame that a kept word comes from. It begins later if it would exceed its bound with the next
    step. Words whose audio is gone then leave the history, too. A loop at the end is kept once, because the
    next hypothesis would continue it.

    Args:
        hypothesis: the decoded text.
        decision: how many of its new tokens were committed.
        samples: ``[n]``, the hypothesis's buffer at 16 kHz.
        step_samples: number of samples that the next hypothesis adds.
        frame_samples: samples in one frame of ``hypothesis.attended_frames``.
        margin_frames: frames that are kept before the earliest one, because a word also sounds before the
            frame that its token attends to.
        max_buffer_samples: most samples in a buffer.
    """
    end = hypothesis.history_tokens + decision.committed
    loop = loop_start(hypothesis.token_ids[:end])
    kept = _Kept(hypothesis, end if loop is None else loop, is_loop=loop is not None)
    start = max(kept.last_words(), kept.last_sentence())
    least_samples = max(0, len(samples) + step_samples - max_buffer_samples)
    start, pause = _cut_in_a_pause(hypothesis, kept, start, samples, frame_samples)
    start = kept.heard_from(start, -(-least_samples // frame_samples))
    start_samples = 0
    if pause is not None:
        start_samples = pause
    elif start > 0:
        start_samples = max(0, kept.earliest_frame(start) - margin_frames) * frame_samples
    start_samples = min(len(samples), max(start_samples, least_samples))
    return KeptHistory(hypothesis.token_ids[start : kept.end], start_samples)


def _cut_in_a_pause(
    hypothesis: Hypothesis, kept: _Kept, start: int, samples: Samples, frame_samples: int
) -> tuple[int, int | None]:
    """Where history and buffer begin if sentences are dropped: a token, and a sample in a pause.

    The sample is None if the buffer is not cut in a pause; then no sentence is dropped. ``start``: the token
    at which the history may begin because of its length.
    """

    def pause_between(first_frame: int, end_frame: int) -> int | None:
        return last_pause(samples, first_frame * frame_samples, end_frame * frame_samples)

    if kept.is_closed and (following := kept.following_frame()) is not None:
        is_settled = following < hypothesis.frames - _SETTLED_SAMPLES // frame_samples
        pause = pause_between(kept.last_frame(kept.end), following) if is_settled else None
        if pause is not None:
            return kept.end, pause
    if kept.is_closed and hypothesis.new_tokens == 0:
        first_frame = max(0, kept.last_frame(kept.end) - _MARGIN_FRAMES)
        pause = longest_pause(samples, first_frame * frame_samples)
        return (start, None) if pause is None else (kept.end, pause)
    if kept.begins_sentence(start):
        pause = pause_between(kept.last_frame(start), kept.first_frame(start))
        if pause is not None:
            return start, pause
        return kept.sentence_before(start), None  # text and audio begin together
    return start, None


def history_from(
    hypothesis: Hypothesis, decision: CommitDecision, *, start_samples: int, frame_samples: int
) -> tuple[int, ...]:
    """The tokens of the history for a buffer that begins earlier than ``keep_history`` said.

    All targets share one buffer, and another target may need earlier audio. The history begins with the first
    sentence whose audio lies after ``start_samples``, so that text and audio begin together.

    Args:
        hypothesis: the decoded text.
        decision: how many of its new tokens were committed.
        start_samples: number of samples that are dropped at the start of the hypothesis's buffer.
        frame_samples: samples in one frame of ``hypothesis.attended_frames``.
    """
    end = hypothesis.history_tokens + decision.committed
    kept = _Kept(hypothesis, end)
    start_frame = start_samples // frame_samples
    for start in kept.sentence_starts():
        if kept.earliest_frame(start) >= start_frame:
            return hypothesis.token_ids[start:end]
    return hypothesis.token_ids[kept.last_sentence() : end]


def with_first_frames(
    hypothesis: Hypothesis, previous: Hypothesis | None, *, frame_samples: int
) -> Hypothesis:
    """The hypothesis with the earlier one of two frames for each token that was committed: this one's, and
    that of the hypothesis before.

    A committed token came from the frame at which it was committed, or from before. Later audio may draw its
    attention, and a buffer that is cut behind that lacks the start of the next sentence.
    """
    if previous is None:
        return hypothesis
    frames = list(hypothesis.attended_frames)
    shift = round((previous.start_sample - hypothesis.start_sample) / frame_samples)
    moved = hypothesis.committed_tokens - hypothesis.history_tokens
    moved -= previous.committed_tokens - previous.history_tokens
    for index in range(hypothesis.history_tokens):
        known = index + moved
        if 0 <= known < len(previous.token_ids) and previous.token_ids[known] == hypothesis.token_ids[index]:
            frames[index] = max(0, min(frames[index], previous.attended_frames[known] + shift))
    return replace(hypothesis, attended_frames=tuple(frames))


class _Kept:
    """The words of a hypothesis before token ``end``. Punctuation that stands alone is not a word here.

    Methods take and return indices of tokens, or encoder frames of the buffer where their names say so.
    """

    def __init__(self, hypothesis: Hypothesis, end: int, *, is_loop: bool = False) -> None:
        self._hypothesis, self.end, self._is_loop = hypothesis, end, is_loop
        self._pieces, self._spaced = hypothesis.pieces[:end], hypothesis.spaced
        self._words = [
            (start, stop)
            for start, stop in word_spans(self._pieces, spaced=hypothesis.spaced)
            if any(map(has_letters, self._pieces[start:stop]))
        ]

    def last_words(self) -> int:
        """The token at which the longest allowed history begins."""
        if self._spaced:
            return self._words[-HISTORY_WORDS:][0][0] if self._words else 0
        for start, _ in self._words[:-1]:
            if character_count(self._pieces[start:]) <= HISTORY_CHARACTERS:
                return start
        return self._last_word()

    def last_sentence(self) -> int:
        """The token at which the last sentence begins that has a word."""
        starts = (index for index in range(self._last_word(), 0, -1))
        return next((each for each in starts if starts_sentence(self._pieces, each, spaced=self._spaced)), 0)

    def sentence_starts(self) -> list[int]:
        """The tokens at which sentences begin that have a word, in order."""
        last = self._last_word()
        return [
            each
            for each in range(min(last + 1, self.end))
            if starts_sentence(self._pieces, each, spaced=self._spaced)
        ]

    @property
    def is_closed(self) -> bool:
        """Whether the text ends with a closed sentence."""
        return bool(self._words) and closes_sentence(self._pieces)

    def begins_sentence(self, start: int) -> bool:
        """Whether a sentence begins at token ``start``, after another one."""
        return 0 < start < self.end and starts_sentence(self._pieces, start, spaced=self._spaced)

    def following_frame(self) -> int | None:
        """The frame that the first held word comes from. None without a held word, or if the text loops."""
        pieces = self._hypothesis.pieces
        held = (index for index in range(self.end, len(pieces)) if has_letters(pieces[index]))
        word = next(held, None)
        if self._is_loop or word is None or not starts_word(pieces, word, spaced=self._spaced):
            return None
        return self._hypothesis.attended_frames[word]

    def sentence_before(self, start: int) -> int:
        """The token at which the sentence before token ``start`` begins."""
        return max((each for each in self.sentence_starts() if each < start), default=0)

    def last_frame(self, end: int) -> int:
        """The latest frame that one of the last two words before token ``end`` comes from.

        Only the first token of a word counts: the others follow from the text, not from the audio.
        """
        starts = [word for word, _ in self._words if word < end]
        return max((self._hypothesis.attended_frames[word] for word in starts[-2:]), default=0)

    def first_frame(self, start: int) -> int:
        """The frame that the word at token ``start`` comes from, by its first token."""
        return self._hypothesis.attended_frames[next(word for word, stop in self._words if stop > start)]

    def heard_from(self, start: int, least_frame: int) -> int:
        """The first token, from ``start`` on, after all words that come from before ``least_frame``.

        The last word always stays.
        """
        for word, stop in self._words[:-1]:
            if word >= start and min(self._frames(word, stop)) < least_frame:
                start = stop
        return start if start == self.end else min(start, self._last_word())

    def earliest_frame(self, start: int) -> int:
        """The earliest frame that a word from token ``start`` on comes from; 0 without such a word."""
        return min((min(self._frames(*word)) for word in self._words if word[0] >= start), default=0)

    def _frames(self, word: int, stop: int) -> list[int]:
        """The frames that the tokens of a word come from. The punctuation that closes it has no sound."""
        frames, pieces = self._hypothesis.attended_frames, self._pieces
        return [frames[word], *(frames[at] for at in range(word + 1, stop) if not is_punctuation(pieces[at]))]

    def _last_word(self) -> int:
        return self._words[-1][0] if self._words else 0
