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

_ACCELERATOR_ERROR: type[Exception] = getattr(torch, "AcceleratorError", DeviceLost)
"""What torch raises for errors of a device. Versions without it raise a RuntimeError."""

_OUTSIDE_ALLOCATOR = ("out of memory", "ALLOC_FAILED")
"""In messages of CUDA and its libraries, when memory ran out that torch's allocator does not manage."""


class ItemRaised(EngineError):
    """The error of an item whose computation raised a RuntimeError, as kernels do; no check of ours."""


def run_isolated(
    items: Sequence[Item],
    batch: Callable[[Sequence[Item]], Sequence[Result | EngineError]],
    free_memory: Callable[[], None],
) -> list[Result | EngineError]:
    """Runs ``batch`` over ``items`` and returns one outcome per item, in order.

    ``batch`` reports an item's failure with an ``EngineError`` in the item's place. If it raises instead, the
    items are split in half and run again until the failing item is alone. So ``batch`` must be repeatable.

    When memory runs out, ``free_memory`` is called before the halves are run: they need less, and find what
    the allocator had kept. An item that is alone from the start is run once more.

    Raises:
        DeviceLost: the accelerator's context is lost; nothing can succeed after this.
        InvariantViolation: ``batch`` raised it; no item is the cause.
    """
    return _run(items, batch, free_memory, freed=False) if items else []


def _run(
    items: Sequence[Item],
    batch: Callable[[Sequence[Item]], Sequence[Result | EngineError]],
    free_memory: Callable[[], None],
    *,
    freed: bool,
) -> list[Result | EngineError]:
    """As ``run_isolated``. ``freed``: memory has been freed for this call already."""
    try:
        return list(batch(items))
    except InvariantViolation:
        raise
    except Exception as error:
        if is_device_loss(error):
            raise as_device_loss(error) from error
        out_of_memory = is_out_of_memory(error)
        if len(items) == 1 and (freed or not out_of_memory):
            # messages can quote a caller's data, so log only the kind of error and the place
            _logger.warning(
                "one item failed: %s\n%s",
                type(error).__name__,
                "".join(traceback.format_tb(error.__traceback__)),
            )
            return [_item_error(error)]
    # only here, where the error and with it the frames that hold the batch's tensors are gone
    if out_of_memory:
        free_memory()
    freed = freed or out_of_memory
    middle = len(items) // 2
    halves = (items[:middle], items[middle:])
    return [outcome for half in halves if half for outcome in _run(half, batch, free_memory, freed=freed)]


def _item_error(error: Exception) -> EngineError:
    if isinstance(error, EngineError):
        return error
    kind = ItemRaised if isinstance(error, RuntimeError) else EngineError
    return kind(type(error).__name__)


def as_device_loss(error: Exception) -> DeviceLost:
    """The ``DeviceLost`` to raise for ``error``. Logs what kind of error it is, without any item's data."""
    if any(each in str(error) for each in _OUTSIDE_ALLOCATOR):
        reason = "its memory ran out where torch's allocator does not manage it"
    else:
        reason = type(error).__name__
    _logger.critical("the device is lost: %s", reason)
    return DeviceLost(reason)


def is_device_loss(error: Exception) -> bool:
    """True for errors after which the device's context cannot be used. Out of memory is not such an error,
    and neither is work that a graph cannot capture.
    """
    if is_out_of_memory(error):
        return False
    if isinstance(error, DeviceLost):
        return True
    of_device = isinstance(error, _ACCELERATOR_ERROR) or "CUDA error" in str(error)
    return of_device and not _of_capture(error)


def _of_capture(error: Exception) -> bool:
    """CUDA's errors 900 to 908 end a capture and leave the context as it was. Each of them names it."""
    return "captur" in str(error)


def is_out_of_memory(error: Exception) -> bool:
    """True if the memory of the device, or that of the host, did not suffice."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
