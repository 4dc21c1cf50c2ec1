"""Encodes the sources of a step, in slices that end in time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from translate_svc.engine.plan import EncodeItem
from translate_svc.engine.runner.encode_batch import EncodeBatch
from translate_svc.engine.runner.heard_source import heard_source
from translate_svc.engine.runner.item_checks import ItemChecks
from translate_svc.engine.runner.slot_ledger import SlotLedger
from translate_svc.engine.runner.source_cache import SourceCache
from translate_svc.engine.step_result import EncodeResult, EncodeUnfinished
from translate_svc.errors import EngineError
from translate_svc.models.log_mel import LogMelMemory
from translate_svc.models.speech_model import SpeechModel


class SourceEncoder:
    """Holds the batch that a step has not finished. The next step continues it if it has the same items.

    The arguments are those of the runner: its ``checks`` and ``ledger``, and the rest as for ``ModelRunner``.
    """

    def __init__(
        self,
        model: SpeechModel,
        checks: ItemChecks,
        ledger: SlotLedger,
        cache: SourceCache,
        tail_padding_samples: int,
        clock: Callable[[], float],
    ) -> None:
        self._model = model
        self._checks = checks
        self._ledger = ledger
        self._cache = cache
        self._tail_padding_samples = tail_padding_samples
        self._clock = clock
        self._batch: EncodeBatch | None = None
        self.until_s = math.inf
        """When the slices of the step that runs should end, by ``clock``. See ``EncodeBatch.advance``."""

    def encode(self, items: Sequence[EncodeItem]) -> list[EncodeResult | EncodeUnfinished | EngineError]:
        """One outcome for each item. Some are done at once; for all others it is ``EncodeUnfinished`` while
        their batch is not done.
        """
        at_once = [item for item in items if item.is_done_at_once]
        if not at_once:
            return self._continue(items)
        batch = self._begin_batch(at_once)
        batch.advance(math.inf)
        done = iter([self._outcome(item, batch) for item in at_once])
        others = iter(self._continue([item for item in items if not item.is_done_at_once]))
        return [next(done if item.is_done_at_once else others) for item in items]

    def _continue(self, items: Sequence[EncodeItem]) -> list[EncodeResult | EncodeUnfinished | EngineError]:
        if not items:
            return []
        # dropped if it raises or the plan has other items
        batch, self._batch = self._batch, None
        if batch is None or not batch.covers(items):
            batch = self._begin_batch(items)
        try:
            done = batch.advance(self.until_s)
        except Exception:
            self.until_s = math.inf  # the search for the failing item runs without a time limit
            raise
        if not done:
            self._batch = batch
            return [EncodeUnfinished(item.request_id) for item in items]
        return [self._outcome(item, batch) for item in items]

    def _outcome(self, item: EncodeItem, batch: EncodeBatch) -> EncodeResult | EngineError:
        outcome = batch.outcome(item)
        return outcome if isinstance(outcome, EngineError) else self._assigned(item, outcome, batch)

    def _begin_batch(self, items: Sequence[EncodeItem]) -> EncodeBatch:
        problems = [self._checks.encode(item) for item in items]
        valid = [item for item, problem in zip(items, problems, strict=True) if problem is None]
        memories = {item.job_id: LogMelMemory(self._cache.get(item.place)) for item in valid if item.place}
        slices = self._model.encode(
            [heard_source(item, self._tail_padding_samples) for item in valid],
            [item.slots for item in valid],
            [memories.get(item.job_id) for item in valid],
        )
        return EncodeBatch(items, problems, slices, self._model.record_event, self._clock, memories)

    def _assigned(self, item: EncodeItem, states: int, batch: EncodeBatch) -> EncodeResult:
        self._ledger.assign(item)
        if item.place is not None:
            self._cache.put(item.place, batch.log_mel(item))
        asks = item.asks_language and self._model.detected_languages
        languages = self._model.language_log_probabilities(item.slots[0]) if asks else ()
        return EncodeResult(item.request_id, states, languages)
