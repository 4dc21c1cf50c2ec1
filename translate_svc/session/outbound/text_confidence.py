"""How sure the model is of the texts of one utterance."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from translate_svc.models.confidence.rule import ConfidenceRule
from translate_svc.session.negotiation import LaneKind, PlannedSequence
from translate_svc.types import LOW_CONFIDENCE, StreamWarning, TextConfidence


class ConfidenceMeter:
    """Collects the log-probabilities of an utterance's tokens, by sequence.

    Simultaneous translation delivers the tokens of one text in several drafts. They count as one text.
    """

    def __init__(self, rule: ConfidenceRule, plans: Sequence[PlannedSequence]) -> None:
        self._rule = rule
        self._plans = plans
        self._log_probabilities: list[list[float]] = [[] for _ in plans]

    def add(self, sequence: int, log_probability: float) -> None:
        """Adds one token; ``log_probability`` is natural."""
        self._log_probabilities[sequence].append(log_probability)

    def confidences(self, sequences: Collection[int]) -> tuple[TextConfidence, ...]:
        """The confidence in each text of ``sequences`` that is not empty, in the order of the request."""
        heard = [
            scores
            for plan, scores in zip(self._plans, self._log_probabilities, strict=True)
            if _is_transcript(plan)
        ]
        transcript = heard[0] if heard else ()
        found = []
        for index in sorted(sequences):
            plan, scores = self._plans[index], self._log_probabilities[index]
            if not scores:
                continue
            own = _is_transcript(plan)
            confidence = self._rule.confidence(scores, () if own else transcript)
            found.append(TextConfidence(plan.spec.language, own, confidence, self._rule.calibrated))
        return tuple(found)

    def warnings(self, utterance_id: int, confidences: Sequence[TextConfidence]) -> list[StreamWarning]:
        """A warning for each text with a confidence below the threshold."""
        tokens = {
            (plan.spec.language, _is_transcript(plan)): len(scores)
            for plan, scores in zip(self._plans, self._log_probabilities, strict=True)
        }
        return [
            StreamWarning(
                LOW_CONFIDENCE,
                f"the model is unsure of this text: it is right with a probability of {each.confidence:.2f}",
                utterance_id,
                each.language,
            )
            for each in confidences
            if self._rule.flags(each.confidence, tokens[each.language, each.transcript])
        ]


def _is_transcript(plan: PlannedSequence) -> bool:
    return plan.text is not None and plan.text.kind is LaneKind.TRANSCRIPT
