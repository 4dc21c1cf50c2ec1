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
  * ``EngineError`` - the engine could not finish a request
    * ``DeviceLost`` - nor will it finish any other: the process must be restarted

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
    """The engine could not finish a request."""


class DeviceLost(EngineError):
    """The device context is gone; only a restart helps."""
