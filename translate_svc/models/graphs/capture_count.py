"""Captures graphs one by one and counts them. A graph that is refused costs itself, never the others."""

from __future__ import annotations

import logging
from collections.abc import Callable

from translate_svc.models.isolation import as_device_loss, is_device_loss

_log = logging.getLogger(__name__)


class CaptureCount:
    """How many graphs of one stage were captured. Work without a graph of its own shape uses the next larger
    one, or runs eagerly: the results are the same, and take longer.

    Attributes:
        captured: graphs in use.
        refused: graphs whose capture failed, or that computed something else than the work itself.
    """

    def __init__(self) -> None:
        self.captured = self.refused = 0

    def attempt(self, name: str, capture: Callable[[], None]) -> bool:
        """Whether ``capture`` succeeded. Logs why it did not: the first time as a warning.

        Raises:
            DeviceLost: the device's context is lost, so nothing else can succeed.
        """
        try:
            capture()
        except RuntimeError as error:
            if is_device_loss(error):
                raise as_device_loss(error) from error
            level = logging.DEBUG if self.refused else logging.WARNING
            _log.log(level, "%s could not be captured: %s", name, error)
            self.refused += 1
            return False
        self.captured += 1
        return True
