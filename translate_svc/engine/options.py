"""What the engine may use. The only options of this room; the settings are read elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from translate_svc.errors import InvalidArgument
from translate_svc.models.limits import ModelLimits
from translate_svc.types import (
    FRAME_SAMPLES,
    INTERNAL_SAMPLE_RATE_HZ,
    MAX_DURATION_FACTOR,
    MIN_DURATION_FACTOR,
    Samples,
)

PROMPT_TOKENS = 2
"""Every sequence is fed ``</s>`` and its language before the first token of its own. A source text stands
between its language and ``</s>``: as many.
"""

_CHARACTERS_PER_TOKEN = 16
"""SentencePiece's longest piece, unless its trainer was told otherwise."""

_FLOORS = {"initial_credit_pieces": 0, "min_duration_factor": 0.01, "max_duration_factor": 0.01}


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Sizes and budgets of the engine. Every queue and every cache is bounded by one of these.

    Budgets are per step. An item that is larger than its budget runs alone in its stage. Budgets trade the
    throughput of the batched stages against the pause they put between two tokens of everybody's text.

    Attributes:
        max_slots: Rows of the decoder's caches, hence sequences that decode at once; default 16. Cache memory
            grows with it linearly; raise it on a GPU until memory or the latency of a step says stop.
        max_slot_tokens: Tokens fed to one sequence, ``</s>`` and language included: the length of a row of
            the self-attention cache; default 256. A longer text is TRUNCATED. Lower it to save cache memory,
            never above what the checkpoint's position table or the runner's cache holds.
        min_source_samples: Shortest utterance taken, 16 kHz samples; default 1,600 (100 ms). The encoder
            needs a few frames to stand on.
        max_source_samples: Longest utterance taken, 16 kHz samples; default 480,000 (30 s, past which the
            model's quality degrades). It sizes a slot's cross-attention cache; lower it with the segmenter's
            maximum.
        max_source_tokens: Longest source text taken, its language and ``</s>`` included; default 256: what
            ``max_slot_tokens`` has room to translate. It sizes the cross-attention cache where it exceeds the
            encoder frames of the longest utterance (30 s: 188). Never above the checkpoint's position table.
        max_waiting_requests: Requests that wait for slots; default 64. A full line refuses with
            ``ResourceExhausted``: a stream then waits and takes no further input, a call of Translate fails.
            It bounds memory (a waiting utterance of 15 s is 1 MB), so raise it for short bursts only.
        max_live_requests: Requests inside the engine, whatever their phase; default 1,024. Bounds those that
            hold no slot any more but wait for their reader's credit. At the bound the engine refuses
            likewise.
        encode_budget_frames: Source frames (512 samples, 32 ms) encoded in a step; default 480 (15.4 s): one
            long utterance or several short ones. Raise it on a GPU that encodes several utterances in the
            time of one; lower it when arrivals make text stutter.
        max_encode_steps: How long encoding may hold up the texts of a step, in decode steps, where requests
            wait in line although slots are free; default 4. Where none does it is one. Steps of few rows are
            wasted, so that a load that comes at once is through sooner; 1 keeps the pauses between tokens
            even, at a quarter more time for such a load. Beyond 4 little more is gained.
        text_to_unit_budget_tokens: Text tokens turned to units in a step; default 256. As above.
        vocode_budget_units: Units (20 ms of speech) made sound in a step, context not counted; default 200 (4
            s). As above.
        first_piece_units: Length of a speech's first piece; default 25 (0.5 s). Shorter: the first sound
            leaves earlier, at more overlap of receptive fields. Each following piece is twice as long as the
            one before.
        max_piece_units: Length at which pieces stop doubling; default 100 (2 s). Longer pieces vocode cheaper
            and make aborts and round-robin turns coarser. A remainder under ``first_piece_units`` joins the
            last piece.
        initial_credit_pieces: Pieces delivered before the reader's first ``grant``; default 4 (5.5 s of
            speech). Lower it to bound what lies undelivered, raise it when readers grant late.
        min_duration_factor: Lowest factor on predicted durations taken; default 0.5 (twice as fast).
        max_duration_factor: Highest; default 2.0. With ``max_slot_tokens`` it bounds the length of a speech.
    """

    max_slots: int = 16
    max_slot_tokens: int = 256
    min_source_samples: int = INTERNAL_SAMPLE_RATE_HZ // 10
    max_source_samples: int = 30 * INTERNAL_SAMPLE_RATE_HZ
    max_source_tokens: int = 256
    max_waiting_requests: int = 64
    max_live_requests: int = 1_024
    encode_budget_frames: int = 480
    max_encode_steps: int = 4
    text_to_unit_budget_tokens: int = 256
    vocode_budget_units: int = 200
    first_piece_units: int = 25
    max_piece_units: int = 100
    initial_credit_pieces: int = 4
    min_duration_factor: float = MIN_DURATION_FACTOR
    max_duration_factor: float = MAX_DURATION_FACTOR

    def __post_init__(self) -> None:
        for name in (each.name for each in fields(self)):
            if not getattr(self, name) >= _FLOORS.get(name, 1):
                raise InvalidArgument(f"must be at least {_FLOORS.get(name, 1)}", field=name)
        for name in ("max_slot_tokens", "max_source_tokens"):
            if getattr(self, name) <= PROMPT_TOKENS:
                raise InvalidArgument("must leave room for text beside the prompt", field=name)
        for low, high in (
            ("min_source_samples", "max_source_samples"),
            ("first_piece_units", "max_piece_units"),
            ("min_duration_factor", "max_duration_factor"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise InvalidArgument(f"must not exceed {high}", field=low)

    @property
    def model_limits(self) -> ModelLimits:
        """What of it the model's caches are sized by."""
        return ModelLimits(
            max_slots=self.max_slots,
            max_slot_tokens=self.max_slot_tokens,
            max_source_samples=self.max_source_samples,
            max_source_tokens=self.max_source_tokens,
        )

    @property
    def max_source_characters(self) -> int:
        """A source text longer than this is refused before it is tokenized, which bounds what that costs."""
        return self.max_source_tokens * _CHARACTERS_PER_TOKEN


def source_frames(source: Samples | Sequence[int]) -> int:
    """What encoding costs: frames that 16 kHz samples fill, the last one perhaps in part; for a text one a
    token, which takes the text encoder about as long as a frame takes the speech encoder.
    """
    return -(-len(source) // FRAME_SAMPLES) if isinstance(source, np.ndarray) else len(source)
