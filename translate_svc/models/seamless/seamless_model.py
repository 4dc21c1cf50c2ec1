"""The stages of one SeamlessM4T v2 checkpoint, over one set of caches."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch

from translate_svc.errors import EngineError, InvalidArgument
from translate_svc.language_rule import LanguageRule
from translate_svc.models.alignment.heads import AlignmentHeads
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.decoded_step import Choose
from translate_svc.models.decoder.decode_graphs import DecodeGraphs
from translate_svc.models.decoder.decoder_cache import DecoderCache
from translate_svc.models.decoder.slot_model import SlotModel
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.layers.attention_backends import choose_attention_backends
from translate_svc.models.limits import ModelLimits
from translate_svc.models.log_mel import LogMelMemory
from translate_svc.models.machine.host_memory import keep_freed_memory, return_freed_memory
from translate_svc.models.precision import Precision
from translate_svc.models.seamless.decoder.text_decoder import TextDecoder
from translate_svc.models.seamless.encoder.source_encoder import SourceEncoder
from translate_svc.models.seamless.encoder.speech_encoder import frame_centre_ms
from translate_svc.models.seamless.language_states import LanguageStates
from translate_svc.models.seamless.speech import SeamlessSpeech
from translate_svc.models.seamless.tokenizer import PROMPT_TOKENS
from translate_svc.models.slices import Slices
from translate_svc.types import EncoderSource, Stage

_log = logging.getLogger(__name__)


class SeamlessModel(SlotModel):
    """Implements ``SpeechModel``.

    Args:
        checkpoint: a verified checkpoint; its weights are loaded here.
        limits: sizes of the caches.
        device: where to compute.
        precision: of encoders, decoder and text-to-unit; for convolutions see ``convolution_precision``.
        alignment_layer: decoder layer whose cross-attention determines ``source_frames``; by default the one
            at two thirds of the stack.
        alignment_heads: the heads that ``attention`` averages; by default all heads of ``alignment_layer``.
        language_rule: tells which language is spoken; by default none does.

    Attributes:
        speech: text-to-unit and vocoder.
        capabilities: languages, voices and limits.
        encoder: the loaded encoders.
        decoder: the loaded text decoder.
        cache: what the decoder keeps of its rows.
        language_states: what is kept of the encoder's states to tell the spoken language.
        graph_counts: by stage, how many CUDA graphs were captured. Empty before ``capture``.

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
        precision: Precision,
        alignment_layer: int | None = None,
        alignment_heads: AlignmentHeads | None = None,
        language_rule: LanguageRule | None = None,
    ) -> None:
        keep_freed_memory()
        choose_attention_backends(device)
        config = checkpoint.config
        limits.check(prompt_tokens=PROMPT_TOKENS, positions=config.max_position_embeddings)
        layer = config.decoder_layers * 2 // 3 if alignment_layer is None else alignment_layer
        if not 0 <= layer < config.decoder_layers:
            raise InvalidArgument(f"must lie in [0, {config.decoder_layers})", field="alignment_layer")
        heads = alignment_heads or AlignmentHeads.of_layer(layer, config)
        heads.check(config)
        self.config = config
        self.language_states, self._language_rule = LanguageStates(), language_rule
        self._max_source_samples = limits.max_source_samples
        self.graph_counts: dict[Stage, CaptureCount] = {}
        self.vocabulary_size, self.capabilities = config.vocab_size, checkpoint.capabilities()
        with torch.device("meta"):
            decoder = TextDecoder(
                config,
                max_slot_tokens=limits.max_slot_tokens,
                alignment_layer=layer,
                alignment_heads=heads,
            )
        products = checkpoint.products(precision)
        checkpoint.load(decoder, "text_decoder.", device=device, precision=precision, products=products)
        self.encoder = SourceEncoder(
            checkpoint,
            decoder.embed,
            max_source_tokens=limits.max_source_tokens,
            device=device,
            precision=precision,
            products=products,
        )
        cache = DecoderCache(
            config,
            max_slots=limits.max_slots,
            max_slot_tokens=limits.max_slot_tokens,
            max_encoder_frames=self.encoder.max_states(limits.max_source_samples),
            device=device,
            dtype=precision.compute,
        )
        super().__init__(config, decoder, cache, device)
        self.speech = SeamlessSpeech(
            checkpoint, cache.states, device=device, precision=precision, products=products
        )
        if products:
            products.finish()
        return_freed_memory()

    @property
    def min_source_samples(self) -> int:
        """Implements ``SpeechModel.min_source_samples``."""
        return self.encoder.min_source_samples

    def encode(
        self,
        sources: Sequence[EncoderSource],
        slots: Sequence[Sequence[int]],
        memories: Sequence[LogMelMemory | None] = (),
    ) -> Slices[list[int | EngineError]]:
        """Implements ``SpeechModel.encode``. ``memories``: see ``SourceEncoder.encode``."""
        encoded = yield from self.encoder.encode(sources, memories)
        self.write_sources(encoded, slots)
        for source, states, owned in zip(sources, encoded, slots, strict=True):
            if isinstance(source, np.ndarray) and not isinstance(states, EngineError):
                self.language_states.note(states, owned)
        return [each if isinstance(each, EngineError) else len(each) for each in encoded]

    @property
    def detected_languages(self) -> tuple[str, ...]:
        """Implements ``SpeechModel.detected_languages``."""
        return () if self._language_rule is None else self._language_rule.detection.languages

    def language_log_probabilities(self, slot: int) -> tuple[float, ...]:
        """Implements ``SpeechModel.language_log_probabilities``."""
        assert self._language_rule is not None, "only where languages can be told"
        return self._language_rule.log_probabilities(*self.language_states.of_slot(slot))

    def state_centre_ms(self, state: int) -> int:
        """Implements ``SpeechModel.state_centre_ms``."""
        return frame_centre_ms(state, self.config)

    def capture(self, capturer: GraphCapturer, choose: Choose) -> DecodeGraphs:
        """Implements ``SpeechModel.capture``."""
        counts = {stage: CaptureCount() for stage in Stage}
        with torch.inference_mode():
            steps = DecodeGraphs(self.decoder, self.cache, capturer, choose, counts[Stage.DECODE])
            self.encoder.capture(self._max_source_samples, capturer, counts[Stage.ENCODE])
            self.speech.texts.capture(capturer, counts[Stage.TEXT_TO_UNIT])
            self.speech.pieces.capture(capturer, counts[Stage.VOCODE])
        self.graph_counts = counts
        for stage, count in counts.items():
            level = logging.WARNING if count.refused else logging.INFO
            _log.log(
                level, "graphs of %s: %d captured, %d refused", stage.value, count.captured, count.refused
            )
        return steps
