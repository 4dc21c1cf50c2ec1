"""The contract between scheduler and runner: one ``StepPlan`` in, one ``StepResult`` out. Plain data.

The scheduler decides and imports no torch; the runner computes and owns every tensor. Results are matched by
``SequenceKey`` (or request id), never by slot alone: a slot is reused as soon as it is free.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from translate_svc.engine.constraint import UNCONSTRAINED, Constraint
from translate_svc.types import EncoderSource, Stage


class SequenceKey(NamedTuple):
    """Names one target language of one request."""

    request_id: str
    sequence: int


ItemKey = tuple[str, int | None]
"""Names one item of a plan: a ``SequenceKey``, or request id and None for an item of the whole request."""


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Where a source lies in an utterance that is still growing. The runner reuses its earlier results.

    Attributes:
        utterance_id: the same for all sources of an utterance.
        start_sample: where the source begins in the utterance, at 16 kHz.
        is_last: no other source of the utterance follows.
    """

    utterance_id: str
    start_sample: int
    is_last: bool


@dataclass(frozen=True, slots=True, eq=False)
class EncodeItem:
    """Encode ``source`` once and write its cross-attention cache into every slot of ``slots``.

    From here on slot ``slots[i]`` belongs to sequence ``i``, or ``sequences[i]`` where these are named, even
    if it held another one. ``job_id``
    identifies the encoding across steps. A request id cannot, because it may be used again. Items with the
    same ``job_id`` ask for the same encoding. ``place``: None for a source that nothing follows.
    ``asks_language``: whether the result says how probable each language is.

    ``speed``: of speech; 1.1 is heard faster by a tenth, and higher.
    """

    stage: ClassVar[Stage] = Stage.ENCODE

    request_id: str
    source: EncoderSource
    slots: tuple[int, ...]
    job_id: int
    place: SourcePlace | None = None
    asks_language: bool = False
    sequences: tuple[int, ...] = ()
    speed: float = 1.0

    @property
    def key(self) -> ItemKey:
        """The item belongs to the whole request."""
        return self.request_id, None

    @property
    def is_done_at_once(self) -> bool:
        """Whether it is a text, short beside speech, that other texts wait for: it is done in its step."""
        return bool(self.sequences) and isinstance(self.source, tuple)


GIVEN = math.inf
"""The tolerance for a token that is part of the text, whatever the model would choose."""


@dataclass(slots=True)  # not frozen, which would take four times as long to make; nothing changes it
class DecodeItem:
    """Feed a run of known tokens to a slot, from ``position`` on; the answer is about the token after it.

    The slot must have been encoded for ``key``'s request, and positions 0..position-1 must have been fed. The
    first run of a sequence is its prompt and the history of a hypothesis. Later
    runs are one token long. Several tokens are fed in one pass ("prefill").

    ``return_source_ms`` and ``return_attention`` ask for these fields of ``DecodeResult``.

    An item that is no step may begin before the end of what was fed: what lies behind is given up.

    ``speculative_token_ids`` may follow the run. They are fed with it, and those that greedy decoding gives
    as well come back in ``DecodeResult.accepted``, as if they had been decoded one by one. ``constraint`` is
    for the token after the run, and not for those that follow speculative tokens. ``tolerances``, one for
    each of them, are nats: a token is accepted also if its log-probability lies no further than that below
    the likeliest one's. ``GIVEN`` accepts it in any case. By default all are 0.

    ``candidates``: how many of the likeliest tokens ``DecodeResult.candidates`` has. ``probed_token``: a
    token whose log-probability after the run is asked for, whichever is chosen; None: no token.
    """

    stage: ClassVar[Stage] = Stage.DECODE

    key: SequenceKey
    slot: int
    position: int
    token_ids: tuple[int, ...]
    return_source_ms: bool = False
    return_attention: bool = False
    speculative_token_ids: tuple[int, ...] = ()
    constraint: Constraint = UNCONSTRAINED
    tolerances: tuple[float, ...] = ()
    candidates: int = 0
    probed_token: int | None = None

    @property
    def is_step(self) -> bool:
        """Whether it is an ordinary decode step, which may be a captured graph."""
        return len(self.token_ids) == 1 and not self.speculative_token_ids

    @property
    def is_given(self) -> bool:
        """Whether all that follows the run is given, so that no token is chosen after it."""
        return bool(self.tolerances) and min(self.tolerances) == GIVEN


@dataclass(frozen=True, slots=True)
class TextToUnitItem:
    """Predict the units of a text from the hidden states kept in ``slot``.

    ``token_ids`` are the tokens fed, or the first of them: prompt and text. The end token was
    predicted but never fed. The first ``context_tokens`` and the last ``lookahead_tokens`` are context: they
    get no units. ``duration_factor`` multiplies all durations, and ``pause_factor`` those of pauses at
    punctuation once more. The first ``dropped_context_tokens`` after the prompt are left out; they are
    context. The pause at the end of a sentence has ``sentence_pause_units`` at least.
    """

    stage: ClassVar[Stage] = Stage.TEXT_TO_UNIT

    key: SequenceKey
    slot: int
    token_ids: tuple[int, ...]
    language: str
    duration_factor: float
    context_tokens: int = 0
    lookahead_tokens: int = 0
    pause_factor: float = 1.0
    dropped_context_tokens: int = 0
    sentence_pause_units: int = 0

    @property
    def computed_tokens(self) -> int:
        """How many tokens are computed."""
        return len(self.token_ids) - self.dropped_context_tokens


@dataclass(frozen=True, slots=True, eq=False)
class VocodeItem:
    """Vocode ``units[start_unit:end_unit]`` in the context of all ``units``."""

    stage: ClassVar[Stage] = Stage.VOCODE

    key: SequenceKey
    units: npt.NDArray[np.int64]
    start_unit: int
    end_unit: int
    language: str
    speaker_id: int


@dataclass(frozen=True, slots=True)
class BeamItem:
    """Advance all beams of a sequence by one token. ``rows``: an item for each beam, of distinct slots.

    ``copies``: pairs of a slot and the slot whose tokens it takes before; these have the same source then.
    No slot is in both places. Positions behind those of ``rows`` are given up.
    """

    stage: ClassVar[Stage] = Stage.DECODE

    key: SequenceKey
    rows: tuple[DecodeItem, ...]
    copies: tuple[tuple[int, int], ...] = ()


PlanItem = EncodeItem | DecodeItem | BeamItem | TextToUnitItem | VocodeItem


@dataclass(frozen=True, slots=True)
class StepPlan:
    """All the work of one step: for each stage a field of its name. An empty plan is never executed.

    ``beams``: work of DECODE, too, for texts that are found by beam search.

    ``encode`` repeats the items of the last step that were answered by ``EncodeUnfinished``, each with its
    ``job_id``. An item that it leaves out is dropped. Beside such items a plan starts no other encoding, but
    for items that are done in their step. So
    the slots of a dropped item go to another request only after the remaining items are done.

    ``encode_steps``: how long encoding may delay the texts of this step, in decode steps. A step that also
    makes speech delays them anyway, so encoding may take longer there. ``encode_ms``: if this is not 0,
    encoding may take at least as long, and in a step without texts no longer.
    """

    encode: tuple[EncodeItem, ...] = ()
    decode: tuple[DecodeItem, ...] = ()
    beams: tuple[BeamItem, ...] = ()
    text_to_unit: tuple[TextToUnitItem, ...] = ()
    vocode: tuple[VocodeItem, ...] = ()
    encode_steps: int = 1
    encode_ms: float = 0.0

    @classmethod
    def of(cls, items: Iterable[PlanItem], *, encode_steps: int = 1, encode_ms: float = 0.0) -> StepPlan:
        """Builds the plan of ``items``; each stage keeps their order."""
        by_field: defaultdict[str, list[PlanItem]] = defaultdict(list)
        for item in items:
            by_field["beams" if isinstance(item, BeamItem) else item.stage.value].append(item)
        fields: dict[str, Any] = {name: tuple(work) for name, work in by_field.items()}
        return cls(**fields, encode_steps=encode_steps, encode_ms=encode_ms)

    def items(self, stage: Stage) -> tuple[PlanItem, ...]:
        """The items of one stage. The field of that stage has the exact type."""
        found: tuple[PlanItem, ...] = getattr(self, stage.value)
        return (*found, *self.beams) if stage is Stage.DECODE else found

    def __bool__(self) -> bool:
        return any(self.items(stage) for stage in Stage)
