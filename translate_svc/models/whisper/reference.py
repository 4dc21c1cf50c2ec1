"""transformers' own Whisper: the reference that the tests and the self-test compare with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor
from transformers.generation import logits_process
from transformers.generation.utils import GenerationMixin

from translate_svc.models.placement import Placement
from translate_svc.models.reference import ReferenceTranslation, likeliest
from translate_svc.models.whisper.description import WhisperDescription
from translate_svc.models.whisper.tokenizer import WhisperTokenizer
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, EncoderSource, Samples


class WhisperReference:
    """``GenerationMixin.generate``, which Whisper's own ``generate`` calls for each window, with the prompt
    and the processors of logits that this gives it. Whisper's goes on after the last timestamp of a window;
    here and in the engine a window is one utterance.

    Args:
        folder: a checkpoint directory.
        placement: the device and the precision. Weights are loaded directly to the device.
    """

    def __init__(self, folder: Path, placement: Placement) -> None:
        self.model: Any = transformers.WhisperForConditionalGeneration.from_pretrained(
            folder, dtype=placement.precision.compute
        )
        self.model = self.model.to(placement.device).eval()
        self._features: Any = transformers.WhisperFeatureExtractor.from_pretrained(folder)
        self._tokenizer = WhisperTokenizer.from_pretrained(folder, WhisperDescription.read(folder).generation)

    def features(self, samples: Samples) -> Tensor:
        """``[1, mel_bins, frames]`` of 16 kHz samples."""
        made = self._features(samples, sampling_rate=INTERNAL_SAMPLE_RATE_HZ, return_tensors="pt")
        features: Tensor = made.input_features.to(self.model.device, self.model.dtype)
        return features

    def translate(
        self,
        source: EncoderSource,
        language: str,
        speaker_id: int | None,
        *,
        max_new_tokens: int,
        source_language: str | None = None,
    ) -> ReferenceTranslation:
        """Implements ``models.reference.Reference``."""
        assert isinstance(source, np.ndarray), "Whisper reads no text"
        began_s = time.perf_counter()
        made = self.generate(source, language, source_language, max_new_tokens=max_new_tokens)
        candidates = tuple(
            likeliest(logits[0], scores[0]) for logits, scores in zip(made.logits, made.scores, strict=True)
        )
        text, finished = self.text_of(made.sequences[0].tolist()[-len(candidates) :])
        nothing = np.empty(0, np.int64), np.empty(0, np.float32)
        return ReferenceTranslation(text, finished, candidates, *nothing, time.perf_counter() - began_s)

    def text_of(self, generated: list[int]) -> tuple[tuple[int, ...], bool]:
        """What was generated without the end, and whether it has ended."""
        end = self._tokenizer.eos_token_id
        return (
            (tuple(generated[: generated.index(end)]), True)
            if end in generated
            else (tuple(generated), False)
        )

    @torch.inference_mode()
    def generate(
        self,
        samples: Samples,
        language: str,
        source_language: str | None,
        *,
        max_new_tokens: int,
        num_beams: int = 1,
        timestamps: bool = False,
    ) -> Any:
        """What transformers returns, with the logits of each step, and its scores: logits after its rules."""
        prompt = self._tokenizer.prompt(language, source_language)[: -1 if timestamps else None]
        known = self.model.generation_config
        config = transformers.GenerationConfig(
            num_beams=num_beams,
            do_sample=False,
            max_new_tokens=max_new_tokens,
            eos_token_id=known.eos_token_id,
            pad_token_id=known.pad_token_id,
            decoder_start_token_id=known.decoder_start_token_id,
            return_dict_in_generate=True,
            output_logits=True,
            output_scores=True,
        )
        return GenerationMixin.generate(
            self.model,
            input_features=self.features(samples),
            decoder_input_ids=torch.tensor([prompt], device=self.model.device),
            generation_config=config,
            logits_processor=self._processors(len(prompt), timestamps=timestamps),
        )

    def _processors(self, prompt_tokens: int, *, timestamps: bool) -> Any:
        known = self.model.generation_config
        made = transformers.LogitsProcessorList()
        if known.suppress_tokens:
            made.append(logits_process.SuppressTokensLogitsProcessor(known.suppress_tokens))
        if known.begin_suppress_tokens:
            first = known.begin_suppress_tokens
            made.append(logits_process.SuppressTokensAtBeginLogitsProcessor(first, prompt_tokens))
        if timestamps:
            made.append(logits_process.WhisperTimeStampLogitsProcessor(known, prompt_tokens))
        return made
