"""Finds a device on which a stage fails for everybody, although its context is not lost."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from translate_svc.engine.step_result import EncodeUnfinished
from translate_svc.errors import DeviceLost, EngineError
from translate_svc.models.isolation import ItemRaised
from translate_svc.types import Stage

MOST_FAILURES = 16
"""Items of one stage that raise in a row, each by itself, before the device counts as lost."""

_log = logging.getLogger(__name__)


class FailureStreaks:
    """Counts items in a row that raised, by stage. An item that fails a check of ours does not count, and one
    that succeeds ends the row. On a CPU nothing counts: there a restart changes nothing.
    """

    def __init__(self, *, on_accelerator: bool) -> None:
        self._counted = on_accelerator
        self._raised = dict.fromkeys(Stage, 0)

    def observe(self, stage: Stage, outcomes: Sequence[object]) -> None:
        """Takes the outcomes of a stage's items in one step.

        Raises:
            DeviceLost: too many in a row raised.
        """
        for outcome in outcomes if self._counted else ():
            if isinstance(outcome, ItemRaised):
                self._raised[stage] += 1
            elif not isinstance(outcome, (EngineError, EncodeUnfinished)):
                self._raised[stage] = 0
        if self._raised[stage] >= MOST_FAILURES:
            _log.critical("%s failed for %d items in a row", stage.value, self._raised[stage])
            raise DeviceLost(f"{stage.value} fails for every item")
