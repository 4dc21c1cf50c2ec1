"""A batch whose guilty item fails alone."""

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
    """Runs ``batch`` over ``items``; one outcome per item, in order.

    ``batch`` tells an item's failure by an ``EngineError`` in its place. Where it raises instead, the items
    are halved and run again until the guilty one stands alone, so it must be safe to repeat.

    Raises:
        DeviceLost: the accelerator's context is gone; nothing run after this can succeed.
        InvariantViolation: as ``batch`` raised it; no item is to blame.
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
            # messages may quote a caller's data: only the kind of error and the place are told
            _logger.warning(
                "one item failed: %s\n%s",
                type(error).__name__,
                "".join(traceback.format_tb(error.__traceback__)),
            )
            return [error if isinstance(error, EngineError) else EngineError(type(error).__name__)]
    middle = len(items) // 2
    return run_isolated(items[:middle], batch) + run_isolated(items[middle:], batch)


def is_device_loss(error: Exception) -> bool:
    """True for errors after which the device's context cannot be used. Out of memory is none of them."""
    if isinstance(error, torch.OutOfMemoryError):
        return False
    return isinstance(error, (DeviceLost, torch.AcceleratorError)) or "CUDA error" in str(error)
