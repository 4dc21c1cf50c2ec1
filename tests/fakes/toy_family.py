"""A family of models for tests: a decoder without cross-attention, which writes text and makes no speech.

Source states and tokens share one causal self-attention, as in a decoder-only language model. The arithmetic
is real, with random weights. A prompt has four tokens, and the source language is one of them. ``uncached``
computes the same without caches, batches or slots.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.errors import EngineError
from translate_svc.language_rule import NO_DETECTION
from translate_svc.models.alignment.alignment_file import SAFE_ALIGNMENT
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.models.decoded_step import Choose, StepFields, StepLogits
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.limits import ModelLimits
from translate_svc.models.log_mel import LogMelMemory
from translate_svc.models.machine.memory_estimate import MemoryEstimate
from translate_svc.models.machine.speed_estimate import SpeedEstimate
from translate_svc.models.placement import Placement
from translate_svc.models.reference import Reference
from translate_svc.models.registry import register
from translate_svc.models.runs import Runs
from translate_svc.models.slices import DeviceEvent, Passed, Slices
from translate_svc.types import FRAME_SAMPLES, EncoderSource, Stage

ARCHITECTURE = "ToyForSpeechToText"
VOCABULARY, HIDDEN, POSITIONS = 4_096, 16, 64
_START, _NO_LANGUAGE = 2, 1
_TO_END = 0.4
"""Each token makes the end so much more probable."""

register(ARCHITECTURE, f"{__name__}:ToyFamily")


class ToyTokenizer(FakeTokenizer):
    """As ``FakeTokenizer``, with a longer prompt."""

    def prompt(self, target_language: str, source_language: str | None = None) -> tuple[int, ...]:
        """``<s>``, the source language or ``<unk>``, the target language, ``</s>``."""
        source = _NO_LANGUAGE if source_language is None else self._languages[source_language]
        return _START, source, self._languages[target_language], self.eos_token_id


class ToyWeights:
    """One layer of random numbers, in float64: caching cannot change which token is the most probable."""

    def __init__(self) -> None:
        random = torch.Generator().manual_seed(0)

        def made(*shape: int) -> Tensor:
            numbers: Tensor = torch.randn(*shape, generator=random, dtype=torch.float64)
            return numbers / float(HIDDEN**0.5)

        self.embedding, self.positions = 2 * made(VOCABULARY, HIDDEN), made(POSITIONS, HIDDEN)
        self.output = made(VOCABULARY, HIDDEN)
        self.query, self.key, self.value = (scale * made(HIDDEN, HIDDEN) for scale in (0.3, 0.3, 8))
        self.output_bias = torch.full((VOCABULARY,), -1e9, dtype=torch.float64)
        tokenizer = ToyTokenizer()
        self.output_bias[[tokenizer.eos_token_id, *tokenizer.text_ids]] = 0.0
        self.eos = tokenizer.eos_token_id

    def source(self, source: EncoderSource) -> Tensor:
        """``[states, hidden]``: a state for each 32 ms of speech, or for each token of a text."""
        if isinstance(source, tuple):
            return self.embedding[list(source)]
        frames = -(-len(source) // FRAME_SAMPLES)
        padded = torch.from_numpy(np.pad(source, (0, frames * FRAME_SAMPLES - len(source)))).double()
        loudness = padded.view(frames, FRAME_SAMPLES).mean(dim=1, keepdim=True)
        return torch.sin(loudness * torch.arange(1, HIDDEN + 1))

    def tokens(self, token_ids: Sequence[int], start: int) -> Tensor:
        """``[n, hidden]``."""
        return self.embedding[list(token_ids)] + self.positions[start : start + len(token_ids)]

    def attend(self, inputs: Tensor, keys: Tensor, values: Tensor, first: int) -> Tensor:
        """Row ``i`` of ``inputs`` sees ``first + i + 1`` keys."""
        seen = torch.arange(len(keys)) <= first + torch.arange(len(inputs))[:, None]
        scores = (inputs @ self.query @ keys.T).masked_fill(~seen, float("-inf"))
        return inputs + scores.softmax(dim=-1) @ values

    def logits(self, states: Tensor, positions: Tensor) -> Tensor:
        """``[n, vocabulary]``."""
        made = states @ self.output.T + self.output_bias
        made[:, self.eos] += _TO_END * positions
        return made.float()


WEIGHTS = ToyWeights()


def uncached(source: EncoderSource, prompt: Sequence[int], most_tokens: int) -> tuple[int, ...]:
    """The greedy text of up to ``most_tokens`` tokens."""
    states, text = WEIGHTS.source(source), list[int]()
    while len(text) < most_tokens:
        fed = [*prompt, *text]
        inputs = torch.cat([states, WEIGHTS.tokens(fed, 0)])
        made = WEIGHTS.attend(inputs, inputs @ WEIGHTS.key, inputs @ WEIGHTS.value, 0)
        token_id = int(WEIGHTS.logits(made[-1:], torch.tensor([len(fed) - 1])).argmax())
        if token_id == WEIGHTS.eos:
            break
        text.append(token_id)
    return tuple(text)


class ToyModel:
    """Implements ``SpeechModel``, with keys and values of sources and tokens in the rows of one cache."""

    device = torch.device("cpu")
    vocabulary_size = VOCABULARY
    min_source_samples = 1
    speech = None
    detected_languages: tuple[str, ...] = ()

    def __init__(self, capabilities: Capabilities, limits: ModelLimits) -> None:
        limits.check(prompt_tokens=4, positions=POSITIONS)
        self.capabilities = capabilities
        states = max(limits.max_source_tokens, -(-limits.max_source_samples // FRAME_SAMPLES))
        columns = states + limits.max_slot_tokens
        self._rows = torch.full((limits.max_slots, 2, columns, HIDDEN), torch.nan, dtype=torch.float64)
        self._states = [0] * limits.max_slots

    def encode(
        self,
        sources: Sequence[EncoderSource],
        slots: Sequence[Sequence[int]],
        memories: Sequence[LogMelMemory | None] = (),
    ) -> Slices[list[int | EngineError]]:
        """A slice for each source."""
        encoded = []
        for source in sources:
            encoded.append(WEIGHTS.source(source))
            yield
        for states, owned in zip(encoded, slots, strict=True):
            for slot in owned:
                self._rows[slot] = torch.nan
                self._states[slot] = 0
                self._write(slot, 0, states)
                self._states[slot] = len(states)
        return [len(states) for states in encoded]

    def _write(self, slot: int, position: int, inputs: Tensor) -> int:
        """Returns how many columns are filled now."""
        first = self._states[slot] + position
        self._rows[slot, :, first : first + len(inputs)] = torch.stack(
            [inputs @ WEIGHTS.key, inputs @ WEIGHTS.value]
        )
        return first + len(inputs)

    def language_log_probabilities(self, slot: int) -> tuple[float, ...]:
        """It cannot tell languages."""
        return ()

    def source_states(self, slot: int) -> int:
        """Implements ``SpeechModel.source_states``."""
        return self._states[slot]

    def state_centre_ms(self, state: int) -> int:
        """Implements ``SpeechModel.state_centre_ms``."""
        return state * 32 + 16

    def decode(self, runs: Runs, fields: StepFields) -> StepLogits:
        """There is no attention over the source to show."""
        made = []
        for slot, start, token_ids in zip(runs.slots, runs.starts, runs.token_ids, strict=True):
            inputs = WEIGHTS.tokens(token_ids, start)
            end = self._write(slot, start, inputs)
            keys, values = self._rows[slot, :, :end]
            made.append(WEIGHTS.attend(inputs, keys, values, end - len(inputs)))
        places = list(zip(*runs.logit_positions(), strict=True))
        states = torch.stack([made[row][column] for row, column in places])
        ends = runs.ends()
        positions = torch.tensor([ends[row] + column for row, column in places])
        return StepLogits(WEIGHTS.logits(states, positions), torch.isfinite(states).all(dim=-1))

    def fork(self, slot: int, slots: Sequence[int]) -> None:
        """Implements ``SpeechModel.fork``."""
        for each in slots:
            self._rows[each], self._states[each] = self._rows[slot], self._states[slot]

    def reorder(self, slots: Sequence[int], parents: Sequence[int], tokens: int) -> None:
        """Implements ``SpeechModel.reorder``."""
        before = self._rows[list(parents)]
        for slot, rows in zip(slots, before, strict=True):
            end = self._states[slot] + tokens
            self._rows[slot, :, :end] = rows[:, :end]

    @property
    def graph_counts(self) -> dict[Stage, CaptureCount]:
        """Nothing is captured."""
        return {}

    def capture(self, capturer: GraphCapturer, choose: Choose) -> None:
        """Nothing is captured."""

    def record_event(self) -> DeviceEvent:
        """A CPU is never behind."""
        return Passed()

    def free_memory(self) -> None:
        """Nothing is kept."""


class ToyFamily:
    """Implements ``ModelFamily``."""

    vocabulary_size = VOCABULARY
    alignment = SAFE_ALIGNMENT
    context_units = 0
    language_detection = NO_DETECTION

    def __init__(self, path: Path) -> None:
        self.path = path
        self.capabilities = Capabilities(
            model_name=path.name,
            text_languages=("eng", "fra", "spa"),
            speech_languages=(),
            speaker_ids={},
            speaker_count=0,
            encoder_frame_ms=32,
            max_text_positions=POSITIONS,
            max_units=0,
        )

    def tokenizer(self) -> ToyTokenizer:
        """Implements ``ModelFamily.tokenizer``."""
        return ToyTokenizer()

    def check_features(self) -> None:
        """There are none."""

    def reference(self, placement: Placement) -> Reference:
        """transformers has no toys."""
        raise NotImplementedError

    def memory_estimate(self, limits: ModelLimits, placement: Placement) -> MemoryEstimate:
        """Implements ``ModelFamily.memory_estimate``."""
        slot = 2 * HIDDEN * (limits.max_source_tokens + limits.max_slot_tokens) * 8
        return MemoryEstimate(weights=1, caches=slot * limits.max_slots, graphs=0, work=1, slot=slot)

    def speed_estimate(self, placement: Placement, rows: int) -> SpeedEstimate:
        """Implements ``ModelFamily.speed_estimate``."""
        return SpeedEstimate(encode_s=0.0, step_s=0.0, rows=rows, speak_s=0.0)

    def load(self, limits: ModelLimits, placement: Placement) -> ToyModel:
        """Implements ``ModelFamily.load``."""
        return ToyModel(self.capabilities, limits)


def write_checkpoint(folder: Path) -> Path:
    """Writes the directory of a toy, whose weights are in this file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"architectures": [ARCHITECTURE]}), encoding="utf-8")
    return folder
