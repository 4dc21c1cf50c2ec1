"""The state of a request: its sequences, and what its stages took. Mutable; the scheduler owns it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from translate_svc.engine.events import FinishStatus, RequestFinished, StageSpan
from translate_svc.engine.plan import EncodeItem, ItemKey
from translate_svc.engine.request import Request
from translate_svc.engine.scheduling.sequence import SequenceState
from translate_svc.engine.step_result import StageReport
from translate_svc.types import EncoderSource, Stage, StageTiming


@dataclass(slots=True, eq=False)
class RequestState:
    """A request and its sequences.

    ``source``: the input of the encoder. ``job_id``: a number that no other request of this scheduler ever
    has. ``reports``: those of all stages of all steps that worked for the request. ``work_s``: its share of
    that work, if its source is speech (``Totals.work_s``).
    """

    request: Request
    source: EncoderSource
    sequences: tuple[SequenceState, ...]
    job_id: int
    error: str = ""
    statuses: list[FinishStatus] = field(default_factory=list)
    reports: list[StageReport] = field(default_factory=list)
    work_s: float = 0.0

    @property
    def key(self) -> ItemKey:
        """Of its encoding."""
        return self.request.request_id, None

    @property
    def caller(self) -> str:
        """Who asks."""
        return self.request.caller

    @property
    def terminal(self) -> bool:
        """All its sequences have ended."""
        return all(sequence.terminal for sequence in self.sequences)

    @property
    def needed_slots(self) -> int:
        """Number of slots of all its sequences."""
        return sum(sequence.spec.slots for sequence in self.sequences)

    def encode_item(self) -> EncodeItem:
        """The item that encodes the source for all sequences. Its job id is the same in every step."""
        request, slots = self.request, tuple(sequence.held_slot for sequence in self.sequences)
        asks = request.question is not None
        return EncodeItem(request.request_id, self.source, slots, self.job_id, request.source_place, asks)

    def finished(self, status: FinishStatus) -> RequestFinished:
        """The last event of the request."""
        by_stage: dict[Stage, list[StageReport]] = {}
        for report in self.reports:
            by_stage.setdefault(report.stage, []).append(report)
        return RequestFinished(
            self.request.request_id,
            status,
            tuple(_timing(stage, reports) for stage, reports in by_stage.items()),
            self.error,
            tuple(_span(stage, reports) for stage, reports in by_stage.items()),
        )


def _timing(stage: Stage, reports: Sequence[StageReport]) -> StageTiming:
    """The milliseconds of all its steps, and the largest batch."""
    total_ms = sum(report.duration_ms for report in reports)
    return StageTiming(stage.value, total_ms, max(report.batch_size for report in reports))


def _span(stage: Stage, reports: Sequence[StageReport]) -> StageSpan:
    last = reports[-1]
    return StageSpan(stage.value, reports[0].started_s, last.started_s + last.duration_ms / 1000)


def combined_status(statuses: Collection[FinishStatus]) -> FinishStatus:
    """A request's status: FAILED or TRUNCATED when any sequence is, EMPTY when all are, otherwise OK."""
    for status in (FinishStatus.FAILED, FinishStatus.TRUNCATED, FinishStatus.OK):
        if status in statuses:
            return status
    return FinishStatus.EMPTY
