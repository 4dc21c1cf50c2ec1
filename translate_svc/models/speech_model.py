"""The engine's interface to a model. A family implements ``SpeechModel``; ``registry`` finds the family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translate_svc.errors import EngineError
from translate_svc.language_rule import LanguageDetection
from translate_svc.models.alignment.alignment_file import Alignment
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.models.decoded_step import Choose, LaunchedStep, StepFields, StepLogits
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.limits import ModelLimits
from translate_svc.models.log_mel import LogMelMemory
from translate_svc.models.machine.memory_estimate import MemoryEstimate
from translate_svc.models.machine.speed_estimate import SpeedEstimate
from translate_svc.models.placement import Placement
from translate_svc.models.reference import Reference
from translate_svc.models.runs import Runs
from translate_svc.models.slices import DeviceEvent, Slices
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.types import EncoderSource, Samples, Stage

NOT_FINITE = "the result is not finite"
"""The error of an item whose result holds NaN or infinity, in every stage."""


@dataclass(frozen=True, slots=True)
class T2uInput:
    """A text: the prompt and its tokens, all fed to ``slot``.

    The first ``context_tokens`` and the last ``lookahead_tokens`` of them are only context. The result has
    the units of the other tokens alone. ``duration_factor`` multiplies all durations, and ``pause_factor``
    those of pauses at punctuation once more. The text is spoken as if the first ``dropped_context_tokens``
    after the prompt, which are context, were not there. The pause at the end of a sentence has
    ``sentence_pause_units`` at least.
    """

    slot: int
    token_ids: Sequence[int]
    duration_factor: float
    context_tokens: int = 0
    lookahead_tokens: int = 0
    pause_factor: float = 1.0
    dropped_context_tokens: int = 0
    sentence_pause_units: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class SpeechUnits:
    """Vocoder units of a text, and the number of units of each character and of each token."""

    units: npt.NDArray[np.int64]
    character_durations: tuple[int, ...]
    token_durations: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PieceInput:
    """Units ``[start, end)`` out of ``units``, and the voice. All ``units`` are their context."""

    units: npt.NDArray[np.int64]
    start: int
    end: int
    language: str
    speaker_id: int


class CapturedSteps(Protocol):
    """Decode steps that were captured as CUDA graphs, with the choice at their end."""

    @property
    def max_tokens(self) -> int:
        """Positions are 0 to this minus one."""

    def launch(
        self, slots: npt.NDArray[np.int64], positions: npt.NDArray[np.int64], token_ids: npt.NDArray[np.int64]
    ) -> LaunchedStep | None:
        """Gives the device a step that feeds one token to each of some slots, and does not wait for it. None,
        and nothing is fed, if no graph was captured for so much.

        All are ``[n]``. A token may be ``CHOSEN``. It then is the one that the last launched step chose for
        its slot, or that ``note_chosen`` was told after that, and is fed to the position after it. This is at
        most the one in ``positions``.
        """

    def note_chosen(self, slots: Sequence[int], token_ids: Tensor, positions: Tensor) -> None:
        """Keeps the tokens that a pass without a graph chose for these slots, and the positions to feed them
        to, each ``[n]`` on the device.
        """

    @property
    def logits(self) -> Tensor:
        """Of the last step launched: ``[slots, vocabulary]`` float32, on the device."""


class SpeechSynthesis(Protocol):
    """The stages that make speech of a text. Each method gives one outcome per item, in order."""

    @property
    def prompt_tokens(self) -> int:
        """Number of fed tokens before the text; they are always context."""

    @property
    def unit_count(self) -> int:
        """Units are 0 to this minus one."""

    def text_to_unit(self, texts: Sequence[T2uInput]) -> list[SpeechUnits | EngineError]:
        """The units of each finished text."""

    def vocode(self, pieces: Sequence[PieceInput]) -> list[Samples | EngineError]:
        """The waveform of each piece."""


class SpeechModel(Protocol):
    """Weights, caches and stages of one checkpoint. Not thread-safe; called under ``torch.inference_mode``.

    A row of the caches is a "slot". Items of one batch never change each other's results.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Languages, voices and limits."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def vocabulary_size(self) -> int:
        """Token ids are 0 to this minus one; the width of the logits."""

    @property
    def min_source_samples(self) -> int:
        """Samples in the shortest waveform that can be encoded."""

    @property
    def speech(self) -> SpeechSynthesis | None:
        """Text-to-unit and vocoder. None for a family that writes text alone."""

    @property
    def graph_counts(self) -> Mapping[Stage, CaptureCount]:
        """By stage, how many graphs ``capture`` captured and refused. Empty without a capture."""

    def encode(
        self,
        sources: Sequence[EncoderSource],
        slots: Sequence[Sequence[int]],
        memories: Sequence[LogMelMemory | None] = (),
    ) -> Slices[list[int | EngineError]]:
        """Encodes sources, so that ``slots[i]`` attend to source ``i``. Outcome: number of encoder states.

        Writes the slots after the last slice, and clears their tokens. If the caller abandons the slices, the
        slots stay unchanged. ``memories``: of each source, its log-mel frames; by default none is known and
        none is kept.
        """

    def source_states(self, slot: int) -> int:
        """Number of encoder states that ``slot`` attends to."""

    @property
    def detected_languages(self) -> tuple[str, ...]:
        """Languages that it can tell by their sound. Empty: it cannot tell which language is spoken."""

    def language_log_probabilities(self, slot: int) -> tuple[float, ...]:
        """Of each of ``detected_languages`` and, last, of any other one: natural logarithms, all being as
        likely before the speech in ``slot`` was heard. Only where languages can be told, and of speech. Minus
        infinity for any other one: the model takes all speech for one of its languages.
        """

    def state_centre_ms(self, state: int) -> int:
        """The place of an encoder state in its source: the centre of its frame."""

    def decode(self, runs: Runs, fields: StepFields) -> StepLogits:
        """Feeds tokens to each of some encoded slots in one pass, and computes the logits of the next ones.

        A family without attention over a source leaves the fields out that it cannot compute.
        """

    def fork(self, slot: int, slots: Sequence[int]) -> None:
        """Makes each of the other ``slots`` a copy of ``slot``: its source and all tokens fed to it."""

    def reorder(self, slots: Sequence[int], parents: Sequence[int], tokens: int) -> None:
        """Gives ``slots[i]`` the first ``tokens`` tokens that ``parents[i]``, which has the same source, had
        before the call.
        """

    def capture(self, capturer: GraphCapturer, choose: Choose) -> CapturedSteps | None:
        """Captures CUDA graphs of the work with fixed shapes, which takes seconds. Before the first source.

        Returns the decode steps, which end with ``choose``; None without them. Work without a graph still
        gives correct results, so a failed capture only logs a warning and counts.

        Raises:
            DeviceLost: the device's context is lost.
        """

    def record_event(self) -> DeviceEvent:
        """Marks the end of all work that the device was given. Does not wait."""

    def free_memory(self) -> None:
        """Gives back memory that the allocator keeps for later tensors. Frees no tensor that is in use."""


class ModelFamily(Protocol):
    """A verified checkpoint of one family. ``load`` reads its weights."""

    @property
    def path(self) -> Path:
        """The checkpoint's directory."""

    @property
    def capabilities(self) -> Capabilities:
        """Languages, voices and limits."""

    @property
    def vocabulary_size(self) -> int:
        """Token ids are 0 to this minus one."""

    @property
    def alignment(self) -> Alignment:
        """How hypotheses are committed, and which heads follow the source."""

    @property
    def language_detection(self) -> LanguageDetection:
        """Which languages the model can tell by their sound."""

    @property
    def context_units(self) -> int:
        """Units on either side of a piece that its waveform depends on. 0 without a vocoder."""

    def tokenizer(self) -> Tokenizer:
        """Reads the tokenizer.

        Raises:
            CheckpointError: a file is missing or does not fit the others.
        """

    def check_features(self) -> None:
        """Checks that the model's features can be computed.

        Raises:
            CheckpointError: their description is missing, or asks for others.
        """

    def reference(self, placement: Placement) -> Reference:
        """transformers' own model of the checkpoint, which needs the extra ``reference``."""

    def memory_estimate(self, limits: ModelLimits, placement: Placement) -> MemoryEstimate:
        """The memory that ``load`` will take on the placement's device. Reads no weights."""

    def speed_estimate(self, placement: Placement, rows: int) -> SpeedEstimate:
        """Times what a model of its size computes, with random numbers, for some seconds. On a CPU alone.

        ``rows``: texts that are decoded together.
        """

    def load(self, limits: ModelLimits, placement: Placement) -> SpeechModel:
        """Reads the weights and allocates the caches.

        Raises:
            CheckpointError: the weights are damaged or do not match the configuration.
            InvalidArgument: a limit exceeds what the checkpoint supports.
        """
