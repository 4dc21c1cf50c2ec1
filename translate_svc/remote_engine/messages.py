"""The messages between a front process and the process that owns the engine. Plain data.

A front process says ``Hello`` first and is answered by ``Welcome``, or by ``Goodbye`` where the two processes
do not run the same code. Then it sends ``Commands``, ``AdmissionCommands``, ``AcquireStream`` and ``Report``,
and gets ``Step``, ``AdmissionAnswers``, ``StreamLeased``, ``Overview`` and ``Drain``. When it leaves it says
``Goodbye`` and is answered by the same.

A *ticket* is the number of a submission within its front process. It tells two submissions of the same
request id apart.
"""

from __future__ import annotations

import enum
import hashlib
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from translate_svc.engine.events import EngineEvent
from translate_svc.engine.handle import EngineStatus
from translate_svc.engine.model_facts import ModelFacts
from translate_svc.engine.request import SourceText
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.hypothesis import SequenceHypothesis
from translate_svc.heard_language import LanguageQuestion
from translate_svc.remote_engine.admission_messages import AdmissionAnswers, AdmissionCommands
from translate_svc.session.capacity.front_peers import ServerState
from translate_svc.types import Samples, Term


class Message(msgspec.Struct, tag=True, frozen=True):
    """Base class of messages, each of which is sent as a whole."""


class Hello(Message, frozen=True):
    """First message of a front process. ``schema``: digest of its message classes (``schema_digest``)."""

    schema: str
    pid: int


class Welcome(Message, frozen=True):
    """The engine's answer: what sessions must know of it.

    ``max_unanswered``: see ``RemoteEngine``.
    """

    facts: ModelFacts
    status: EngineStatus
    max_unanswered: int


class Goodbye(Message, frozen=True):
    """The last message of either side, and why."""

    reason: str = ""


class HypothesisFields(msgspec.Struct, frozen=True):
    """The fields of ``HypothesisOptions``, by the same names. ``policy``: the name of its class and its
    fields.
    """

    sequences: tuple[SequenceHypothesis, ...]
    utterance_id: str
    start_sample: int
    policy: tuple[str, dict[str, int | float | None]]
    is_final: bool
    step_samples: int
    new_samples: int
    max_buffer_samples: int
    voices_all: bool


class Submit(msgspec.Struct, tag=True, frozen=True):
    """A ``Request``; it has either ``samples`` or ``text``."""

    ticket: int
    request_id: str
    samples: Samples | None
    text: SourceText | None
    sequences: tuple[SequenceSpec, ...]
    source_times: bool
    hypothesis: HypothesisFields | None
    caller: str
    question: LanguageQuestion | None
    terms: tuple[Term, ...]
    transcript: int | None


class Abort(msgspec.Struct, tag=True, frozen=True):
    """Drop a request."""

    ticket: int


class Grant(msgspec.Struct, frozen=True):
    """Credit for so many more pieces of one sequence."""

    ticket: int
    sequence: int
    pieces: int


class Commands(Message, frozen=True):
    """What the sessions of a front process asked for since its last message: in order, then the credit."""

    requests: tuple[Submit | Abort, ...]
    grants: tuple[Grant, ...]


class AcquireStream(Message, frozen=True):
    """A session of the front process has resumed a stream. Answered by ``StreamLeased``.

    ``token``: how often the stream was resumed (``ResumePoint.epoch``).
    """

    stream_id: str
    token: int
    session_id: str


class StreamLeased(Message, frozen=True):
    """The session ``holder`` has the stream; any other one of it ends. ``asked_by``: which one asked."""

    stream_id: str
    holder: str
    asked_by: str


class MetricRecord(msgspec.Struct, frozen=True, array_like=True):
    """One call of ``Metrics.add`` in a front process."""

    metric: str
    label: str
    value: float


class Report(Message, frozen=True):
    """The state of a front process. It comes regularly: a front process that is silent hangs.

    Attributes:
        ready: its servers listen.
        live_streams: streams that are open.
        queued_input_ms: audio that waits to be processed.
        streams: age and lag of each open stream, in seconds (``WatchedStream``).
        cpu_s: processor time since its start.
        records: what it has counted since its last report.
        resumed: the ids of its sessions that have resumed a stream.
    """

    ready: bool
    live_streams: int = 0
    queued_input_ms: int = 0
    streams: tuple[tuple[float, float | None], ...] = ()
    cpu_s: float = 0.0
    records: tuple[MetricRecord, ...] = ()
    resumed: tuple[str, ...] = ()


class Overview(Message, frozen=True):
    """The states of the engine and of the server. Comes when one of them has changed, and each second: an
    engine's process that is silent is lost.
    """

    status: EngineStatus
    state: ServerState


class Drain(Message, frozen=True):
    """Leave: end all streams within so many seconds, then say ``Goodbye``. A later one may be shorter."""

    grace_s: float


EVENT_KINDS: tuple[type, ...] = typing.get_args(EngineEvent)

_WIRE_EVENTS = {
    kind: msgspec.defstruct(
        kind.__name__, [("ticket", int), ("event", kind)], tag=True, array_like=True, frozen=True
    )
    for kind in EVENT_KINDS
}
"""An event and the ticket of its request, tagged by the event's class."""


def with_ticket(ticket: int, event: EngineEvent) -> msgspec.Struct:
    """An event as an entry of ``Step.events``. It has the attributes ``ticket`` and ``event``."""
    return _WIRE_EVENTS[type(event)](ticket, event)


if typing.TYPE_CHECKING:
    AnyWireEvent = Any
else:
    AnyWireEvent = typing.Union[tuple(_WIRE_EVENTS.values())]  # noqa: UP007 - of a tuple


class Step(Message, frozen=True):
    """All events for one front process since its last message, in order, and the status after them."""

    events: list[AnyWireEvent]
    status: EngineStatus


ToEngine = Hello | Commands | AdmissionCommands | AcquireStream | Report | Goodbye
ToFront = Welcome | Step | AdmissionAnswers | StreamLeased | Overview | Drain | Goodbye


def schema_digest() -> str:
    """A digest of all classes that are sent, with their fields. It changes when one of them does."""
    lines = sorted(set(_described(ToEngine, set())) | set(_described(ToFront, set())))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _described(kind: Any, seen: set[Any]) -> Iterator[str]:
    """One line for each class that ``kind`` mentions and that this package defines."""
    for argument in typing.get_args(kind):
        yield from _described(argument, seen)
    if not isinstance(kind, type) or kind in seen:
        return
    seen.add(kind)
    if issubclass(kind, enum.Enum):
        yield f"{kind.__name__}: " + ", ".join(str(member.value) for member in kind)
    if issubclass(kind, msgspec.Struct):
        names = list(kind.__struct_fields__)
    elif is_dataclass(kind):
        names = [field.name for field in fields(kind)]
    else:
        return
    hints = typing.get_type_hints(kind)
    yield f"{kind.__name__}: " + ", ".join(f"{name}: {hints[name]}" for name in names)
    for name in names:
        yield from _described(hints[name], seen)
