"""Work of every stage before the first request, so that no caller pays for what a device does once."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Sequence

import numpy as np

from translate_svc.engine.core import Runner
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import (
    DecodeItem,
    EncodeItem,
    PlanItem,
    SequenceKey,
    StepPlan,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.engine.step_result import StepResult, TextToUnitResult
from translate_svc.engine.validation import ModelCapabilities
from translate_svc.errors import EngineLost
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, EncoderSource

_TEXT = "one two three four five six seven eight nine ten"
_ROUNDS = 2
"""The first meets what is not prepared. The second shows the runner how long its stages take."""
_LONGEST_S = (1, 2, 5, 15)
_REQUEST = "warm-up"

_log = logging.getLogger(__name__)


class WarmUp:
    """Synthetic requests, from audio and text to sound. Call it on the thread that steps the engine: what
    libraries prepare is kept by thread.

    It gives plans to the runner itself, so nothing is counted as work or as a step. Its slots are free
    afterwards: the next encoding of each takes it over.
    """

    def __init__(
        self, runner: Runner, limits: EngineLimits, tokenizer: Tokenizer, capabilities: ModelCapabilities
    ) -> None:
        self._runner, self._limits = runner, limits
        self._tokenizer, self._capabilities = tokenizer, capabilities
        self._job_ids = itertools.count(-1, -1)  # a scheduler counts upwards

    def __call__(self) -> None:
        """Runs all stages.

        Raises:
            EngineLost: a stage gave no result at all, so it would give none to a caller either.
            DeviceLost: the device's context is lost.
        """
        started_s = time.monotonic()
        for _ in range(_ROUNDS):
            self._round()
        _log.info("warmed up in %.1f s", time.monotonic() - started_s)

    def _round(self) -> None:
        language, spoken = min(self._capabilities.text_languages), self._capabilities.speech_languages
        text = self._tokenizer.source_tokens(_TEXT, language)[: self._limits.max_source_tokens]
        sources = self._sources(text)
        keys = [SequenceKey(f"{_REQUEST} {slot}", 0) for slot in range(len(sources))]
        self._run(
            "encode",
            [
                EncodeItem(key.request_id, source, (slot,), next(self._job_ids))
                for slot, (key, source) in enumerate(zip(keys, sources, strict=True))
            ],
        )
        target = min(spoken, default=language)
        prompt = self._tokenizer.prompt(target, language)
        room = self._limits.max_slot_tokens - len(prompt)
        words = text[1:-1][:room]
        self._decode(keys, 0, prompt)
        for position, word in enumerate(words, start=len(prompt)):
            self._decode(keys, position, (word,))
        if spoken and words:
            self._speak(keys, (*prompt, *words), target)

    def _sources(self, text: tuple[int, ...]) -> list[EncoderSource]:
        """A text, and noise of several lengths, as many as there are slots."""
        rng, limits = np.random.default_rng(0), self._limits
        lengths = [
            min(max(seconds * INTERNAL_SAMPLE_RATE_HZ, limits.min_source_samples), limits.max_source_samples)
            for seconds in _LONGEST_S
        ]
        noise: list[EncoderSource] = [rng.normal(0, 0.05, each).astype(np.float32) for each in lengths]
        return [*noise, text][: limits.max_slots]

    def _decode(self, keys: Sequence[SequenceKey], position: int, token_ids: tuple[int, ...]) -> None:
        items = [DecodeItem(key, slot, position, token_ids) for slot, key in enumerate(keys)]
        self._run("decode", items)

    def _speak(self, keys: Sequence[SequenceKey], token_ids: tuple[int, ...], language: str) -> None:
        items = [TextToUnitItem(key, slot, token_ids, language, 1.0) for slot, key in enumerate(keys)]
        made = self._run("text_to_unit", items).results
        units = [each for each in made if isinstance(each, TextToUnitResult) and len(each.units)]
        for most in (self._limits.first_piece_units, self._limits.max_piece_units):
            pieces = [
                VocodeItem(each.key, each.units, 0, min(most, len(each.units)), language, 0) for each in units
            ]
            if pieces:
                self._run("vocode", pieces)

    def _run(self, stage: str, items: Sequence[PlanItem]) -> StepResult:
        result = self._runner.execute(StepPlan.of(items))
        for failure in result.failures:
            _log.warning("warm-up: an item of %s failed: %s", failure.stage.value, failure.error)
        if not result.results:
            raise EngineLost(f"the stage {stage} gave no result while the engine was warmed up")
        return result
