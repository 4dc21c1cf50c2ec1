"""How sure the model is of the texts of one utterance."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from translate_svc.confidence import UNKNOWN_AGREEMENT, ConfidenceRule
from translate_svc.engine.events import TextScored
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.session.settings.planned_sequence import PlannedSequence
from translate_svc.types import LOW_CONFIDENCE, StreamWarning, TextConfidence


class _Comparison(NamedTuple):
    """Which sequence's text the model reads, and those whose texts it is given as translations."""

    read: int
    given: tuple[int, ...]


class ConfidenceMeter:
    """Collects the log-probabilities of an utterance's tokens, by sequence.

    Simultaneous translation delivers the tokens of one text in several hypotheses. They count as one text.
    """

    def __init__(self, rule: ConfidenceRule, plans: Sequence[PlannedSequence]) -> None:
        self._rule = rule
        self._plans = plans
        self._log_probabilities: list[list[float]] = [[] for _ in plans]
        self._token_ids: list[list[int]] = [[] for _ in plans]
        self._with_terms: set[int] = set()  # sequences
        self._agreements = [UNKNOWN_AGREEMENT for _ in plans]
        self._compared: dict[str, _Comparison] = {}  # by request
        self._planned: list[Request] = []
        self.open_comparison: str | None = None
        """The request that compares texts now. One runs at a time, so that other streams are not delayed."""

    def settle(self, plans: Sequence[PlannedSequence]) -> None:
        """The languages of the sequences are known now."""
        self._plans = plans

    def add(self, sequence: int, token_id: int, log_probability: float, *, given: bool = False) -> None:
        """Adds one token; ``log_probability`` is natural.

        ``given``: by a term of the caller's. It does not count, and the text is compared with none: the model
        is unsure of words that it did not choose.
        """
        self._token_ids[sequence].append(token_id)
        if given:
            self._with_terms.add(sequence)
        else:
            self._log_probabilities[sequence].append(log_probability)

    def plan_comparisons(
        self, request_id: str, texts: Mapping[int, str], source: SourceText | None = None
    ) -> None:
        """Plans the requests that compare the translations with the transcript: how probable the model finds
        each one as a translation of the other. None if the rule does not use them, or if either is missing.

        ``texts``: those that are whole, by sequence. The requests' ids begin with ``request_id``.
        ``source``: the text that was typed, which then takes the place of the transcript.
        """
        texts = {index: text for index, text in texts.items() if index not in self._with_terms}
        if source is not None:
            self._plan_readings(request_id, texts, source)
            return
        kept = [index for index, text in texts.items() if text.strip() and self._token_ids[index]]
        heard = [index for index in kept if _is_transcript(self._plans[index])]
        languages = {self._plans[index].spec.language for index in heard}
        written = [index for index in kept if self._plans[index].spec.language not in languages]
        if self._rule.with_agreement is None or not (heard and written):
            return
        reading = [(heard[0], written), *((index, heard[:1]) for index in written)]
        self._compared = {
            f"{request_id}/comparison/{read}": _Comparison(read, tuple(given)) for read, given in reading
        }
        self._planned = [
            Request(
                name,
                SourceText(texts[each.read], self._plans[each.read].spec.language),
                tuple(self._given(index) for index in each.given),
            )
            for name, each in self._compared.items()
        ]

    def _plan_readings(self, request_id: str, texts: Mapping[int, str], source: SourceText) -> None:
        """The model reads each translation and says how probable the source text is as that of it."""
        if self._rule.with_source is None:
            return
        given = (SequenceSpec(source.language, given_text=source.text),)
        for index in (index for index, text in texts.items() if text.strip() and self._token_ids[index]):
            name = f"{request_id}/comparison/{index}"
            self._compared[name] = _Comparison(index, ())
            language = self._plans[index].spec.language
            self._planned.append(Request(name, SourceText(texts[index], language), given))

    def next_comparison(self) -> Request | None:
        """The next planned request; it is ``open_comparison`` from now on. None after the last one."""
        request = self._planned.pop(0) if self._planned else None
        self.open_comparison = None if request is None else request.request_id
        return request

    def skip_comparisons(self) -> None:
        """Drops the one that is open, and all that are planned."""
        self._planned, self.open_comparison = [], None

    def _given(self, index: int) -> SequenceSpec:
        language = self._plans[index].spec.language
        return SequenceSpec(language, given_token_ids=tuple(self._token_ids[index]))

    def add_comparison(self, event: TextScored) -> None:
        """Adds an answer to a comparison."""
        compared = self._compared[event.request_id]
        given = compared.given[event.sequence] if compared.given else None
        if given is None or _is_transcript(self._plans[given]):
            known = replace(self._agreements[compared.read], transcript=event.log_probabilities)
            self._agreements[compared.read] = known
        else:
            self._agreements[given] = replace(self._agreements[given], translation=event.log_probabilities)

    def confidences(self, sequences: Collection[int]) -> tuple[TextConfidence, ...]:
        """The confidence in each text of ``sequences`` that is not empty, in the order of the request."""
        transcript = self._transcript
        found = []
        for index in sorted(sequences):
            plan, scores = self._plans[index], self._log_probabilities[index]
            if not scores:
                continue
            own = _is_transcript(plan)
            beside = () if own else transcript
            confidence = self._rule.confidence(scores, beside, self._agreements[index])
            found.append(TextConfidence(plan.spec.language, own, confidence, self._rule.calibrated))
        return tuple(found)

    @property
    def _transcript(self) -> Sequence[float]:
        """The scores of the transcript's tokens; empty without one."""
        heard = [
            scores
            for plan, scores in zip(self._plans, self._log_probabilities, strict=True)
            if _is_transcript(plan)
        ]
        return heard[0] if heard else ()

    def warnings(self, utterance_id: int, confidences: Sequence[TextConfidence]) -> list[StreamWarning]:
        """A warning for each text with a confidence below the threshold."""
        tokens = {
            (plan.spec.language, _is_transcript(plan)): len(scores)
            for plan, scores in zip(self._plans, self._log_probabilities, strict=True)
        }
        by_source = {
            plan.spec.language
            for plan, agreement in zip(self._plans, self._agreements, strict=True)
            if self._rule.by_source(self._transcript, agreement)
        }
        return [
            StreamWarning(
                LOW_CONFIDENCE,
                f"the model is unsure of this text: it is right with a probability of {each.confidence:.2f}",
                utterance_id,
                each.language,
            )
            for each in confidences
            if self._rule.flags(
                each.confidence,
                tokens[each.language, each.transcript],
                by_source=each.language in by_source,
            )
        ]


def _is_transcript(plan: PlannedSequence) -> bool:
    return plan.is_transcript and not plan.is_hidden
