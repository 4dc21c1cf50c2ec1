"""Every exception this package raises on purpose.

* ``TranslateSvcError``
  * ``InvalidArgument`` - what the caller sent is wrong; names the field
    * ``OutOfRange`` - right in kind, past a limit
  * ``Unsupported`` - part of the contract that this server does not serve
  * ``Unauthenticated`` - the caller has no valid key
  * ``ResourceExhausted`` - no room now; says when to try again
  * ``Unavailable`` - the server is draining or not ready
  * ``DataLoss`` - what arrived is not what was sent
  * ``StreamTimeout`` - the peer kept the server waiting for too long
  * ``CheckpointError`` - a model directory is missing, torn or foreign
  * ``DownloadError`` - a model could not be downloaded
  * ``EngineError`` - one item of a step could not be computed; its request fails, its batch mates do not
  * ``EngineLost`` - the engine computes nothing any more: the process must be restarted
    * ``DeviceLost`` - because the device's context is gone
  * ``InvariantViolation`` - this package broke a rule of its own: a defect, never a caller's fault
  * ``DetectorError`` - the voice activity detector failed on a frame
  * ``TranslationFailed`` - what a client is told of a text or clip that the server could not finish

Messages never contain audio or text of a caller.
"""

from __future__ import annotations


class TranslateSvcError(Exception):
    """Base of all. ``field`` is the path of the offending field in the wire contract, or empty."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.description = message


class InvalidArgument(TranslateSvcError):
    """What the caller sent is wrong."""


class OutOfRange(InvalidArgument):
    """Right in kind, but past a limit."""


class Unsupported(TranslateSvcError):
    """Part of the contract that this server does not serve."""


class Unauthenticated(TranslateSvcError):
    """The caller has no valid key."""


class ResourceExhausted(TranslateSvcError):
    """No room now. ``retry_after_s`` says when trying again makes sense."""

    def __init__(self, message: str, *, field: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message, field=field)
        self.retry_after_s = retry_after_s


class Unavailable(TranslateSvcError):
    """The server is draining or not ready."""


class DataLoss(TranslateSvcError):
    """What arrived is not what was sent."""


class StreamTimeout(TranslateSvcError):
    """The peer kept the server waiting for longer than it waits for anyone."""


class CheckpointError(TranslateSvcError):
    """A model directory is missing, torn or foreign. ``field`` names the file."""


class DownloadError(TranslateSvcError):
    """A model could not be downloaded. ``field`` is its name on the hub, or the file."""


class EngineError(TranslateSvcError):
    """One item of a step could not be computed: its request fails, and no other."""


class EngineLost(TranslateSvcError):
    """The engine computes nothing any more; only a restart helps."""


class DeviceLost(EngineLost):
    """The device context is gone."""


class InvariantViolation(TranslateSvcError):
    """This package broke a rule of its own. What its state is now, nobody knows: it is not to be used on."""


class DetectorError(TranslateSvcError):
    """The voice activity detector failed on a frame. The stream whose frame it was cannot go on."""


class TranslationFailed(TranslateSvcError):
    """The server could not finish a text or clip. The message is that of its warnings."""
