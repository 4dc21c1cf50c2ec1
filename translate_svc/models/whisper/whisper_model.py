"""The stages of one Whisper checkpoint, over one set of caches."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from translate_svc.errors import EngineError, InvalidArgument
from translate_svc.models.alignment.heads import AlignmentHeads
from translate_svc.models.checkpoint.kept_products import kept_products
from translate_svc.models.decoded_step import Choose
from translate_svc.models.decoder.decode_graphs import DecodeGraphs
from translate_svc.models.decoder.decoder_cache import DecoderCache
from translate_svc.models.decoder.slot_model import SlotModel
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.layers.attention_backends import choose_attention_backends
from translate_svc.models.limits import ModelLimits
from translate_svc.models.linear.packed_linear import prepare_alone
from translate_svc.models.log_mel import LogMelMemory
from translate_svc.models.machine.host_memory import keep_freed_memory, return_freed_memory
from translate_svc.models.precision import Precision
from translate_svc.models.runs import Runs
from translate_svc.models.slices import Slices
from translate_svc.models.speech_model import NOT_FINITE
from translate_svc.models.staging import to_device
from translate_svc.models.whisper.checkpoint import WhisperCheckpoint
from translate_svc.models.whisper.config import FRAMES_A_STATE, STATE_MS
from translate_svc.models.whisper.decoder import WhisperDecoder
from translate_svc.models.whisper.encoder import WhisperEncoder
from translate_svc.models.whisper.features import HOP_SAMPLES, WhisperFeatures
from translate_svc.models.whisper.tokenizer import MAX_PROMPT_TOKENS
from translate_svc.models.whisper.window import WHOLE_WINDOW, Window
from translate_svc.types import EncoderSource, Samples, Stage

_STATE_SAMPLES = HOP_SAMPLES * FRAMES_A_STATE

_log = logging.getLogger(__name__)


class WhisperModel(SlotModel):
    """Implements ``SpeechModel``. It writes text alone.

    Every source is encoded as a window, whose end is silence, and texts attend to all of it. What the
    engine is told of a source are the states that have audio.

    Args:
        checkpoint: a verified checkpoint; its weights are loaded here.
        limits: sizes of the caches.
        device: where to compute.
        precision: to compute in.
        alignment_heads: the heads that ``attention`` averages.
        window: how much of a source is encoded.

    Raises:
        CheckpointError: the weights are incomplete or do not fit the configuration.
        InvalidArgument: the checkpoint cannot hold a limit.
    """

    speech = None
    min_source_samples = HOP_SAMPLES

    def __init__(
        self,
        checkpoint: WhisperCheckpoint,
        limits: ModelLimits,
        *,
        device: torch.device,
        precision: Precision,
        alignment_heads: AlignmentHeads | None = None,
        window: Window = WHOLE_WINDOW,
    ) -> None:
        keep_freed_memory()
        choose_attention_backends(device)
        config = checkpoint.config
        limits.check(prompt_tokens=MAX_PROMPT_TOKENS, positions=config.max_target_positions, reads_text=False)
        window_samples = config.window_frames * HOP_SAMPLES
        if limits.max_source_samples > window_samples:
            message = f"must be at most {window_samples}, a window of this checkpoint"
            raise InvalidArgument(message, field="max_source_samples")
        layer = config.decoder_layers * 2 // 3
        heads = alignment_heads or AlignmentHeads.of_layer(layer, config)
        heads.check(config)
        self.config, self._dtype, self.window = config, precision.compute, window
        self.vocabulary_size, self.capabilities = config.vocab_size, checkpoint.capabilities()
        self.graph_counts: dict[Stage, CaptureCount] = {}
        self._generation = checkpoint.generation
        self._features = WhisperFeatures.from_pretrained(checkpoint.path, config.num_mel_bins).to(device)
        with torch.device("meta"):
            self.encoder = WhisperEncoder(config)
            decoder = WhisperDecoder(
                config,
                max_slot_tokens=limits.max_slot_tokens,
                alignment_layer=layer,
                alignment_heads=heads,
            )
        products = kept_products(checkpoint.path, precision)
        for module, prefix in ((self.encoder, "model.encoder."), (decoder, "model.decoder.")):
            checkpoint.weights.load(
                module, prefix, device=device, precision=precision, loaded=prepare_alone, products=products
            )
        cache = DecoderCache(
            config,
            max_slots=limits.max_slots,
            max_slot_tokens=limits.max_slot_tokens,
            max_encoder_frames=config.max_source_positions,
            device=device,
            dtype=precision.compute,
        )
        super().__init__(config, decoder, cache, device)
        self._heard_states = np.zeros(limits.max_slots, np.int64)
        if products:
            products.finish()
        return_freed_memory()

    def encode(
        self,
        sources: Sequence[EncoderSource],
        slots: Sequence[Sequence[int]],
        memories: Sequence[LogMelMemory | None] = (),
    ) -> Slices[list[int | EngineError]]:
        """Implements ``SpeechModel.encode``. A slice is a layer, or a part of the features.

        On a CPU sources are encoded one after the other: one window fills the kernels. An accelerator
        encodes them together.
        """
        on_cpu = self.device.type == "cpu"
        made: dict[int, Tensor | EngineError] = {}
        for frames, indices in self._batches(sources, alone=on_cpu):
            known = [memories[index] if memories and on_cpu else None for index in indices]
            states = yield from self._encode([sources[index] for index in indices], frames, known)
            made |= zip(indices, states, strict=True)
        encoded = [made[index] for index in range(len(sources))]
        self.write_sources(encoded, slots)
        heard = [-(-len(source) // _STATE_SAMPLES) for source in sources]
        for owned, count in zip(slots, heard, strict=True):
            self._heard_states[list(owned)] = count
        return [
            each if isinstance(each, EngineError) else count
            for each, count in zip(encoded, heard, strict=True)
        ]

    def _batches(self, sources: Sequence[EncoderSource], *, alone: bool) -> list[tuple[int, list[int]]]:
        """Sources with windows of one length, or each ``alone``: the frames, and the sources' indices."""
        whole = self.config.window_frames
        frames = [self.window.frames(-(-len(source) // HOP_SAMPLES), whole) for source in sources]
        if alone:
            return [(each, [index]) for index, each in enumerate(frames)]
        by_frames: dict[int, list[int]] = {}
        for index, each in enumerate(frames):
            by_frames.setdefault(each, []).append(index)
        return list(by_frames.items())

    def _encode(
        self, sources: Sequence[EncoderSource], frames: int, memories: Sequence[LogMelMemory | None]
    ) -> Slices[list[Tensor | EngineError]]:
        features: list[Tensor] = []
        for source, memory in zip(sources, memories, strict=True):
            assert isinstance(source, np.ndarray), "the engine takes no text: see ``Capabilities``"
            made = yield from self._features.slices(self._waveform(source), frames, memory)
            features.append(made)
        states = yield from self.encoder.slices(torch.stack(features).to(self._dtype))
        finite = torch.isfinite(states).flatten(1).all(dim=1)
        if self.device.type != "cpu":
            yield  # what follows waits for the device
        return [
            each if good else EngineError(NOT_FINITE)
            for each, good in zip(states, finite.tolist(), strict=True)
        ]

    def _waveform(self, source: Samples) -> Tensor:
        # torch only accepts writable arrays; audio from the network is read-only
        return to_device(torch.from_numpy(np.require(source, np.float32, ["C", "W"])), self.device)

    def source_states(self, slot: int) -> int:
        """The states that have audio."""
        return int(self._heard_states[slot])

    @property
    def detected_languages(self) -> tuple[str, ...]:
        """Implements ``SpeechModel.detected_languages``."""
        return self._generation.language_detection.languages

    def language_log_probabilities(self, slot: int) -> tuple[float, ...]:
        """Implements ``SpeechModel.language_log_probabilities``: of the tokens that may follow
        ``<|startoftranscript|>``, as in ``detect_language`` of OpenAI's package. There is none for any other
        language. The slot's prompt is fed over that token.
        """
        logits = self.decode(Runs.steps([slot], [0], [self._generation.start])).logits[0]
        ids = list(self._generation.languages.values())
        return (*torch.log_softmax(logits[ids].double(), dim=0).tolist(), -math.inf)

    def state_centre_ms(self, state: int) -> int:
        """Implements ``SpeechModel.state_centre_ms``."""
        return state * STATE_MS + STATE_MS // 2

    def fork(self, slot: int, slots: Sequence[int]) -> None:
        """Implements ``SpeechModel.fork``."""
        super().fork(slot, slots)
        self._heard_states[list(slots)] = self._heard_states[slot]

    def capture(self, capturer: GraphCapturer, choose: Choose) -> DecodeGraphs:
        """Implements ``SpeechModel.capture``. The encoder has large kernels, which need no graph."""
        count = CaptureCount()
        with torch.inference_mode():
            steps = DecodeGraphs(self.decoder, self.cache, capturer, choose, count)
        self.graph_counts = {Stage.DECODE: count}
        level = logging.WARNING if count.refused else logging.INFO
        _log.log(level, "graphs of decode: %d captured, %d refused", count.captured, count.refused)
        return steps
