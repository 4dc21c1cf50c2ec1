"""The requests of one front process, on the engine's side."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable

import msgspec
import numpy as np

from translate_svc.engine.events import EngineEvent, RequestFinished, RequestRefused, WaveformPiece
from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.request import HypothesisRequest, Request
from translate_svc.engine.simultaneous.commit_policy import AnyCommitPolicy, CommitPolicy
from translate_svc.engine.simultaneous.hypothesis import HypothesisOptions
from translate_svc.errors import InvalidArgument
from translate_svc.remote_engine.messages import Commands, HypothesisFields, Step, Submit, with_ticket
from translate_svc.types import Samples

_EVENT_BYTES = 256
"""What an event without sound counts as. A text of 256 tokens with its confidence stays below 100 KB."""

_POLICIES: dict[str, Callable[..., CommitPolicy]] = {
    kind.__name__: kind for kind in typing.get_args(AnyCommitPolicy)
}


class RequestRelay:
    """Passes the commands of a front process to the engine, and keeps its events until they are sent.

    Request ids of different front processes must differ.
    """

    def __init__(self, engine: EngineHandle, wake: Callable[[], None]) -> None:
        """``wake``: called when there is something to take."""
        self._engine = engine
        self._wake = wake
        self._request_ids: dict[int, str] = {}
        self._events: list[msgspec.Struct] = []
        self.unsent_bytes = 0
        """About the size of the events that wait to be sent."""

    @property
    def open_requests(self) -> int:
        """Requests of the front process that the engine has not ended."""
        return len(self._request_ids)

    def receive(self, commands: Commands) -> None:
        """Passes commands on: first requests and aborts in their order, then the credit."""
        for command in commands.requests:
            if isinstance(command, Submit):
                self._submit(command)
            elif (request_id := self._request_ids.pop(command.ticket, None)) is not None:
                self._engine.abort(request_id)
        for grant in commands.grants:
            if (request_id := self._request_ids.get(grant.ticket)) is not None:
                self._engine.grant(request_id, grant.sequence, grant.pieces)

    def _submit(self, command: Submit) -> None:
        self._request_ids[command.ticket] = command.request_id
        try:
            self._engine.submit(_request(command), functools.partial(self._deliver, command.ticket))
        except InvalidArgument as error:
            self._deliver(command.ticket, RequestRefused(command.request_id, error))

    def _deliver(self, ticket: int, event: EngineEvent) -> None:
        """The engine's callback."""
        if isinstance(event, RequestFinished | RequestRefused):
            self._request_ids.pop(ticket, None)
        self._events.append(with_ticket(ticket, event))
        self.unsent_bytes += _EVENT_BYTES
        if isinstance(event, WaveformPiece):
            self.unsent_bytes += event.samples.nbytes
        self._wake()

    def take(self) -> Step | None:
        """All events since the last call, with the status after them; None without any."""
        if not self._events:
            return None
        events, self._events, self.unsent_bytes = self._events, [], 0
        return Step(events, self._engine.status)

    def close(self) -> int:
        """Aborts what the engine has not ended. Returns how many requests that were."""
        request_ids = list(self._request_ids.values())
        self._request_ids.clear()
        self._events.clear()
        self.unsent_bytes = 0
        for request_id in request_ids:
            self._engine.abort(request_id)
        return len(request_ids)


def _request(command: Submit) -> Request:
    samples: Samples = np.empty(0, np.float32) if command.samples is None else command.samples
    source = samples if command.text is None else command.text
    values = (
        command.request_id,
        source,
        command.sequences,
        command.source_times,
        command.caller,
        command.question,
        command.terms,
        command.transcript,
    )
    if command.hypothesis is None:
        return Request(*values)
    return HypothesisRequest(*values, hypothesis=_hypothesis_options(command.hypothesis))


def _hypothesis_options(hypothesis: HypothesisFields) -> HypothesisOptions:
    values = msgspec.structs.asdict(hypothesis)
    name, policy_fields = hypothesis.policy
    return HypothesisOptions(**values | {"policy": _POLICIES[name](**policy_fields)})
