"""The four stages of one checkpoint. Tensors and batches stay inside; callers pass and get plain data.

Every method takes a batch and gives one outcome per item, in order: the result, or an ``EngineError`` for an
item that is not finite or exceeds a limit. Items of one batch never change each other's results.

It is longer than most files: the four stages share one checkpoint and its limits.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from translate_svc.errors import EngineError
from translate_svc.models.alignment.heads import AlignmentHeads, HeadAttention
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.host_memory import keep_freed_memory
from translate_svc.models.limits import ModelLimits, check_limits
from translate_svc.models.log_mel import LogMelMemory
from translate_svc.models.packed_linear import prepare
from translate_svc.models.seamless.decoder.decode_graphs import DecodeGraphs
from translate_svc.models.seamless.decoder.decoded_step import DecodedStep, StepFields
from translate_svc.models.seamless.decoder.decoder_cache import DecodeInput, DecoderCache, Runs
from translate_svc.models.seamless.decoder.speculative import accepted_runs
from translate_svc.models.seamless.decoder.text_decoder import NO_FRAME, TextDecoder
from translate_svc.models.seamless.encoder.source_encoder import NOT_FINITE, SourceEncoder
from translate_svc.models.seamless.encoder.speech_encoder import frame_centre_ms
from translate_svc.models.seamless.t2u.t2u import TextToUnit
from translate_svc.models.seamless.t2u.t2u_runner import SpeechUnits, T2uInput, T2uRunner
from translate_svc.models.seamless.vocoder.piecewise_vocoder import PiecewiseVocoder, VocoderInput
from translate_svc.models.seamless.vocoder.vocoder import Vocoder
from translate_svc.models.slices import Slices
from translate_svc.types import EncoderSource, Samples, Stage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class TokenPrediction:
    """The prediction after a run of ``n`` known tokens.

    Attributes:
        token_id: the most probable token after the run.
        log_probability: its natural log-probability.
        source_ms: if requested, the source position that the last token of the run comes from. None if no
            frame stands out.
        attention: if requested, the mean attention of the alignment heads over the source's states, for each
            token of the run: ``[n, states]``. Every row sums to 1.
        accepted: the log-probabilities of the accepted tokens that were right; these are part of the run.
    """

    token_id: int
    log_probability: float
    source_ms: int | None = None
    attention: NDArray[np.float32] | None = None
    accepted: tuple[float, ...] = ()


class TranslationModel:
    """Weights, caches and the four stages. Not thread-safe.

    Args:
        checkpoint: a verified checkpoint; its weights are loaded here.
        limits: sizes of the caches.
        device: where to compute.
        dtype: of encoders, decoder and text-to-unit; the vocoder always computes in float32.
        alignment_layer: decoder layer whose cross-attention determines ``source_ms``.
        alignment_heads: the heads that ``attention`` averages; by default all heads of ``alignment_layer``.
        continuing_tokens: the tokens that lengthen the word before them; see ``prefill``.
        capturer: captures CUDA graphs of the work with fixed shapes, which takes seconds. None: no capture.

    Raises:
        CheckpointError: the weights are incomplete or do not fit the configuration.
        InvalidArgument: the checkpoint cannot hold a limit.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        limits: ModelLimits,
        *,
        device: torch.device,
        dtype: torch.dtype,
        alignment_layer: int,
        alignment_heads: AlignmentHeads | None = None,
        continuing_tokens: Sequence[int] = (),
        capturer: GraphCapturer | None = None,
    ) -> None:
        keep_freed_memory()
        config = checkpoint.config
        check_limits(config, limits, alignment_layer)
        self.config = config
        self.alignment_heads = alignment_heads or AlignmentHeads.of_layer(alignment_layer, config)
        self.alignment_heads.check(config)
        self._device = device
        with torch.device("meta"):
            self._decoder = TextDecoder(
                config,
                max_slot_tokens=limits.max_slot_tokens,
                alignment_layer=alignment_layer,
                alignment_heads=self.alignment_heads,
                continuing_tokens=continuing_tokens,
            )
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
            max_slots=limits.max_slots,
            max_slot_tokens=limits.max_slot_tokens,
            max_encoder_frames=self._encoder.max_states(limits.max_source_samples),
            device=device,
            dtype=dtype,
        )
        self._texts = T2uRunner(self._text_to_unit, self._cache.states, checkpoint.character_table())
        self._pieces = PiecewiseVocoder(self._vocoder, device)
        self._captured: DecodeGraphs | None = None
        if capturer is not None:
            self._capture(capturer)

    @property
    def min_source_samples(self) -> int:
        """Samples in the shortest waveform that can be encoded."""
        return self._encoder.min_source_samples

    def synchronize(self) -> None:
        """Waits until the device has finished all its work."""
        if self._device.type != "cpu":
            torch.accelerator.synchronize(self._device)

    def free_memory(self) -> None:
        """Gives back what the device's allocator keeps for later tensors. Frees no tensor that is in use."""
        gc.collect()
        if self._device.type != "cpu":
            torch.accelerator.empty_cache()

    def encode(
        self,
        sources: Sequence[EncoderSource],
        slots: Sequence[Sequence[int]],
        memories: Sequence[LogMelMemory | None] = (),
    ) -> Slices[list[int | EngineError]]:
        """Encodes sources, so that ``slots[i]`` attend to source ``i``. Outcome: number of encoder states.

        ``memories``: see ``SourceEncoder.encode``.

        Writes the slots after the last slice, and clears their tokens. If the caller abandons the slices, the
        slots stay unchanged.
        """
        outcomes: list[int | EngineError] = []
        encoded = yield from self._encoder.encode(sources, memories)
        for states, owned in zip(encoded, slots, strict=True):
            if isinstance(states, EngineError):
                outcomes.append(states)
            else:
                self._cache.clear_tokens(owned)
                self._decoder.write_source(self._cache, owned, states)
                outcomes.append(states.shape[0])
        return outcomes

    def decode(
        self,
        slots: Sequence[int],
        positions: Sequence[int],
        token_ids: Sequence[int],
        *,
        return_source_ms: Sequence[bool],
        return_attention: Sequence[bool] | None = None,
    ) -> list[TokenPrediction | EngineError]:
        """Feeds one token to each of several distinct slots.

        ``return_source_ms`` and ``return_attention`` say for each slot whether its ``TokenPrediction`` has
        that field; None: for no slot.
        """
        return_attention = return_attention or [False] * len(slots)
        optional = StepFields(any(return_source_ms), any(return_attention))
        step = self._step(DecodeInput(slots, positions, token_ids), optional)
        return self._predictions(step, slots, [1] * len(slots), return_source_ms, return_attention)

    def prefill(
        self,
        slots: Sequence[int],
        starts: Sequence[int],
        token_ids: Sequence[Sequence[int]],
        *,
        return_source_ms: Sequence[bool],
        return_attention: Sequence[bool],
        speculative: Sequence[Sequence[int]] | None = None,
        suppress_continuation: Sequence[bool] = (),
        scored: Sequence[bool] = (),
    ) -> list[TokenPrediction | EngineError]:
        """Feeds a run of known tokens to each of several distinct slots, from position ``starts[i]`` on, in
        one pass. The result is the same as with ``decode`` token by token. ``return_source_ms`` and
        ``return_attention`` mean the same as there.

        ``speculative[i]`` is fed after the run. The prediction is that after the run and those first tokens
        of it that ``decode`` would have predicted as well. The others are as if they had not
        been fed. Where ``suppress_continuation[i]``, the token after the run itself is none of
        ``continuing_tokens``. Where ``scored[i]``, ``accepted`` has the log-probabilities of all of
        ``speculative[i]``, and the prediction is that after them.
        """
        speculative = [()] * len(slots) if speculative is None else speculative
        fed = [(*run, *proposed) for run, proposed in zip(token_ids, speculative, strict=True)]
        runs = Runs(slots, starts, fed, [len(proposed) for proposed in speculative])
        optional = StepFields(any(return_source_ms), any(return_attention))
        made = self._decoder.prefill(
            self._cache, runs, optional, suppress_continuation=suppress_continuation, scored=scored
        )
        step = made.on_host()
        outcomes: list[TokenPrediction | EngineError] = []
        for row, checked in enumerate(accepted_runs(step, token_ids, speculative)):
            (outcome,) = self._predictions(
                checked.step, [slots[row]], [checked.tokens], [return_source_ms[row]], [return_attention[row]]
            )
            if not isinstance(outcome, EngineError):
                outcome = replace(outcome, accepted=checked.accepted)
            outcomes.append(outcome)
        return outcomes

    def _predictions(
        self,
        step: DecodedStep,
        slots: Sequence[int],
        lengths: Sequence[int],
        return_source_ms: Sequence[bool],
        return_attention: Sequence[bool],
    ) -> list[TokenPrediction | EngineError]:
        frames = [None] * len(slots) if step.source_frames is None else step.source_frames[:, -1].tolist()
        outcomes: list[TokenPrediction | EngineError] = []
        for row, (token_id, log_probability, finite, frame) in enumerate(
            zip(
                step.token_ids.tolist(),
                step.log_probabilities.tolist(),
                step.finite.tolist(),
                frames,
                strict=True,
            )
        ):
            placed = return_source_ms[row] and frame is not None and frame != NO_FRAME
            source_ms = frame_centre_ms(frame, self.config) if placed else None
            attends = return_attention[row]
            attention = self._attention(step, row, slots[row], lengths[row]) if attends else None
            prediction = TokenPrediction(token_id, log_probability, source_ms, attention)
            outcomes.append(prediction if finite else EngineError(NOT_FINITE))
        return outcomes

    def head_attention(self, slot: int, token_ids: Sequence[int]) -> NDArray[np.float32]:
        """Feeds tokens from position 0 on. Returns the attention of every head of every layer over the
        source's states: ``[layers, heads, tokens, states]``. Calibration uses it.
        """
        heads = HeadAttention(AlignmentHeads.all(self.config)).to(self._device)
        made = self._decoder.attend(self._cache, Runs([slot], [0], [token_ids]), heads)[:, 0]
        layers, states = self.config.decoder_layers, self._cache.source_lengths[slot]
        return made[:, :, :states].cpu().numpy().reshape(layers, -1, len(token_ids), states)

    def text_to_unit(self, texts: Sequence[T2uInput]) -> list[SpeechUnits | EngineError]:
        """The units of each finished text."""
        return self._texts.speeches(texts)

    def vocode(self, pieces: Sequence[VocoderInput]) -> list[Samples | EngineError]:
        """The waveform of each piece."""
        return self._pieces.waveforms(pieces)

    def _capture(self, capturer: GraphCapturer) -> None:
        """Captures the CUDA graphs of each stage. A stage without them still gives correct results, so a
        failed capture only logs a warning.
        """
        for stage, capture in (
            (Stage.DECODE, self._capture_steps),
            (Stage.TEXT_TO_UNIT, self._texts.capture),
            (Stage.VOCODE, self._pieces.capture),
        ):
            try:
                with torch.inference_mode():
                    capture(capturer)
            except RuntimeError as error:
                _log.warning("%s is slower because it could not be captured: %s", stage.value, error)

    def _capture_steps(self, capturer: GraphCapturer) -> None:
        self._captured = DecodeGraphs(self._decoder, self._cache, capturer)

    def _step(self, fed: DecodeInput, optional: StepFields) -> DecodedStep:
        """One decode step, with its results on the host. A captured one has all optional fields."""
        if self._captured is not None:
            return self._captured.step(fed)
        return self._decoder.step(self._cache, fed, optional).on_host()

    def _attention(self, step: DecodedStep, row: int, slot: int, tokens: int) -> NDArray[np.float32]:
        """Attention ``[tokens, states]`` of one row's last tokens, only over the states of its source."""
        assert step.attention is not None
        rows = step.attention[row, -tokens:, : self._cache.source_lengths[slot]]
        return np.array(rows.numpy(), np.float32)
