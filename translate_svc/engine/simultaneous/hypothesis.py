"""The input of a hypothesis, and the state that it leaves for the next hypothesis. Plain data.

A hypothesis translates the audio of an utterance that is still being spoken. It is an ordinary request, so
its caches end with it. The events of a hypothesis carry the state that the next hypothesis needs, and the
request of the next hypothesis carries it back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from translate_svc.engine.simultaneous.commit_policy import (
    AGREEMENT,
    CommitDecision,
    CommitPolicy,
    Hypothesis,
)
from translate_svc.engine.simultaneous.kept_history import KeptHistory


@dataclass(frozen=True, slots=True, eq=False)
class SpeechContext:
    """The last units of one target's speech. The units of the next hypothesis follow them.

    Attributes:
        units: ``[n]``: first voiced units, which are the vocoder's left context, then units that wait. Empty
            if all units were voiced: the next speech is then vocoded without a left context.
        first_unit: index of ``units[0]`` in the speech of the utterance. Negative where the utterance
            continues the speech of the one before.
        voiced_units: how many of ``units`` were voiced. The others wait for the units after them, because
            the vocoder also needs a right context.
        word_starts: indices in ``units`` at which waiting words begin, without the first waiting word.
        unspoken_tokens: number of tokens at the end of the history that have no units yet. They wait because
            earlier speech still plays.
    """

    units: npt.NDArray[np.int64]
    first_unit: int
    voiced_units: int
    word_starts: tuple[int, ...] = ()
    unspoken_tokens: int = 0

    @property
    def waits(self) -> bool:
        """Whether committed words were not voiced yet."""
        return self.unspoken_tokens > 0 or len(self.units) > self.voiced_units


MAX_SPECULATIVE_TOKENS = 16
"""Most speculative tokens. Each of them costs a row of logits, even if it is rejected."""

NO_SPEECH = SpeechContext(np.empty(0, np.int64), 0, 0)


@dataclass(frozen=True, slots=True)
class SequenceHypothesis:
    """One target of a hypothesis: the state that earlier hypotheses left.

    Attributes:
        history_token_ids: committed tokens whose audio is in the buffer. They are fed after the prompt.
        committed_tokens: number of tokens committed in the whole utterance, history included.
        previous: the hypothesis before this one, for policies that compare two hypotheses.
        speech: the last units of the speech so far.
        playback_pending: whether earlier speech still plays when the next hypothesis is decided. New words
            and units may then wait for the next hypothesis.
    """

    history_token_ids: tuple[int, ...] = ()
    committed_tokens: int = 0
    previous: Hypothesis | None = None
    speech: SpeechContext = NO_SPEECH
    playback_pending: bool = False

    @property
    def ends_in_word(self) -> bool:
        """Whether there is a history; it is made of whole words."""
        return bool(self.history_token_ids)

    @property
    def spoken_history_tokens(self) -> int:
        """Number of tokens of the history that have units."""
        return len(self.history_token_ids) - self.speech.unspoken_tokens

    def speculative_token_ids(self, most_tokens: int) -> tuple[int, ...]:
        """The tokens that the hypothesis before held.

        There are at most ``MAX_SPECULATIVE_TOKENS``. History and these together have at most
        ``most_tokens``.
        """
        if self.previous is None:
            return ()
        committed = self.committed_tokens - self.previous.committed_tokens
        held = self.previous.token_ids[self.previous.history_tokens + committed :]
        return held[: max(0, min(MAX_SPECULATIVE_TOKENS, most_tokens - len(self.history_token_ids)))]


FIRST_HYPOTHESIS = SequenceHypothesis()
"""The state before the first hypothesis of an utterance."""


@dataclass(frozen=True, slots=True)
class HypothesisOptions:
    """The options that make a request a hypothesis. Samples are at 16 kHz.

    Attributes:
        sequences: one for each sequence of the request, in the same order.
        utterance_id: the same for all hypotheses of an utterance, and for no other utterance.
        start_sample: where the buffer begins in the utterance.
        policy: decides which tokens are committed.
        is_final: the utterance has ended. All tokens are committed, and all units are voiced.
        step_samples: how many samples the next hypothesis adds to the buffer.
        new_samples: number of samples at the end of the buffer that no earlier hypothesis had.
        max_buffer_samples: most samples in a buffer.
        voices_all: the utterance may be cut after this hypothesis, so all units are voiced.
    """

    sequences: tuple[SequenceHypothesis, ...]
    utterance_id: str
    start_sample: int
    policy: CommitPolicy
    is_final: bool
    step_samples: int
    new_samples: int
    max_buffer_samples: int
    voices_all: bool = False


@dataclass(frozen=True, slots=True)
class HypothesisTraits:
    """Properties of the loaded model that hypotheses depend on.

    Attributes:
        frame_samples: number of 16 kHz samples in one encoder frame.
        predicting_row: which row of cross-attention belongs to a token. True: that of the step which predicts
            the token. False: that of the step which the token is fed to.
        context_units: the vocoder's receptive field on either side of a unit, in units.
    """

    frame_samples: int
    predicting_row: bool
    context_units: int


@dataclass(frozen=True, slots=True)
class CommitDefaults:
    """How hypotheses of the loaded model are committed unless a stream says otherwise.

    Attributes:
        policy: a name that ``commit_policy`` knows.
        cutoff_frames: encoder frames at the end of a buffer that are not trusted.
        sure_probability: as in ``AlignAttAgreement``.
        unsure_probability: as in ``AlignAttAgreement``.
        calibrated: whether the checkpoint was calibrated for hypotheses.
    """

    policy: str = AGREEMENT
    cutoff_frames: int = 0
    sure_probability: float | None = None
    unsure_probability: float | None = None
    calibrated: bool = False

    @property
    def uses_attention(self) -> bool:
        """Whether the policy reads the decoder's cross-attention. Only such a policy uses a patience."""
        return self.policy != AGREEMENT


SAFE_COMMIT_DEFAULTS = CommitDefaults()
"""For a checkpoint that was not calibrated."""

NO_HYPOTHESES = HypothesisTraits(frame_samples=2_560, predicting_row=True, context_units=0)
"""The traits for an engine that gets no hypotheses."""


@dataclass(frozen=True, slots=True)
class HypothesisDecided:
    """Event: one target of a hypothesis is decoded, and the policy has decided.

    Attributes:
        hypothesis: the decoded text.
        decision: how many new tokens are committed, and why the others are held.
        kept: the history of the next hypothesis, and where its buffer begins.
    """

    request_id: str
    sequence: int
    hypothesis: Hypothesis
    decision: CommitDecision
    kept: KeptHistory


@dataclass(frozen=True, slots=True)
class SpeechCarriedOver:
    """Event: all units of one target that can be voiced now were delivered.

    ``speech``: the units that the next hypothesis needs.
    """

    request_id: str
    sequence: int
    speech: SpeechContext
