"""The other side: ``SeamlessM4Tv2Model.generate``, greedy as the model cards call it, or with beams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks.throughput.outcome import Outcome
from benchmarks.throughput.utterance import Utterance
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, SAMPLES_PER_UNIT

_PROMPT_TOKENS = 2
_END_SCORE = 1e9


class _ForcedLengths:
    """A logits processor: row ``i`` ends after ``lengths[i]`` tokens."""

    def __init__(self, lengths: Sequence[int], eos_token_id: int) -> None:
        self._ends = torch.tensor(lengths) + _PROMPT_TOKENS
        self._eos_token_id = eos_token_id

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        ended = input_ids.shape[1] >= self._ends.to(scores.device)
        scores[:, self._eos_token_id] = torch.where(ended, _END_SCORE, -_END_SCORE)
        return scores


class Peer:
    """One model, float32 on the CPU unless told otherwise.

    Its vocoder's own durations are forced to one frame a unit, as UnitY2 wants them: otherwise it would make
    speech of another length.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        num_beams: int = 1,
    ) -> None:
        self._device, self._dtype, self._num_beams = device, dtype, num_beams
        self._model: Any = transformers.SeamlessM4Tv2Model.from_pretrained(folder, dtype=dtype)
        self._model.to(device).eval()
        self._features: Any = transformers.SeamlessM4TFeatureExtractor.from_pretrained(folder)
        predictor = self._model.vocoder.dur_predictor
        with torch.no_grad():
            predictor.proj.weight.zero_()
            predictor.proj.bias.fill_(math.log(2))  # round(exp(log 2) - 1) = 1

    @torch.inference_mode()
    def run(self, utterances: Sequence[Utterance], *, speech: bool, batch: int) -> list[Outcome]:
        """Translates all, ``batch`` of one target language at a time, sorted by length."""
        order = sorted(
            range(len(utterances)), key=lambda i: (utterances[i].language, len(utterances[i].samples))
        )
        outcomes: dict[int, Outcome] = {}
        while order:
            language = utterances[order[0]].language
            chosen = [index for index in order[:batch] if utterances[index].language == language]
            del order[: len(chosen)]
            made = self._generate([utterances[index] for index in chosen], language, speech)
            outcomes |= dict(zip(chosen, made, strict=True))
        return [outcomes[index] for index in range(len(utterances))]

    def _generate(self, utterances: Sequence[Utterance], language: str, speech: bool) -> list[Outcome]:
        inputs = self._features(
            [utterance.samples for utterance in utterances],
            sampling_rate=INTERNAL_SAMPLE_RATE_HZ,
            return_tensors="pt",
            padding=True,
        ).to(self._device)
        inputs["input_features"] = inputs["input_features"].to(self._dtype)
        options: dict[str, Any] = {"tgt_lang": language, "generate_speech": speech, "do_sample": False}
        options["num_beams"] = self._num_beams
        lengths = [utterance.forced_tokens for utterance in utterances]
        if None not in lengths:
            forced = _ForcedLengths([each for each in lengths if each is not None], self._end)
            options["text_logits_processor"] = transformers.LogitsProcessorList([forced])
        if not speech:
            return [Outcome(self._text(row), 0) for row in self._model.generate(**inputs, **options)[0]]
        output = self._model.generate(**inputs, **options, return_intermediate_token_ids=True)
        # ``waveform_lengths`` is wrong where a row is padded: the length is that of the units
        units = (output.unit_sequences != self._model.config.t2u_pad_token_id).sum(dim=1)
        return [
            Outcome(self._text(row), int(count) * SAMPLES_PER_UNIT)
            for row, count in zip(output.sequences, units, strict=True)
        ]

    @property
    def _end(self) -> int:
        end: int = self._model.config.eos_token_id
        return end

    def _text(self, sequence: torch.Tensor) -> tuple[int, ...]:
        tokens: list[int] = sequence[_PROMPT_TOKENS:].tolist()
        return tuple(tokens[: tokens.index(self._end)] if self._end in tokens else tokens)
