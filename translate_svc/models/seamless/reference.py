"""transformers' own SeamlessM4T v2: the reference that the tests and the self-test compare with."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from translate_svc.models.placement import Placement
from translate_svc.models.reference import ReferenceTranslation, likeliest
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, EncoderSource


class Reference:
    """``SeamlessM4Tv2Model.generate``, greedy, one source at a time.

    transformers' vocoder predicts its own durations. For UnitY2 it must not (Meta's code has
    ``dur_prediction=False``), so this class forces the durations to one frame per unit. The vocoder
    computes in float32 whatever ``placement`` says, as this package's vocoder does. But its
    weights were first rounded to the dtype that ``placement`` computes in.

    Args:
        folder: a checkpoint directory.
        placement: the device and the precision. Weights are loaded directly to the device.
    """

    def __init__(self, folder: Path, placement: Placement) -> None:
        self.model: Any = transformers.SeamlessM4Tv2Model.from_pretrained(
            folder, dtype=placement.precision.compute, device_map=placement.device
        ).eval()
        self._features: Any = transformers.SeamlessM4TFeatureExtractor.from_pretrained(folder)
        self.model.vocoder.float()
        predictor = self.model.vocoder.dur_predictor
        with torch.no_grad():
            predictor.proj.weight.zero_()
            predictor.proj.bias.fill_(math.log(2))  # round(exp(log 2) - 1) = 1

    def inputs(self, source: EncoderSource) -> dict[str, Any]:
        """The inputs of ``generate`` for one source: samples ``[n]`` at 16 kHz, or the tokens of a text."""
        if isinstance(source, tuple):
            tokens = torch.tensor([source], device=self.model.device)
            return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
        made = self._features([source], sampling_rate=INTERNAL_SAMPLE_RATE_HZ, return_tensors="pt")
        made = {name: tensor.to(self.model.device) for name, tensor in made.items()}
        return made | {"input_features": made["input_features"].to(self.model.dtype)}

    @torch.inference_mode()
    def translate(
        self,
        source: EncoderSource,
        language: str,
        speaker_id: int | None,
        *,
        max_new_tokens: int,
        source_language: str | None = None,
    ) -> ReferenceTranslation:
        """Implements ``models.reference.Reference``. The source's language makes no difference.

        There is no speech where transformers' speech cannot be compared: it crashes on a text without tokens,
        and it drops the last token of a text that was cut at the token limit.
        """
        began_s = time.perf_counter()
        settings = {
            "tgt_lang": language,
            "max_new_tokens": max_new_tokens,
            "num_beams": 1,
            "do_sample": False,
        }
        inputs = self.inputs(source)
        said = self.model.generate(**inputs, **settings, generate_speech=False, text_output_logits=True)
        sequence = said.sequences[0].tolist()
        finished = sequence[-1] == self.model.config.eos_token_id
        tokens = tuple(sequence[2:-1] if finished else sequence[2:])
        units, samples = np.empty(0, np.int64), np.empty(0, np.float32)
        if tokens and finished and speaker_id is not None:
            spoken = self.model.generate(
                **inputs, **settings, speaker_id=speaker_id, return_intermediate_token_ids=True
            )
            units = spoken.unit_sequences[0].cpu().numpy() - self.model.config.vocoder_offset
            samples = spoken.waveform[0].float().cpu().numpy()
        candidates = tuple(likeliest(logits[0]) for logits in said.logits)
        duration_s = time.perf_counter() - began_s
        return ReferenceTranslation(tokens, finished, candidates, units, samples, duration_s)
