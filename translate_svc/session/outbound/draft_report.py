"""What inspection shows of a draft."""

from __future__ import annotations

from collections.abc import Sequence

from translate_svc.engine.simultaneous.draft import DraftDecided
from translate_svc.session.negotiation import LaneKind, PlannedSequence
from translate_svc.types import DraftReport


def draft_report(
    event: DraftDecided,
    plan: PlannedSequence,
    *,
    utterance_id: int,
    heard_through_sample: int,
    buffer_start_ms: int,
) -> DraftReport:
    """The report of one target of a draft."""
    draft, committed = event.draft, event.draft.history_tokens + event.decision.committed
    reason = event.decision.reason
    return DraftReport(
        utterance_id=utterance_id,
        language=plan.spec.language,
        transcript=plan.text is not None and plan.text.kind is LaneKind.TRANSCRIPT,
        heard_through_sample=heard_through_sample,
        buffer_start_ms=buffer_start_ms,
        history=_text(draft.pieces[: draft.history_tokens]),
        committed=_text(draft.pieces[draft.history_tokens : committed]),
        held=_text(draft.pieces[committed:]),
        hold_reason="" if reason is None else reason.value,
    )


def _text(pieces: Sequence[str]) -> str:
    return "".join(pieces).replace("\u2581", " ").strip()
