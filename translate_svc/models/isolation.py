"""Runs a batch so that one failing item does not fail the others."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from translate_svc.errors import DeviceLost, EngineError, InvariantViolation

Item = TypeVar("Item")
Result = TypeVar("Result")

_logger = logging.getLogger(__name__)


def run_isolated(
    items: Sequence[Item], batch: Callable[[Sequence[Item]], Sequence[Result | EngineError]]
) -> list[Result | EngineError]:
    """Runs ``batch`` over ``items`` and returns one outcome per item, in order.

    ``batch`` reports an item's failure with an ``EngineError`` in the item's place. If it raises instead, the
    items are split in half and run again until the failing item is alone. So ``batch`` must be repeatable.

    Raises:
        DeviceLost: the accelerator's context is lost; nothing can succeed after this.
        InvariantViolation: ``batch`` raised it; no item is the cause.
    """
    if not items:
        return []
    try:
        return list(batch(items))
    except InvariantViolation:
        raise
    except Exception as error:
        if is_device_loss(error):
            raise DeviceLost(type(error).__name__) from error
        if len(items) == 1:
            # messages can quote a caller's data, so log only the kind of error and the place
            _logger.warning(
                "one item failed: %s\n%s",
                type(error).__name__,
                "".join(traceback.format_tb(error.__traceback__)),
            )
            return [error if isinstance(error, EngineError) else EngineError(type(error).__name__)]
    middle = len(items) // 2
    return run_isolated(items[:middle], batch) + run_isolated(items[middle:], batch)


def is_device_loss(error: Exception) -> bool:
    """True for errors after which the device's context cannot be used. Out of memory is not such an error."""
    if isinstance(error, torch.OutOfMemoryError):
        return False
    return isinstance(error, (DeviceLost, torch.AcceleratorError)) or "CUDA error" in str(error)
