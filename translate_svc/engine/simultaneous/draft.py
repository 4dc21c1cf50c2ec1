"""What a draft is asked with and what it leaves for the next one. Plain data.

A draft translates the audio of an utterance that is still being spoken. It is an ordinary request: nothing of
the caches outlives it. What the next draft needs travels in these values, from its events to its request.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from translate_svc.engine.simultaneous.commit_policy import AGREEMENT, CommitDecision, CommitPolicy, Draft
from translate_svc.engine.simultaneous.kept_history import KeptHistory


@dataclass(frozen=True, slots=True, eq=False)
class SpeechContext:
    """Units of one target's speech so far, as far as the next ones need them.

    Attributes:
        units: ``[n]``; those that the vocoder still hears on the left, then those that were not voiced yet.
        first_unit: place of ``units[0]`` in the speech of the utterance.
        voiced_units: how many of ``units`` were voiced. The others wait for what follows them, because the
            vocoder hears a few units ahead. Where all were voiced there are none: what follows sounds like a
            beginning.
        word_starts: places in ``units`` at which the words that wait begin, but for the first of them.
        unspoken_tokens: so many tokens at the end of the history have no units yet, because the listener
            still has enough to hear.
    """

    units: npt.NDArray[np.int64]
    first_unit: int
    voiced_units: int
    word_starts: tuple[int, ...] = ()
    unspoken_tokens: int = 0

    @property
    def waits(self) -> bool:
        """Whether something was committed that was not voiced."""
        return self.unspoken_tokens > 0 or len(self.units) > self.voiced_units


MAX_GUESS_TOKENS = 16
"""Each guessed token costs a row of logits, also where the guess is wrong."""

NO_SPEECH = SpeechContext(np.empty(0, np.int64), 0, 0)


@dataclass(frozen=True, slots=True)
class SequenceDraft:
    """One target of a draft: what was committed before.

    Attributes:
        history_token_ids: fed behind the prompt; their audio lies within the buffer.
        committed_tokens: of the whole utterance, history included.
        previous: the draft before this one, for policies that compare.
        speech: what the speech so far leaves to this one.
        plays_on: whether earlier speech lasts until the next draft, so that words and units may wait for it.
    """

    history_token_ids: tuple[int, ...] = ()
    committed_tokens: int = 0
    previous: Draft | None = None
    speech: SpeechContext = NO_SPEECH
    plays_on: bool = False

    @property
    def ends_in_word(self) -> bool:
        """Whether there is a history; it is made of whole words."""
        return bool(self.history_token_ids)

    @property
    def spoken_history_tokens(self) -> int:
        """How many tokens of the history have units."""
        return len(self.history_token_ids) - self.speech.unspoken_tokens

    def guess(self, most_tokens: int) -> tuple[int, ...]:
        """What the draft before held. With the history it has ``most_tokens`` at most."""
        if self.previous is None:
            return ()
        committed = self.committed_tokens - self.previous.committed_tokens
        held = self.previous.token_ids[self.previous.history_tokens + committed :]
        return held[: max(0, min(MAX_GUESS_TOKENS, most_tokens - len(self.history_token_ids)))]


FIRST_DRAFT = SequenceDraft()
"""Of an utterance in which nothing was committed yet."""


@dataclass(frozen=True, slots=True)
class DraftOptions:
    """Makes a request a draft.

    Attributes:
        sequences: one for each sequence of the request.
        policy: decides what is committed.
        is_final: speech has ended: all is committed, and the speech is voiced to its end.
        step_samples: how much longer the next draft's buffer will be.
        new_samples: at the end of the buffer, which no draft before had.
        max_buffer_samples: bound of a buffer.
        voices_all: the utterance may be cut behind this draft: no unit is left to wait.
    """

    sequences: tuple[SequenceDraft, ...]
    policy: CommitPolicy
    is_final: bool
    step_samples: int
    new_samples: int
    max_buffer_samples: int
    voices_all: bool = False


@dataclass(frozen=True, slots=True)
class DraftTraits:
    """What drafts depend on in the loaded model.

    Attributes:
        frame_samples: samples of one encoder frame.
        predicting_row: whether a token's attention is that of the step which predicts it; else that of the
            step which it is fed to.
        context_units: how far the vocoder hears, in units, on either side.
    """

    frame_samples: int
    predicting_row: bool
    context_units: int


@dataclass(frozen=True, slots=True)
class DraftDefaults:
    """How drafts of the loaded model are committed unless a stream says otherwise.

    Attributes:
        policy: name of the commit policy; see ``commit_policy``.
        patience_frames: frames at the end of a buffer that are not trusted.
        calibrated: whether the checkpoint was calibrated for drafts.
    """

    policy: str = AGREEMENT
    patience_frames: int = 0
    calibrated: bool = False

    @property
    def uses_attention(self) -> bool:
        """Whether the policy looks at what the decoder attends to, and so has a patience."""
        return self.policy != AGREEMENT


SAFE_DRAFTS = DraftDefaults()
"""For a checkpoint that was not calibrated."""

NO_DRAFTS = DraftTraits(frame_samples=2_560, predicting_row=True, context_units=0)
"""Of an engine that is given no drafts."""


@dataclass(frozen=True, slots=True)
class DraftDecided:
    """Event: one target of a draft is decoded and decided.

    Attributes:
        draft: all that was decoded.
        decision: what of it was committed, and why the rest is held.
        log_probabilities: natural, of each new token of the draft.
        kept: history and audio for the next draft.
    """

    request_id: str
    sequence: int
    draft: Draft
    decision: CommitDecision
    log_probabilities: tuple[float, ...]
    kept: KeptHistory


@dataclass(frozen=True, slots=True)
class SpeechKept:
    """Event: the speech of one target of a draft has come as far as it can."""

    request_id: str
    sequence: int
    speech: SpeechContext
