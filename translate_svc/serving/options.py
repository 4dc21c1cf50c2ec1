"""Options of live calls, for every transport."""

from __future__ import annotations

from dataclasses import dataclass, fields

from translate_svc.errors import OutOfRange


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How long a server waits for a peer.

    Attributes:
        config_timeout_s: for the first message of a stream.
        idle_timeout_s: for any other message, until the client sends ``end``.
        write_timeout_s: to send one response. A response holds at most some hundred milliseconds of speech,
            so a client that does not accept it in this time has stopped reading.
        abort_timeout_s: to send a status. This is impossible while the client's flow-control window is full;
            the call is then reset without a status.
        cancel_timeout_s: for a session to stop after its cancellation.
        drain_finish_s: how long before the deadline of a drain streams stop taking input, so that they can
            finish their work; at most half of the grace.
        max_unopened_streams: streams at a time whose first message has not arrived. Admission does not count
            a stream before that message.
        revocation_check_s: within what time the open calls of a caller end that is not admitted any more.
    """

    config_timeout_s: float = 10.0
    idle_timeout_s: float = 300.0
    write_timeout_s: float = 10.0
    abort_timeout_s: float = 1.0
    cancel_timeout_s: float = 5.0
    drain_finish_s: float = 10.0
    max_unopened_streams: int = 1_024
    revocation_check_s: float = 5.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value >= 0:
                raise OutOfRange("must not be negative", field=field.name)

    def finish_s(self, grace_s: float) -> float:
        """How long before the end of this grace streams stop taking input, if the engine needs no longer."""
        return min(self.drain_finish_s, grace_s / 2)
