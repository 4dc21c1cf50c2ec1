"""The limits of the engine. ``translate_svc.config`` reads the settings that set them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

_CHARACTERS_PER_TOKEN = 16
"""The longest piece of a SentencePiece vocabulary, by the default of its trainer."""

_FLOORS = {
    "max_slot_tokens": 3,
    "max_source_tokens": 3,
    "initial_credit_pieces": 0,
    "min_duration_factor": 0.01,
    "max_duration_factor": 0.01,
}


def _check_floors(numbers: Mapping[str, float]) -> None:
    for name, number in numbers.items():
        floor = _FLOORS.get(name, 1)
        if not number >= floor:
            raise InvalidArgument(f"must be at least {floor}", field=name)


@dataclass(frozen=True, slots=True)
class StepBudgets:
    """How much of each batched stage one step computes.

    An item that is larger than its budget runs alone in its stage. A larger budget raises the throughput of a
    batched stage, and lengthens the pause between two tokens of every text.

    Attributes:
        encode_frames: Source frames (512 samples, 32 ms) encoded; default 480 (15.4 s): one long utterance or
            several short ones. Raise it on a GPU that encodes several utterances in the time of one. Lower it
            when new utterances make text stutter.
        text_to_unit_tokens: Text tokens converted to units; default 256. Raise or lower it as
            ``encode_frames``.
        vocode_units: Units (20 ms of speech each) converted to sound, without their context; default 200
            (4 s). Raise or lower it as ``encode_frames``.
    """

    encode_frames: int = 480
    text_to_unit_tokens: int = 256
    vocode_units: int = 200

    def __post_init__(self) -> None:
        _check_floors({each.name: getattr(self, each.name) for each in fields(self)})


CPU_BUDGETS = StepBudgets()
"""One long utterance, one long text and 4 s of sound: more would lengthen the pause between two tokens."""

GPU_BUDGETS = StepBudgets(3_840, 2_048, 1_600)
"""Eight times as much: with it an H100 translated 338 s of speech a second, 255 with a CPU's, in two runs."""


def default_budgets(device: str) -> StepBudgets:
    """Those of a ``cuda`` device or of a CPU."""
    return GPU_BUDGETS if device.startswith("cuda") else CPU_BUDGETS


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Sizes and budgets of the engine. One of these bounds every queue and every cache.

    Attributes:
        max_slots: Rows of the decoder's caches, so the number of sequences that decode together; default 16.
            Cache memory grows linearly with it. Raise it on a GPU as far as memory and the latency of a step
            allow.
        max_slot_tokens: Tokens fed to one sequence, prompt included: the length of a row of the
            self-attention cache; default 256. A longer text is TRUNCATED. Lower it to save cache memory. It
            must not exceed the checkpoint's position table or the runner's cache, and must be longer than the
            model's prompt.
        min_source_samples: Shortest accepted utterance in 16 kHz samples; default 1,600 (100 ms). The encoder
            needs at least a few frames.
        max_source_samples: Longest accepted utterance in 16 kHz samples; default 480,000 (30 s). The model's
            quality degrades beyond that. It sizes a slot's cross-attention cache. Lower it together with the
            segmenter's maximum.
        max_source_tokens: Longest accepted source text in tokens, with those that frame it; default 256, as
            much as ``max_slot_tokens`` has room to translate. It sizes the cross-attention cache when it
            exceeds the encoder frames of the longest utterance (30 s: 188). It must not exceed the
            checkpoint's position table.
        max_waiting_requests: Requests that wait for slots; default 64. A full queue refuses with
            ``ResourceExhausted``: a stream then waits and reads no more input; a Translate call fails. It
            bounds memory (a waiting utterance of 15 s is 1 MB), so raise it for short bursts only.
        max_live_requests: Requests inside the engine, in any phase; default 1,024. It bounds the requests
            that hold no slot any more and wait for their reader's credit. At the bound the engine refuses
            with ``ResourceExhausted`` too.
        admission_window: Requests among which the longest goes first; default 1: first come, first served.
            Each request belongs to one window, by its number, so a short one is overtaken by fewer than a
            window's. Long ones first end together with the others of their window, and batches of one length
            waste less padding. It is for files, whose short utterances nobody waits for.
        budgets: How much one step computes; default ``CPU_BUDGETS``.
        max_encode_steps: How long encoding may delay the texts of a step, in decode steps, when requests wait
            although slots are free; default 4. When no request waits, the delay is one decode step. Decode
            steps with few rows waste time, so a burst of requests is finished sooner when encoding goes
            first. A value of 1 keeps the pauses between tokens even, but such a burst takes a quarter more
            time. Values above 4 gain little more.
        min_encode_steps: The same delay when no request waits; default 1. A decode step with one row takes
            more than half as long as one with eight, so 64 lets a batch of files, whose texts nobody reads
            meanwhile, encode all that have a slot before they decode together.
        first_piece_units: Length of a speech's first piece; default 25 (0.5 s). A shorter first piece starts
            the sound earlier, but receptive fields overlap more. Each further piece is twice as long as the
            one before.
        max_piece_units: Length at which pieces stop doubling; default 100 (2 s). Longer pieces cost less to
            vocode, but aborts and round-robin turns become coarser. A remainder shorter than
            ``first_piece_units`` joins the last piece.
        initial_credit_pieces: Pieces delivered before the reader's first ``grant``; default 4 (5.5 s of
            speech). Lower it to bound the undelivered speech. Raise it when readers grant late.
        min_duration_factor: Lowest accepted factor on predicted durations; default 0.5 (twice as fast).
        max_duration_factor: Highest accepted factor; default 2.0. With ``max_slot_tokens`` it bounds the
            length of a speech.
    """

    max_slots: int = 16
    max_slot_tokens: int = 256
    min_source_samples: int = INTERNAL_SAMPLE_RATE_HZ // 10
    max_source_samples: int = 30 * INTERNAL_SAMPLE_RATE_HZ
    max_source_tokens: int = 256
    max_waiting_requests: int = 64
    max_live_requests: int = 1_024
    admission_window: int = 1
    budgets: StepBudgets = CPU_BUDGETS
    max_encode_steps: int = 4
    min_encode_steps: int = 1
    first_piece_units: int = 25
    max_piece_units: int = 100
    initial_credit_pieces: int = 4
    min_duration_factor: float = MIN_DURATION_FACTOR
    max_duration_factor: float = MAX_DURATION_FACTOR

    def __post_init__(self) -> None:
        sizes = [each.name for each in fields(self) if each.name != "budgets"]
        _check_floors({name: getattr(self, name) for name in sizes})
        for low, high in (
            ("min_source_samples", "max_source_samples"),
            ("first_piece_units", "max_piece_units"),
            ("min_duration_factor", "max_duration_factor"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise InvalidArgument(f"must not exceed {high}", field=low)

    @property
    def model_limits(self) -> ModelLimits:
        """The limits that size the model's caches."""
        return ModelLimits(
            max_slots=self.max_slots,
            max_slot_tokens=self.max_slot_tokens,
            max_source_samples=self.max_source_samples,
            max_source_tokens=self.max_source_tokens,
        )

    @property
    def max_source_characters(self) -> int:
        """A longer source text is refused before it is tokenized. This bounds the cost of tokenizing."""
        return self.max_source_tokens * _CHARACTERS_PER_TOKEN


def source_frames(source: Samples | Sequence[int]) -> int:
    """The cost of encoding a source, in frames.

    For 16 kHz samples: the frames of 512 samples that they fill, a partial last frame included. For a text:
    its number of tokens. The text encoder takes about as long for a token as the speech encoder for a frame.
    """
    return -(-len(source) // FRAME_SAMPLES) if isinstance(source, np.ndarray) else len(source)
