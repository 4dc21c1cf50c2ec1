"""How long the process at the other end of a connection has said nothing."""

from __future__ import annotations


class Silence:
    """Adds up looks, not time by the clock: after this process itself stood still (a suspended machine, a
    paused container), what the other one said meanwhile is not read yet.
    """

    def __init__(self) -> None:
        self._lasts_s = 0.0
        self._was_heard = False

    def end(self) -> None:
        """A message has come."""
        self._was_heard = True

    def after(self, look_s: float) -> float:
        """How long it lasts, in seconds: ``look_s`` more than at the last look, if no message came."""
        self._lasts_s = 0.0 if self._was_heard else self._lasts_s + look_s
        self._was_heard = False
        return self._lasts_s
