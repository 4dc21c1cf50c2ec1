"""Messages arrive as they were sent."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import msgspec
import numpy as np
import pytest

from translate_svc import errors
from translate_svc.confidence import ConfidenceRule, Logistic, Threshold
from translate_svc.engine.events import (
    AlternativesFound,
    EngineEvent,
    FinishStatus,
    LanguageDetected,
    LanguageHeard,
    RequestFinished,
    RequestQueued,
    RequestRefused,
    SequenceFinished,
    StageSpan,
    StopReason,
    TextFinished,
    TextScored,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.handle import EngineStatus
from translate_svc.engine.model_facts import ModelFacts
from translate_svc.engine.request import HypothesisRequest, Request, SourceText
from translate_svc.engine.sequence_spec import SequenceSpec, TextGuards
from translate_svc.engine.simultaneous.commit_policy import (
    CommitDecision,
    CommitPolicy,
    HoldReason,
    Hypothesis,
    LocalAgreement,
    commit_policy,
)
from translate_svc.engine.simultaneous.hypothesis import (
    NO_SPEECH,
    HypothesisDecided,
    HypothesisOptions,
    SequenceHypothesis,
    SpeechCarriedOver,
    SpeechContext,
)
from translate_svc.engine.simultaneous.kept_history import KeptHistory
from translate_svc.engine.stats import Totals
from translate_svc.heard_language import HeardLanguage, LanguageQuestion
from translate_svc.models.alignment.alignment_file import PolicyName
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.remote_engine import messages
from translate_svc.remote_engine.admission_messages import (
    AdmissionAnswers,
    AdmissionCommands,
    Admit,
    Allowed,
    Charge,
    Check,
    Draw,
    DrawnAudio,
    Release,
)
from translate_svc.remote_engine.codec import Decoder, Encoder
from translate_svc.remote_engine.messages import (
    AcquireStream,
    Commands,
    Grant,
    Hello,
    MetricRecord,
    Overview,
    Report,
    Step,
    StreamLeased,
    ToEngine,
    ToFront,
    Welcome,
    schema_digest,
    with_ticket,
)
from translate_svc.remote_engine.remote_engine import RemoteEngine
from translate_svc.remote_engine.request_relay import RequestRelay
from translate_svc.session.capacity.degradation import Degradation
from translate_svc.session.capacity.front_peers import ServerState
from translate_svc.types import Caller, CallerLimits, FrontProcess, ModelInfo, StageTiming, TextAlternative

DRAFT = Hypothesis((5, 6), ("▁a", "b"), 1, 2, (3, 4), 9, True, (-0.5,), 320, is_final=True, spaced=False)
SPEECH = SpeechContext(np.arange(4), 7, 2)
STATUS = EngineStatus(True, False, 3, 100, 2, 1, 16, Totals(1, 2, 3, 4, 5, 6))
EVENTS: list[EngineEvent] = [
    RequestQueued("a/0"),
    RequestRefused("a/0", errors.ResourceExhausted("full", retry_after_s=2.5)),
    RequestRefused("a/0", errors.QuotaExceeded("yours", retry_after_s=3.5)),
    RequestRefused("a/0", errors.OutOfRange("is too long", field="source")),
    RequestRefused("a/0", errors.EngineLost("lost")),
    LanguageDetected("a/0", 1, "fra", 0.5),
    TokenDecoded("a/0", 1, 17, "¡hola", -0.25, None),
    TokenDecoded("a/0", 1, 17, "", np.float64(-0.25), 320),
    TextFinished("a/0", 0, "hola", "a", 4, StopReason.LENGTH, unexpected_script=True),
    AlternativesFound("r", 0, (TextAlternative("uno", -0.25), TextAlternative("", -1.5))),
    TextScored("a/0", 1, (-0.25, np.float64(-1.5))),
    UnitsPredicted("a/0", 0, (1, 2, 3), (4, 5)),
    WaveformPiece("a/0", 0, 320, np.linspace(-1, 1, 640, dtype=np.float32), final=True),
    HypothesisDecided("a/0", 0, DRAFT, CommitDecision(1, 1, HoldReason.NEAR_END), KeptHistory((5,), 1_600)),
    SpeechCarriedOver("a/0", 0, SPEECH),
    SpeechCarriedOver("a/0", 0, NO_SPEECH),
    LanguageHeard("a/0", HeardLanguage("eng", 0.97, is_sure=True)),
    SequenceFinished("a/0", 0, FinishStatus.FAILED, "no"),
    RequestFinished(
        "a/0",
        FinishStatus.OK,
        (StageTiming("encode", 1.5, 2),),
        "",
        (StageSpan("encode", 1.0, 2.0),),
    ),
]


def plain(value: Any) -> Any:
    """A value whose parts can be compared: arrays and errors by what they hold."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.tolist()
    if isinstance(value, errors.TranslateSvcError):
        return type(value), value.args, vars(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, msgspec.Struct):
        return type(value), {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value


def sent(message: msgspec.Struct, kind: Any) -> Any:
    """A message as it arrives."""
    decoder: Decoder[Any] = Decoder(kind)
    return decoder.decode([bytes(frame) for frame in Encoder().encode(message)])


def test_every_event_arrives_as_it_was() -> None:
    assert {type(event) for event in EVENTS} == set(typing.get_args(EngineEvent))
    step = Step([with_ticket(number, event) for number, event in enumerate(EVENTS)], STATUS)
    arrived = sent(step, ToFront)
    assert [entry.ticket for entry in arrived.events] == list(range(len(EVENTS)))
    assert plain([entry.event for entry in arrived.events]) == plain(EVENTS)
    assert arrived.status == STATUS


def test_sound_is_carried_raw_and_can_be_written_to() -> None:
    samples = np.linspace(-1, 1, 640, dtype=np.float32)
    first, *arrays = Encoder().encode(
        Step([with_ticket(0, WaveformPiece("a", 0, 0, samples, final=True))], STATUS)
    )
    assert [bytes(array) for array in arrays] == [samples.tobytes()]
    assert len(first) < 500
    (entry,) = sent(Step([with_ticket(0, WaveformPiece("a", 0, 0, samples, True))], STATUS), ToFront).events
    entry.event.samples[0] = 5.0


class _Engine:
    """Keeps what it is asked."""

    status = EngineStatus(healthy=True, max_live_requests=10)

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def submit(self, request: Request, deliver: object) -> None:
        self.requests.append(request)

    def abort(self, request_id: str) -> None:
        raise AssertionError(request_id)

    def grant(self, request_id: str, sequence: int, pieces: int = 1) -> None:
        raise AssertionError(request_id)


DRAFTS = SequenceHypothesis((1, 2), 5, DRAFT, SPEECH), SequenceHypothesis()
OPTIONS = HypothesisOptions(DRAFTS, "a", 320, LocalAgreement(), True, 16_000, 8_000, 192_000, voices_all=True)


def test_the_sample_of_a_hypothesis_differs_from_every_default() -> None:
    defaults = [field for field in dataclasses.fields(OPTIONS) if field.default is not dataclasses.MISSING]
    assert [field.name for field in defaults if getattr(OPTIONS, field.name) == field.default] == []


@pytest.mark.parametrize("policy", [commit_policy(name.value, 4) for name in PolicyName], ids=repr)
@pytest.mark.parametrize(
    "source", [np.ones(1_600, np.float32), SourceText("häus", "deu")], ids=["audio", "text"]
)
def test_a_request_arrives_as_it_was(policy: CommitPolicy, source: Any) -> None:
    hypothesis = dataclasses.replace(OPTIONS, policy=policy)
    specs = (
        SequenceSpec("spa", True, 3, 1.25, TextGuards(True, True, True)),
        SequenceSpec("eng", source_language="fra"),
    )
    engine = _Engine()
    remote = RemoteEngine(engine.status, 10, lambda: None)
    relay = RequestRelay(engine, lambda: None)
    requests = [
        HypothesisRequest("a/0", source, specs, True, "alice", hypothesis=hypothesis),
        Request("a/1", source, specs, question=LanguageQuestion({"eng": 0.5}, "spa", is_last=False)),
    ]
    for request in requests:
        remote.submit(request, lambda event: None)
    commands = remote.take()
    assert commands is not None
    relay.receive(sent(commands, ToEngine))
    assert plain(engine.requests) == plain(requests)


def test_other_messages_arrive_as_they_were() -> None:
    facts = ModelFacts(
        Capabilities("m", ("eng",), ("eng",), {"eng": (1, 2)}, 3, 160, 256, 900),
        ModelInfo("m", "r", "l", "cpu", "float32", "notice"),
        confidence=ConfidenceRule(
            Logistic(0.5, (1.0, 2.0, 3.0)),
            Logistic(0.5, (1.0,) * 6),
            Threshold(1.0, 2.0),
            {"auc": 0.9},
            Logistic(0.25, (2.0,) * 10),
        ),
    )
    report = Report(
        *(True, 1, 2, ((1.5, None), (9.0, 0.5)), 8.5),
        (MetricRecord("closed", "complete", 1.0),),
        ("session",),
    )
    alice = Caller("alice", "free", CallerLimits(3, 60.0, 30.0, models=frozenset({"m"})))
    admission = Admit(1, alice, 1.34, False), Check(2, alice), Draw(3, alice, 0.5, True)
    for message in (
        Hello("x", 1),
        AdmissionCommands((*admission, Release(1), Charge(alice, -0.5))),
        Commands((), (Grant(1, 2, 3),)),
        AcquireStream("stream", 2, "session"),
        report,
    ):
        assert plain(sent(message, ToEngine)) == plain(message)
    counts = 1, 2, 3, 4, 5
    processes = (FrontProcess(0, True, 1, 2, 3),)
    state = ServerState(*counts, False, 0.5, 1.5, Degradation.RARE_DRAFTS, processes, 12.5)
    overview = Overview(STATUS, state)
    answers = AdmissionAnswers((Allowed(1), DrawnAudio(3, 1.0, 0.0)))
    for told in (Welcome(facts, STATUS, 64), StreamLeased("stream", "session", "other"), overview, answers):
        assert plain(sent(told, ToFront)) == plain(told)


def test_what_does_not_fit_the_schema_is_refused() -> None:
    decoder: Decoder[Any] = Decoder(ToEngine)
    for frames in ([b""], [b"\xff"], [], [bytes(frame) for frame in Encoder().encode(messages.Drain(1.0))]):
        with pytest.raises(ValueError, match="not a message"):
            decoder.decode(frames)


def test_the_schema_changes_with_every_class_that_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    known = schema_digest()
    assert schema_digest() == known

    @dataclasses.dataclass(frozen=True)
    class Grown(StageTiming):
        shared: bool = False

    Grown.__name__ = "StageTiming"
    hints = dict(typing.get_type_hints(RequestFinished))
    real = typing.get_type_hints

    def grown_hints(kind: Any) -> dict[str, Any]:
        return hints | {"timings": tuple[Grown, ...]} if kind is RequestFinished else real(kind)

    monkeypatch.setattr(messages.typing, "get_type_hints", grown_hints)  # type: ignore[attr-defined]
    assert schema_digest() != known
