"""What the next draft is told of the text so far, and where its audio begins. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.engine.simultaneous.commit_policy import CommitDecision, Draft, loop_start
from translate_svc.engine.simultaneous.pauses import first_pause, last_pause
from translate_svc.engine.simultaneous.words import (
    character_count,
    closes_sentence,
    has_letters,
    is_punctuation,
    starts_sentence,
    starts_word,
)
from translate_svc.types import Samples

HISTORY_WORDS = 10
HISTORY_CHARACTERS = 20
"""Of a language without spaces."""

MAX_BUFFER_SAMPLES = 12 * 16_000

_SETTLED_SAMPLES = 8 * 1_600
"""0.8 s: a word that comes from earlier audio than this before the end of the buffer was really said. With
0.5 s, closed sentences were dropped behind words that the decoder had made up (82 in place of 89 BLEU).
"""


@dataclass(frozen=True, slots=True)
class KeptHistory:
    """Text and audio that are kept for the next draft.

    Attributes:
        token_ids: the last words that were committed; empty where nothing was, and behind a closed sentence.
        start_samples: so many samples at the start of the buffer are no longer needed.
    """

    token_ids: tuple[int, ...]
    start_samples: int


def keep_history(
    draft: Draft,
    decision: CommitDecision,
    samples: Samples,
    *,
    step_samples: int,
    frame_samples: int,
    margin_frames: int = 1,
    max_buffer_samples: int = MAX_BUFFER_SAMPLES,
) -> KeptHistory:
    """What remains after ``decision`` about ``draft``: the last words, of the last sentence alone.

    Models are trained on whole sentences. Where audio and text began within one, after ten words wherever
    they lay, the starter had 62 BLEU in place of 90. So where sentences are dropped, the buffer is cut in the
    pause before the first one that is kept: a sentence that lacks a tenth of a second is misunderstood.
    A sentence that was closed is dropped when a word of the next one was committed or was surely said, though
    it is held; or when a whole draft brought nothing new behind it: many models hear two sentences worse than
    one.

    Where nothing is dropped, the buffer stays as it is: later drafts may align the history with later audio,
    which is not translated yet. Where only some words of a sentence are dropped, it begins at the earliest
    frame that a kept one comes from. It begins later where it would exceed its bound with the next step;
    words whose audio is gone then leave the history, too. A loop at the end is kept once, or the next draft
    would go on with it.

    Args:
        draft: what was decoded.
        decision: what was committed of it.
        samples: the draft's buffer.
        step_samples: what the next draft will have in addition.
        frame_samples: samples of a frame of ``draft.attended_frames``.
        margin_frames: kept before the earliest frame, for a word is spoken around the frame that is attended.
        max_buffer_samples: bound of a buffer.
    """
    end = draft.history_tokens + decision.committed
    loop = loop_start(draft.token_ids[:end])
    kept = _Kept(draft, end if loop is None else loop, is_loop=loop is not None)
    start = max(kept.last_words(), kept.last_sentence())
    least_samples = max(0, len(samples) + step_samples - max_buffer_samples)
    start, pause = _cut_in_a_pause(draft, kept, start, samples, frame_samples)
    start = kept.heard_from(start, -(-least_samples // frame_samples))
    start_samples = 0
    if pause is not None:
        start_samples = pause
    elif start > 0:
        start_samples = max(0, kept.earliest_frame(start) - margin_frames) * frame_samples
    start_samples = min(len(samples), max(start_samples, least_samples))
    return KeptHistory(draft.token_ids[start : kept.end], start_samples)


def _cut_in_a_pause(
    draft: Draft, kept: _Kept, start: int, samples: Samples, frame_samples: int
) -> tuple[int, int | None]:
    """Where the history and the buffer begin if sentences are dropped: the token, and the sample in a pause.

    ``start``: where the history may begin by its length. Without a pause no sentence is dropped.
    """

    def pause_between(first_frame: int, end_frame: int) -> int | None:
        return last_pause(samples, first_frame * frame_samples, end_frame * frame_samples)

    if kept.is_closed and (following := kept.following_frame()) is not None:
        is_settled = following < draft.frames - _SETTLED_SAMPLES // frame_samples
        pause = pause_between(kept.last_frame(kept.end), following) if is_settled else None
        if pause is not None:
            return kept.end, pause
    if kept.is_closed and draft.new_tokens == 0:
        pause = first_pause(samples, kept.last_frame(kept.end) * frame_samples)
        return (start, None) if pause is None else (kept.end, pause)
    if kept.begins_sentence(start):
        pause = pause_between(kept.last_frame(start), kept.first_frame(start))
        if pause is not None:
            return start, pause
        return kept.sentence_before(start), None  # text and audio begin together
    return start, None


def history_from(
    draft: Draft, decision: CommitDecision, *, start_samples: int, frame_samples: int
) -> tuple[int, ...]:
    """The history for a buffer that begins earlier than ``keep_history`` said, as another target needs it.

    It begins with the first sentence whose audio lies behind ``start_samples``, so that text and audio begin
    together.
    """
    end = draft.history_tokens + decision.committed
    kept = _Kept(draft, end)
    start_frame = start_samples // frame_samples
    for start in kept.sentence_starts():
        if kept.earliest_frame(start) >= start_frame:
            return draft.token_ids[start:end]
    return draft.token_ids[kept.last_sentence() : end]


class _Kept:
    """Words of a draft up to token ``end``. "Words" that are punctuation alone count for nothing here."""

    def __init__(self, draft: Draft, end: int, *, is_loop: bool = False) -> None:
        self._draft, self.end, self._is_loop = draft, end, is_loop
        self._pieces, self._spaced = draft.pieces[:end], draft.spaced
        starts = [index for index in range(end) if starts_word(self._pieces, index, spaced=draft.spaced)]
        self._words = [
            (start, stop)
            for start, stop in zip(starts, [*starts, end][1:], strict=True)
            if any(map(has_letters, self._pieces[start:stop]))
        ]

    def last_words(self) -> int:
        """Where the history may begin by its length."""
        if self._spaced:
            return self._words[-HISTORY_WORDS:][0][0] if self._words else 0
        for start, _ in self._words[:-1]:
            if character_count(self._pieces[start:]) <= HISTORY_CHARACTERS:
                return start
        return self._last_word()

    def last_sentence(self) -> int:
        """Where the last sentence begins that has a word."""
        starts = (index for index in range(self._last_word(), 0, -1))
        return next((each for each in starts if starts_sentence(self._pieces, each, spaced=self._spaced)), 0)

    def sentence_starts(self) -> list[int]:
        """Where sentences begin that have a word, in their order."""
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
        """Whether a sentence begins at token ``start``, behind another one."""
        return 0 < start < self.end and starts_sentence(self._pieces, start, spaced=self._spaced)

    def following_frame(self) -> int | None:
        """That the first word behind the kept text comes from, which is held; None if there is none, or if
        the text ends in a loop.
        """
        pieces = self._draft.pieces
        held = (index for index in range(self.end, len(pieces)) if has_letters(pieces[index]))
        word = next(held, None)
        if self._is_loop or word is None or not starts_word(pieces, word, spaced=self._spaced):
            return None
        return self._draft.attended_frames[word]

    def sentence_before(self, start: int) -> int:
        """Where the sentence begins that ends before token ``start``."""
        return max((each for each in self.sentence_starts() if each < start), default=0)

    def last_frame(self, end: int) -> int:
        """That the last two words before token ``end`` come from, by their first tokens: what follows in a
        word follows from the text.
        """
        starts = [word for word, _ in self._words if word < end]
        return max((self._draft.attended_frames[word] for word in starts[-2:]), default=0)

    def first_frame(self, start: int) -> int:
        """That the word at token ``start`` comes from, by its first token."""
        return self._draft.attended_frames[next(word for word, stop in self._words if stop > start)]

    def heard_from(self, start: int, least_frame: int) -> int:
        """Where the words begin, from ``start`` on, that come from no earlier frame; the last one at most."""
        for word, stop in self._words[:-1]:
            if word >= start and min(self._frames(word, stop)) < least_frame:
                start = stop
        return start if start == self.end else min(start, self._last_word())

    def earliest_frame(self, start: int) -> int:
        """That a word from ``start`` on comes from; 0 if there is none."""
        return min((min(self._frames(*word)) for word in self._words if word[0] >= start), default=0)

    def _frames(self, word: int, stop: int) -> list[int]:
        """The frames that the tokens of a word come from. The punctuation that closes it has no sound."""
        frames, pieces = self._draft.attended_frames, self._pieces
        return [frames[word], *(frames[at] for at in range(word + 1, stop) if not is_punctuation(pieces[at]))]

    def _last_word(self) -> int:
        return self._words[-1][0] if self._words else 0
