"""The commit policies of simultaneous translation: which words of a hypothesis are sent. Pure; no tensors.

A hypothesis is the whole translation of a buffer of audio that is still growing. Its text begins with a
history: words that were committed before. The decoder is given the history and continues it with new tokens.
A policy says how many of the new tokens are committed, and why the others are held. Committed tokens are
sent and never taken back.

AlignAtt: Papi et al. 2023, "AlignAtt: Using Attention-based Audio-Translation Alignments as a Guide for
Simultaneous Speech Translation". LocalAgreement of two hypotheses: Liu et al. 2020, "Low-Latency
Sequence-to-Sequence Speech Recognition and Translation by Partial Hypothesis Selection" (LocalAgreement-2),
here on words.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from translate_svc.engine.simultaneous.loops import loop_start
from translate_svc.engine.simultaneous.scored_words import ScoredWord, scored_words
from translate_svc.engine.simultaneous.words import (
    ends_in_whole_character,
    is_punctuation,
    starts_word,
    word_spans,
)
from translate_svc.models.alignment.alignment_file import SURE_FRAMES, UNSURE_FRAMES

AGREEMENT = "agreement"
"""The name of the policy that needs no attention."""


class HoldReason(enum.Enum):
    """Why the first token that is held was not committed."""

    NEAR_END = "near_end"
    """The token comes from the last frames of the buffer. Later audio may change it."""
    DISAGREES = "disagrees"
    """The hypothesis before has another token there, or there is no hypothesis before; and the decoder is not
    sure of the token.
    """
    INCOMPLETE_WORD = "incomplete_word"
    """The next hypothesis may lengthen the word of the token."""
    LOOP = "loop"
    """The token repeats the words before it."""
    END_OF_TEXT = "end_of_text"
    """The token is the punctuation that closes a sentence. The hypothesis before did not close the sentence
    there, so the sentence may continue.
    """


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The translation of one buffer.

    Attributes:
        token_ids: the history, then the new tokens; without the prompt and ``</s>``.
        pieces: the SentencePiece piece of each token. A piece of one byte is written ``<0xE2>``.
        history_tokens: number of tokens in the history.
        committed_tokens: number of tokens of the utterance that were committed before this hypothesis. The
            new tokens follow them.
        attended_frames: for each token, the encoder frame of the buffer that the token comes from
            (``models.alignment.attended_frames``).
        frames: number of encoder frames in the buffer.
        ended: whether the decoder predicted ``</s>``.
        log_probabilities: natural log-probability of each new token. In another batch their last digits
            differ, so they are not compared.
        start_sample: where the buffer begins in the utterance, in samples at 16 kHz.
        is_final: whether the speech has ended, so that no hypothesis follows.
        spaced: whether the target language writes spaces between words.
    """

    token_ids: tuple[int, ...]
    pieces: tuple[str, ...]
    history_tokens: int
    committed_tokens: int
    attended_frames: tuple[int, ...]
    frames: int
    ended: bool
    log_probabilities: tuple[float, ...] = field(compare=False)
    start_sample: int = 0
    is_final: bool = False
    spaced: bool = True

    @property
    def new_tokens(self) -> int:
        """Number of tokens after the history."""
        return len(self.token_ids) - self.history_tokens

    @property
    def new_pieces(self) -> tuple[str, ...]:
        """The pieces after the history."""
        return self.pieces[self.history_tokens :]


@dataclass(frozen=True, slots=True)
class CommitDecision:
    """How many of a hypothesis's new tokens are committed and how many are held.

    ``reason``: why the first held token is held; None if no token is held.
    """

    committed: int
    held: int
    reason: HoldReason | None


class CommitPolicy(Protocol):
    """Decides about one hypothesis at a time. Keeps no state."""

    def decide(self, hypothesis: Hypothesis, previous: Hypothesis | None) -> CommitDecision:
        """Decides how many new tokens of ``hypothesis`` are committed.

        ``previous``: the hypothesis before it, of the same utterance and target; None for the first
        hypothesis.

        A final hypothesis is committed whole, except for a loop. So where no audio came after the last
        hypothesis, the same hypothesis marked as final commits the held tokens. Nothing is computed again.
        """


@dataclass(frozen=True, slots=True)
class AlignAtt:
    """Commits the tokens before the first one that comes from the last ``cutoff_frames`` of the buffer."""

    cutoff_frames: int

    def decide(self, hypothesis: Hypothesis, previous: Hypothesis | None) -> CommitDecision:
        """Implements ``CommitPolicy``."""
        return _decide(
            hypothesis, previous, [(_near_end(hypothesis, self.cutoff_frames), HoldReason.NEAR_END)]
        )


@dataclass(frozen=True, slots=True)
class LocalAgreement:
    """Commits the first new words that this hypothesis and the hypothesis before have in common. Needs no
    attention.
    """

    def decide(self, hypothesis: Hypothesis, previous: Hypothesis | None) -> CommitDecision:
        """Implements ``CommitPolicy``."""
        return _decide(hypothesis, previous, [(_agreed(hypothesis, previous), HoldReason.DISAGREES)])


@dataclass(frozen=True, slots=True)
class AlignAttAgreement:
    """Commits only the tokens that ``AlignAtt`` and ``LocalAgreement`` would both commit, but for words that
    are sure or unsure. A word's probability is the product of its tokens', without punctuation.

    Attributes:
        cutoff_frames: encoder frames at the end of a buffer that are not trusted.
        sure_probability: words that are at least so probable need no agreement, if they come from before the
            last ``cutoff_frames + SURE_FRAMES``. None: every word needs it.
        unsure_probability: a less probable word is held if it comes from the last
            ``cutoff_frames + UNSURE_FRAMES``. None: no word is.
    """

    cutoff_frames: int
    sure_probability: float | None = None
    unsure_probability: float | None = None

    def decide(self, hypothesis: Hypothesis, previous: Hypothesis | None) -> CommitDecision:
        """Implements ``CommitPolicy``."""
        agreed, near_end = _agreed(hypothesis, previous), _near_end(hypothesis, self.cutoff_frames)
        words = _scored_words(hypothesis)
        if self.sure_probability is not None:
            frame = hypothesis.frames - self.cutoff_frames - SURE_FRAMES
            agreed = max(agreed, _sure(words, self.sure_probability, frame, hypothesis.new_tokens))
        if self.unsure_probability is not None:
            frame = hypothesis.frames - most_held_frames(self.cutoff_frames)
            near_end = min(near_end, _before_unsure(words, self.unsure_probability, frame, near_end))
        return _decide(
            hypothesis, previous, [(near_end, HoldReason.NEAR_END), (agreed, HoldReason.DISAGREES)]
        )


def most_held_frames(cutoff_frames: int) -> int:
    """How many frames at the end of a buffer a policy that uses attention does not trust at most."""
    return cutoff_frames + UNSURE_FRAMES


AnyCommitPolicy = AlignAtt | LocalAgreement | AlignAttAgreement
"""All policies. A request to an engine in another process carries one of them."""


def commit_policy(
    name: str,
    cutoff_frames: int,
    sure_probability: float | None = None,
    unsure_probability: float | None = None,
) -> CommitPolicy:
    """Makes the policy called ``name``: ``align_att``, ``agreement`` or ``align_att_agreement``.

    The other arguments are as in ``AlignAttAgreement``. ``agreement`` ignores all of them, ``align_att`` the
    probabilities.

    Raises:
        KeyError: no policy has this name.
    """
    policies: dict[str, CommitPolicy] = {
        "align_att": AlignAtt(cutoff_frames),
        AGREEMENT: LocalAgreement(),
        "align_att_agreement": AlignAttAgreement(cutoff_frames, sure_probability, unsure_probability),
    }
    return policies[name]


def _near_end(hypothesis: Hypothesis, cutoff_frames: int) -> int:
    """Number of new tokens before the first one that comes from the last ``cutoff_frames``.

    Punctuation has no sound, so its frame is ignored.
    """
    new = hypothesis.attended_frames[hypothesis.history_tokens :]
    unsafe = hypothesis.frames - cutoff_frames
    near = (index for index, frame in enumerate(new) if frame >= unsafe)
    return next((index for index in near if not is_punctuation(hypothesis.new_pieces[index])), len(new))


def _agreed(hypothesis: Hypothesis, previous: Hypothesis | None) -> int:
    """Number of new tokens in the first words that are equal to those of the hypothesis before."""
    if previous is None:
        return 0
    held = previous.new_pieces[hypothesis.committed_tokens - previous.committed_tokens :]
    agreed = 0
    for (start, end), theirs in zip(
        word_spans(hypothesis.new_pieces, spaced=hypothesis.spaced),
        word_spans(held, spaced=hypothesis.spaced),
        strict=False,
    ):
        if hypothesis.new_pieces[start:end] != held[slice(*theirs)]:
            break
        agreed = end
    return agreed


def _sure(words: Sequence[ScoredWord], probability: float, frame: int, end: int) -> int:
    """Number of tokens in the first words so probable that come from before ``frame``; ``end`` if all do."""
    unsafe = (each.start for each in words if each.probability < probability or each.frame >= frame)
    return next(unsafe, end)


def _before_unsure(words: Sequence[ScoredWord], probability: float, frame: int, end: int) -> int:
    """Number of tokens before the first word that is less probable and comes from ``frame`` or later; without
    one it is ``end``.
    """
    unsure = (each.start for each in words if each.probability < probability and each.frame >= frame)
    return next(unsure, end)


def _scored_words(hypothesis: Hypothesis) -> list[ScoredWord]:
    frames = hypothesis.attended_frames[hypothesis.history_tokens :]
    return scored_words(hypothesis.new_pieces, frames, hypothesis.log_probabilities, spaced=hypothesis.spaced)


def _decide(
    hypothesis: Hypothesis, previous: Hypothesis | None, limits: list[tuple[int, HoldReason]]
) -> CommitDecision:
    """Commits the whole words before the smallest limit.

    ``limits``: numbers of new tokens, each with the reason to hold the tokens after it. A final hypothesis
    ignores them. A loop is a limit of every hypothesis.
    """
    new = hypothesis.new_tokens
    close = _before_the_close(hypothesis, previous), HoldReason.END_OF_TEXT
    limits = [] if hypothesis.is_final else [*limits, close]
    loop = loop_start(hypothesis.token_ids)
    if loop is not None:
        limits = [(max(0, loop - hypothesis.history_tokens), HoldReason.LOOP), *limits]
    limit, reason = min(limits, key=lambda each: each[0], default=(new, HoldReason.INCOMPLETE_WORD))
    committed = limit if hypothesis.is_final else _whole_words(hypothesis, limit)
    if committed == new:
        return CommitDecision(new, 0, None)
    return CommitDecision(committed, new - committed, HoldReason.INCOMPLETE_WORD if limit == new else reason)


def _before_the_close(hypothesis: Hypothesis, previous: Hypothesis | None) -> int:
    """Number of new tokens before the closing punctuation.

    All new tokens count if the decoder did not end the text, or if the hypothesis before has the same new
    words.
    """
    pieces, count = hypothesis.new_pieces, hypothesis.new_tokens
    if _agreed(hypothesis, previous) == count:
        return count
    while hypothesis.ended and count and is_punctuation(pieces[count - 1]):
        count -= 1
    return count


def _whole_words(hypothesis: Hypothesis, limit: int) -> int:
    """Number of new tokens in the whole words among the first ``limit`` ones."""
    pieces = hypothesis.new_pieces
    if (
        limit == len(pieces)
        and (hypothesis.ended or not hypothesis.spaced)
        and ends_in_whole_character(pieces)
    ):
        return limit
    # the last word may grow; a word before it is whole if the token after it begins another word
    ends = (end for end in range(min(limit, len(pieces) - 1), 0, -1))
    return next((end for end in ends if starts_word(pieces, end, spaced=hypothesis.spaced)), 0)
