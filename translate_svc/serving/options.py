"""What the operator decides about live calls, whatever carries them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from translate_svc.errors import OutOfRange


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How long a server waits for a peer.

    Attributes:
        config_timeout_s: for the first message of a stream.
        idle_timeout_s: for any other message, while the client has not said ``end``.
        write_timeout_s: for one response to leave. A response is at most some hundred milliseconds of speech,
            so a client that does not take it in this time does not read at all.
        abort_timeout_s: for a status to leave. It never does when the client's window is shut; the call is
            then dropped without one.
        cancel_timeout_s: for a session to drop everything.
        drain_finish_s: how long before the deadline of a drain the input of streams ends, so that what was
            begun can be finished; at most half of the grace.
        max_unopened_streams: streams at a time whose first message has not come. Admission sees a stream only
            then; this bounds those that it has not seen yet.
    """

    config_timeout_s: float = 10.0
    idle_timeout_s: float = 300.0
    write_timeout_s: float = 10.0
    abort_timeout_s: float = 1.0
    cancel_timeout_s: float = 5.0
    drain_finish_s: float = 10.0
    max_unopened_streams: int = 1_024

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value >= 0:
                raise OutOfRange("must not be negative", field=field.name)
