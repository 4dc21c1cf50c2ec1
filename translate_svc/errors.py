"""Every exception that this package raises on purpose.

* ``TranslateSvcError``
  * ``InvalidArgument`` - a value from the caller is not valid; names the field
    * ``OutOfRange`` - a valid kind of value, but it exceeds a limit
  * ``Unsupported`` - part of the contract that this server does not serve
  * ``Unauthenticated`` - the caller has no valid key, token or certificate
  * ``PermissionDenied`` - the caller is known, but may not do this
  * ``ResourceExhausted`` - no capacity now; says when to try again
    * ``QuotaExceeded`` - there is, but the caller has reached a limit of its own
  * ``Unavailable`` - the server is draining or not ready
  * ``Superseded`` - another call has resumed this stream
  * ``DataLoss`` - the received data differs from the sent data
  * ``StreamTimeout`` - the peer kept the server waiting for too long
  * ``CheckpointError`` - a model directory is missing, incomplete or not supported
  * ``DownloadError`` - a model could not be downloaded
  * ``EngineError`` - one item of a step could not be computed; only its request fails, not the batch
  * ``EngineLost`` - the engine has stopped computing for good: the process must be restarted
    * ``DeviceLost`` - because the device's context is lost
  * ``InvariantViolation`` - this package broke a rule of its own: a defect, never a caller's fault
  * ``DetectorError`` - the voice activity detector failed on a frame
  * ``TranslationFailed`` - the server could not translate a text, a clip or an utterance

Messages never contain audio or text of a caller.
"""

from __future__ import annotations

import errno

_SHORTAGES = frozenset(
    {errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOBUFS}
)


class TranslateSvcError(Exception):
    """Base class. ``field`` is the path of the offending field in the wire contract, or empty."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.description = message


class InvalidArgument(TranslateSvcError):
    """A value from the caller is not valid."""


class OutOfRange(InvalidArgument):
    """A valid kind of value, but it exceeds a limit."""


class Unsupported(TranslateSvcError):
    """Part of the contract that this server does not serve."""


class Unauthenticated(TranslateSvcError):
    """The caller has no valid key, token or certificate."""


class PermissionDenied(TranslateSvcError):
    """The caller is known, but may not do this. Trying again does not help."""


class ResourceExhausted(TranslateSvcError):
    """No capacity now. The caller should retry after ``retry_after_s`` seconds."""

    def __init__(self, message: str, *, field: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message, field=field)
        self.retry_after_s = retry_after_s


class QuotaExceeded(ResourceExhausted):
    """The caller has reached a limit of its own. It should retry after ``retry_after_s`` seconds."""


class Unavailable(TranslateSvcError):
    """The server is draining or not ready."""


class Superseded(TranslateSvcError):
    """Another call has resumed this stream. Only the newer call continues."""


class DataLoss(TranslateSvcError):
    """The received data differs from the sent data."""


class StreamTimeout(TranslateSvcError):
    """The peer kept the server waiting for longer than a timeout."""


class CheckpointError(TranslateSvcError):
    """A model directory is missing, incomplete or not supported. ``field`` names the file."""


class DownloadError(TranslateSvcError):
    """A model could not be downloaded. ``field`` is the model's name on the hub, or the file."""


class EngineError(TranslateSvcError):
    """One item of a step could not be computed. Only its request fails."""


class EngineLost(TranslateSvcError):
    """The engine has stopped computing for good. Only a restart helps."""


class DeviceLost(EngineLost):
    """The device's context is lost."""


class InvariantViolation(TranslateSvcError):
    """This package broke a rule of its own. Its state is unknown: do not use the object any further."""


class DetectorError(TranslateSvcError):
    """The voice activity detector failed on a frame. The stream of that frame cannot continue."""


class TranslationFailed(TranslateSvcError):
    """The server could not translate a text, a clip or an utterance. The message says what failed."""


def shortage_of(error: BaseException) -> ResourceExhausted | None:
    """What callers are told if ``error`` means that this machine is short of memory, disk or descriptors."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _SHORTAGES):
        return ResourceExhausted("the server is short of memory, disk or descriptors", retry_after_s=5.0)
    return None
