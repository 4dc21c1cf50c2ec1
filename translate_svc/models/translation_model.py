"""The four stages over one checkpoint: tensors and batches in one place, plain data at its edges.

Every method takes a batch and gives one outcome per item, in order: what was computed, or an ``EngineError``
for an item that is not finite or exceeds a limit. Items of one batch never change each other's results.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translate_svc.errors import EngineError
from translate_svc.models.characters import CharacterSequence
from translate_svc.models.checkpoint import Checkpoint
from translate_svc.models.cuda_graphs import Recorder
from translate_svc.models.decoder_cache import DecoderCache, Fed
from translate_svc.models.host_memory import keep_freed_memory
from translate_svc.models.limits import ModelLimits, check_limits
from translate_svc.models.piece_vocoder import Piece, PieceVocoder
from translate_svc.models.product import prepare
from translate_svc.models.recorded_steps import RecordedSteps
from translate_svc.models.slices import Slices
from translate_svc.models.source_encoder import NOT_FINITE, SourceEncoder
from translate_svc.models.speech_encoder import frame_centre_ms
from translate_svc.models.t2u import TextBatch, TextToUnit
from translate_svc.models.text_decoder import NO_FRAME, DecodedStep, TextDecoder
from translate_svc.models.vocoder import Vocoder
from translate_svc.types import EncoderSource, Samples

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenPrediction:
    """Most probable next token, its natural log-probability, and its place in the source when asked for."""

    token_id: int
    log_probability: float
    source_ms: int | None


@dataclass(frozen=True, slots=True)
class Text:
    """A finished text: ``</s>``, language, tokens, all fed to ``slot``."""

    slot: int
    token_ids: Sequence[int]
    duration_factor: float


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """Vocoder units of a text, and how many each character got."""

    units: npt.NDArray[np.int64]
    character_durations: tuple[int, ...]


class TranslationModel:
    """Weights, caches and the four stages. Not thread-safe.

    Args:
        checkpoint: a verified checkpoint; its weights are loaded here.
        limits: sizes of the caches.
        device: where to compute.
        dtype: of encoders, decoder and text-to-unit; the vocoder always computes in float32.
        alignment_layer: decoder layer whose cross-attention tells ``source_ms``.
        record: records the work of fixed shapes here, which takes seconds; None: nothing is recorded.

    Raises:
        CheckpointError: the weights are torn or do not fit the configuration.
        InvalidArgument: a limit that the checkpoint cannot hold.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        limits: ModelLimits,
        *,
        device: torch.device,
        dtype: torch.dtype,
        alignment_layer: int,
        record: Recorder | None = None,
    ) -> None:
        keep_freed_memory()
        config = checkpoint.config
        check_limits(config, limits, alignment_layer)
        self.config = config
        self.limits = limits
        self._device = device
        self._characters = checkpoint.character_table()
        with torch.device("meta"):
            self._decoder = TextDecoder(config, max_tokens=limits.max_tokens, alignment_layer=alignment_layer)
            self._text_to_unit = TextToUnit(config)
            self._vocoder = Vocoder(config)
        for module, prefix, kind in (
            (self._decoder, "text_decoder.", dtype),
            (self._text_to_unit, "t2u_model.", dtype),
            (self._vocoder, "vocoder.", torch.float32),
        ):
            checkpoint.load(module, prefix, device=device, dtype=kind)
            prepare(module)
        self._encoder = SourceEncoder(
            checkpoint,
            self._decoder.embed,
            max_source_tokens=limits.max_source_tokens,
            device=device,
            dtype=dtype,
        )
        self._cache = DecoderCache(
            config,
            slots=limits.slots,
            max_tokens=limits.max_tokens,
            max_encoder_frames=self._encoder.max_states(limits.max_source_samples),
            device=device,
            dtype=dtype,
        )
        self._pieces = PieceVocoder(self._vocoder, device)
        self._recorded: RecordedSteps | None = None
        if record is not None:
            self._record(record)

    @property
    def min_source_samples(self) -> int:
        """The shortest waveform that can be encoded."""
        return self._encoder.min_source_samples

    def synchronize(self) -> None:
        """Waits until the device has computed all that it was given."""
        if self._device.type != "cpu":
            torch.accelerator.synchronize(self._device)

    def encode(
        self, sources: Sequence[EncoderSource], slots: Sequence[Sequence[int]]
    ) -> Slices[list[int | EngineError]]:
        """Encodes sources and gives ``slots[i]`` source ``i`` to attend to. Outcome: encoder states.

        The slots are written after the last slice, and not at all where the slices are given up.
        """
        outcomes: list[int | EngineError] = []
        encoded = yield from self._encoder.encode(sources)
        for states, owned in zip(encoded, slots, strict=True):
            if isinstance(states, EngineError):
                outcomes.append(states)
            else:
                self._decoder.write_source(self._cache, owned, states)
                outcomes.append(states.shape[0])
        return outcomes

    def decode(
        self,
        slots: Sequence[int],
        positions: Sequence[int],
        token_ids: Sequence[int],
        *,
        align: Sequence[bool],
    ) -> list[TokenPrediction | EngineError]:
        """Feeds one token to each of some distinct slots."""
        step = self._step(Fed(slots, positions, token_ids), align=any(align))
        frames = [None] * len(slots) if step.source_frames is None else step.source_frames.tolist()
        outcomes: list[TokenPrediction | EngineError] = []
        for token_id, log_probability, finite, frame, asked in zip(
            step.token_ids.tolist(),
            step.log_probabilities.tolist(),
            step.finite.tolist(),
            frames,
            align,
            strict=True,
        ):
            placed = asked and frame is not None and frame != NO_FRAME
            source_ms = frame_centre_ms(frame, self.config) if placed else None
            prediction = TokenPrediction(token_id, log_probability, source_ms)
            outcomes.append(prediction if finite else EngineError(NOT_FINITE))
        return outcomes

    def text_to_unit(self, texts: Sequence[Text]) -> list[Speech | EngineError]:
        """Units of finished texts. A text without a character gives no units."""
        characters = [self._characters.characters(text.token_ids) for text in texts]
        outcomes: list[Speech | EngineError | None] = [None] * len(texts)
        for index, sequence in enumerate(characters):
            if not sequence.character_ids:
                outcomes[index] = Speech(np.empty(0, np.int64), ())
            elif len(sequence.character_ids) > self._text_to_unit.max_units:
                outcomes[index] = self._too_long("characters")
        spoken = [index for index, outcome in enumerate(outcomes) if outcome is None]
        if spoken:
            batch = self._text_batch([texts[i] for i in spoken], [characters[i] for i in spoken])
            for index, speech in zip(spoken, self._speak(batch), strict=True):
                outcomes[index] = speech
        return [outcome for outcome in outcomes if outcome is not None]

    def vocode(self, pieces: Sequence[Piece]) -> list[Samples | EngineError]:
        """Waveforms of pieces."""
        return self._pieces.waveforms(pieces)

    def _record(self, record: Recorder) -> None:
        """A stage that cannot be recorded is as right as it was: that is a warning."""
        for stage, recording in (("decode", self._record_steps), ("vocode", self._pieces.record)):
            try:
                with torch.inference_mode():
                    recording(record)
            except RuntimeError as error:
                _log.warning("%s is slower, for it could not be recorded: %s", stage, error)

    def _record_steps(self, record: Recorder) -> None:
        self._recorded = RecordedSteps(self._decoder, self._cache, record)

    def _step(self, fed: Fed, *, align: bool) -> DecodedStep:
        """On the host."""
        if self._recorded is not None:
            return self._recorded.step(fed)
        step = self._decoder.step(self._cache, fed, align=align)
        return step if self._device.type == "cpu" else DecodedStep.unpacked(step.packed().cpu())

    def _text_batch(self, texts: Sequence[Text], characters: Sequence[CharacterSequence]) -> TextBatch:
        lengths = [len(text.token_ids) for text in texts]
        states = self._cache.states[self._index([text.slot for text in texts]), : max(lengths)]
        return TextBatch(
            states=states,
            lengths=self._index(lengths),
            character_ids=self._rows([sequence.character_ids for sequence in characters]),
            counts=self._rows([sequence.counts_per_token for sequence in characters]),
            duration_factors=torch.tensor([text.duration_factor for text in texts], device=self._device),
        )

    def _speak(self, batch: TextBatch) -> list[Speech | EngineError]:
        characters = self._text_to_unit.characters(batch)
        totals = characters.durations.sum(dim=1).tolist()
        finite = characters.finite.tolist()
        outcomes: list[Speech | EngineError] = []
        for total, row_finite in zip(totals, finite, strict=True):
            short = total <= self._text_to_unit.max_units
            outcomes.append(self._too_long("units") if row_finite and not short else EngineError(NOT_FINITE))
        rows = [i for i, total in enumerate(totals) if finite[i] and total <= self._text_to_unit.max_units]
        if not rows:
            return outcomes
        made = self._text_to_unit.units(characters.rows(self._index(rows)))
        units, lengths = made.units.cpu().numpy(), made.lengths.tolist()
        durations, counts = characters.durations.tolist(), characters.lengths.tolist()
        for place, (row, good) in enumerate(zip(rows, made.finite.tolist(), strict=True)):
            if good:
                spread = tuple(durations[row][: counts[row]])
                outcomes[row] = Speech(units[place, : lengths[place]].copy(), spread)
        return outcomes

    def _too_long(self, what: str) -> EngineError:
        return EngineError(f"the text has more than {self._text_to_unit.max_units} {what}")

    def _index(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self._device)

    def _rows(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Ragged rows, right-padded with zero: ``[B, longest]`` int64."""
        longest = max(len(row) for row in rows)
        padded = [[*row, *(0,) * (longest - len(row))] for row in rows]
        return torch.tensor(padded, dtype=torch.int64, device=self._device)
