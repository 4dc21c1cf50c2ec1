"""What of a draft is safe to say: the commit policies of simultaneous translation. Pure; no tensors.

A draft is the whole translation of a buffer of audio that is still growing. Its text begins with a history
of words that were committed before and are fed to the decoder as they are; what follows is new. A policy says
how many of the new tokens are committed, which is for good, and why the others are held.

AlignAtt: Papi et al. 2023, "AlignAtt: Using Attention-based Audio-Translation Alignments as a Guide for
Simultaneous Speech Translation". Agreement of two drafts: Liu et al. 2020, "Low-Latency Sequence-to-Sequence
Speech Recognition and Translation by Partial Hypothesis Selection" (LocalAgreement-2), here on words.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from translate_svc.engine.simultaneous.words import ends_in_whole_character, is_punctuation, starts_word

AGREEMENT = "agreement"
"""The name of the policy that needs no attention."""

_MIN_COPIES = {1: 6, 2: 4, 3: 4} | dict.fromkeys(range(4, 13), 3)
"""So many copies of so many tokens in a row at the end of a text are a loop. Fewer than in a whole utterance
(see the guards): a draft adds a second of speech or two."""


class HoldReason(enum.Enum):
    """Why the first token that is held was not committed."""

    NEAR_END = "near_end"
    """It comes from the last frames of the buffer, whose sound may go on."""
    DISAGREES = "disagrees"
    """The draft before did not have it, or there was none."""
    INCOMPLETE_WORD = "incomplete_word"
    """More of its word may follow."""
    LOOP = "loop"
    """It repeats what was just said."""
    END_OF_TEXT = "end_of_text"
    """It closes a sentence of which more may be heard: the draft before did not close it there."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The translation of one buffer.

    Attributes:
        token_ids: history and new text, without the prompt and ``</s>``.
        pieces: their SentencePiece pieces; byte pieces are ``<0xE2>``.
        history_tokens: how many of them are history.
        committed_tokens: how many tokens of the whole text were committed when this draft was made. The new
            text follows these.
        attended_frames: of each token, the frame of the buffer that it comes from: see ``attended_frames``.
        frames: of the buffer.
        ended: whether the decoder ended the text itself, by ``</s>``.
        is_final: whether speech has ended: nothing follows this buffer.
        spaced: whether words of its language have spaces between them.
    """

    token_ids: tuple[int, ...]
    pieces: tuple[str, ...]
    history_tokens: int
    committed_tokens: int
    attended_frames: tuple[int, ...]
    frames: int
    ended: bool
    is_final: bool = False
    spaced: bool = True

    @property
    def new_tokens(self) -> int:
        """How many are not history."""
        return len(self.token_ids) - self.history_tokens

    @property
    def new_pieces(self) -> tuple[str, ...]:
        """Those that are not history."""
        return self.pieces[self.history_tokens :]


@dataclass(frozen=True, slots=True)
class CommitDecision:
    """How many of the new tokens are committed, how many held, and why. ``reason``: None if none is held."""

    committed: int
    held: int
    reason: HoldReason | None


class CommitPolicy(Protocol):
    """Decides about one draft at a time; keeps no state."""

    def decide(self, draft: Draft, previous: Draft | None) -> CommitDecision:
        """What is committed of ``draft``. ``previous`` is the draft before it of the same speech, or None.

        A final draft is committed whole, but for a loop. So if nothing was heard since the last draft, that
        one, marked as final, releases what was held without computing anything.
        """


@dataclass(frozen=True, slots=True)
class AlignAtt:
    """Commits what comes from audio that lies at least ``patience_frames`` before the end of the buffer."""

    patience_frames: int

    def decide(self, draft: Draft, previous: Draft | None) -> CommitDecision:
        """Implements ``CommitPolicy``."""
        return _decide(draft, previous, [(_near_end(draft, self.patience_frames), HoldReason.NEAR_END)])


@dataclass(frozen=True, slots=True)
class Agreement:
    """Commits the words that two drafts in a row begin with. Needs no attention."""

    def decide(self, draft: Draft, previous: Draft | None) -> CommitDecision:
        """Implements ``CommitPolicy``."""
        return _decide(draft, previous, [(_agreed(draft, previous), HoldReason.DISAGREES)])


@dataclass(frozen=True, slots=True)
class AlignAttAgreement:
    """Commits what both ``AlignAtt`` and ``Agreement`` do."""

    patience_frames: int

    def decide(self, draft: Draft, previous: Draft | None) -> CommitDecision:
        """Implements ``CommitPolicy``."""
        near_end = (_near_end(draft, self.patience_frames), HoldReason.NEAR_END)
        return _decide(draft, previous, [near_end, (_agreed(draft, previous), HoldReason.DISAGREES)])


AnyCommitPolicy = AlignAtt | Agreement | AlignAttAgreement
"""All of them. A draft for an engine in another process has one of these."""


def commit_policy(name: str, patience_frames: int) -> CommitPolicy:
    """The policy that a calibration names: ``align_att``, ``agreement`` or ``align_att_agreement``."""
    policies: dict[str, CommitPolicy] = {
        "align_att": AlignAtt(patience_frames),
        AGREEMENT: Agreement(),
        "align_att_agreement": AlignAttAgreement(patience_frames),
    }
    return policies[name]


def loop_start(token_ids: Sequence[int]) -> int | None:
    """Where the second copy of a loop at the end of a text begins; None where it does not end in a loop."""
    for period, copies in _MIN_COPIES.items():
        start = len(token_ids)
        while start > period and token_ids[start - 1] == token_ids[start - 1 - period]:
            start -= 1
        if len(token_ids) - start >= period * (copies - 1):
            return start
    return None


def _near_end(draft: Draft, patience_frames: int) -> int:
    """New tokens before the first one that comes from the last frames. Punctuation has no sound."""
    new = draft.attended_frames[draft.history_tokens :]
    unsafe = draft.frames - patience_frames
    near = (index for index, frame in enumerate(new) if frame >= unsafe)
    return next((index for index in near if not is_punctuation(draft.new_pieces[index])), len(new))


def _agreed(draft: Draft, previous: Draft | None) -> int:
    """New tokens that make up the same words as the draft before had there."""
    if previous is None:
        return 0
    held = previous.new_pieces[draft.committed_tokens - previous.committed_tokens :]
    agreed = 0
    for (start, end), theirs in zip(
        _words(draft.new_pieces, draft.spaced), _words(held, draft.spaced), strict=False
    ):
        if draft.new_pieces[start:end] != held[slice(*theirs)]:
            break
        agreed = end
    return agreed


def _words(pieces: Sequence[str], spaced: bool) -> list[tuple[int, int]]:
    """First token and end of each word."""
    starts = [index for index in range(len(pieces)) if starts_word(pieces, index, spaced=spaced)]
    return list(zip(starts, [*starts, len(pieces)][1:], strict=True))


def _decide(draft: Draft, previous: Draft | None, limits: list[tuple[int, HoldReason]]) -> CommitDecision:
    """Whole words before the first of ``limits``, each so many new tokens, or before a loop."""
    new = draft.new_tokens
    close = _before_the_close(draft, previous), HoldReason.END_OF_TEXT
    limits = [] if draft.is_final else [*limits, close]
    loop = loop_start(draft.token_ids)
    if loop is not None:
        limits = [(max(0, loop - draft.history_tokens), HoldReason.LOOP), *limits]
    limit, reason = min(limits, key=lambda each: each[0], default=(new, HoldReason.INCOMPLETE_WORD))
    committed = limit if draft.is_final else _whole_words(draft, limit)
    if committed == new:
        return CommitDecision(new, 0, None)
    return CommitDecision(committed, new - committed, HoldReason.INCOMPLETE_WORD if limit == new else reason)


def _before_the_close(draft: Draft, previous: Draft | None) -> int:
    """New tokens without the punctuation that ends them, where the decoder ended the text and the draft
    before did not end it there.
    """
    pieces, count = draft.new_pieces, draft.new_tokens
    if _agreed(draft, previous) == count:
        return count
    while draft.ended and count and is_punctuation(pieces[count - 1]):
        count -= 1
    return count


def _whole_words(draft: Draft, limit: int) -> int:
    """The most new tokens, at most ``limit``, that end with a word."""
    pieces = draft.new_pieces
    if limit == len(pieces) and (draft.ended or not draft.spaced) and ends_in_whole_character(pieces):
        return limit
    # what ends with the draft may go on; what ends before a token does not if a word begins with that token
    ends = (end for end in range(min(limit, len(pieces) - 1), 0, -1))
    return next((end for end in ends if starts_word(pieces, end, spaced=draft.spaced)), 0)
