"""How sure the model is of the texts of one utterance."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from translate_svc.confidence import UNKNOWN_AGREEMENT, ConfidenceRule, is_sure
from translate_svc.engine.events import TextFinished, TextScored, TokenDecoded
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.sequence_spec import SequenceSpec, TextGuards
from translate_svc.session.settings.planned_sequence import PlannedSequence
from translate_svc.types import LOW_CONFIDENCE, StreamWarning, TextConfidence

_WRITING_GUARDS = TextGuards(repetition_stop=True, length_stop=True)


class _Comparison(NamedTuple):
    """Which sequence's text the model reads, and those whose texts it is given as translations.

    ``typed``: the text that it is given instead, or is to write itself.
    """

    read: int
    given: tuple[int, ...] = ()
    typed: SourceText | None = None


class ConfidenceMeter:
    """Collects the log-probabilities of an utterance's tokens, by sequence.

    Simultaneous translation delivers the tokens of one text in several hypotheses. They count as one text.
    """

    def __init__(
        self, rule: ConfidenceRule, plans: Sequence[PlannedSequence], witness: int | None = None
    ) -> None:
        """``witness``: the sequence of the transcript that translations are compared with."""
        self._rule = rule
        self._witness = witness
        self._plans = plans
        self._log_probabilities: list[list[float]] = [[] for _ in plans]
        self._token_ids: list[list[int]] = [[] for _ in plans]
        self._with_terms: set[int] = set()  # sequences
        self._agreements = [UNKNOWN_AGREEMENT for _ in plans]
        self._compared: dict[str, _Comparison] = {}  # by request
        self._planned: list[Request] = []
        self._read: dict[int, str] = {}  # translations of a typed text, by sequence
        self._written: list[float] = []  # of the tokens that the open comparison has written
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

        ``texts``: those that are whole, by sequence. The requests' ids begin with ``request_id``. For a
        transcript that nobody asked for only unsure translations are compared: it is work that costs.
        ``source``: the text that was typed, which then takes the place of the transcript.
        """
        texts = {index: text for index, text in texts.items() if index not in self._with_terms}
        if source is not None:
            self._plan_readings(request_id, texts, source)
            return
        kept = [index for index, text in texts.items() if text.strip() and self._token_ids[index]]
        heard = [index for index in kept if index == self._witness]
        languages = {self._plans[index].spec.language for index in heard}
        written = [index for index in kept if self._plans[index].spec.language not in languages]
        if heard and self._plans[heard[0]].is_hidden:
            written = [index for index in written if not is_sure(self._log_probabilities[index])]
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
        """The model reads each translation and says how probable the source text is as that of it.

        Where that leaves a translation unsure, it writes the source text itself: who types without capitals
        or a full stop types what the model would not, and means the same.
        """
        if self._rule.with_source is None:
            return
        given = SequenceSpec(source.language, given_text=source.text)
        self._read = {n: text for n, text in texts.items() if text.strip() and self._token_ids[n]}
        for index, text in self._read.items():
            read = SourceText(text, self._plans[index].spec.language)
            self._plan(f"{request_id}/comparison/{index}", read, given, _Comparison(index, typed=source))

    def _plan(self, name: str, read: SourceText, spec: SequenceSpec, compared: _Comparison) -> None:
        self._compared[name] = compared
        self._planned.append(Request(name, read, (spec,)))

    def next_comparison(self) -> Request | None:
        """The next planned request; it is ``open_comparison`` from now on. None after the last one."""
        request = self._planned.pop(0) if self._planned else None
        self._written = []
        self.open_comparison = None if request is None else request.request_id
        return request

    def skip_comparisons(self) -> None:
        """Drops the one that is open, and all that are planned."""
        self._planned, self.open_comparison = [], None

    def _given(self, index: int) -> SequenceSpec:
        language = self._plans[index].spec.language
        return SequenceSpec(language, given_token_ids=tuple(self._token_ids[index]))

    def add_comparison(self, event: TextScored | TokenDecoded | TextFinished) -> None:
        """Adds an answer to a comparison."""
        compared = self._compared[event.request_id]
        if isinstance(event, TokenDecoded):
            self._written.append(event.log_probability)
        elif isinstance(event, TextFinished):
            self._add_written(compared, event.text)
        elif compared.typed is not None:
            self._know(compared.read, transcript=event.log_probabilities)
            self._plan_writing(event.request_id, compared.read, compared.typed)
        else:
            given = compared.given[event.sequence]
            if given == self._witness:
                self._know(compared.read, transcript=event.log_probabilities)
            else:
                self._know(given, translation=event.log_probabilities)

    def _know(self, index: int, **answers: tuple[float, ...]) -> None:
        self._agreements[index] = replace(self._agreements[index], **answers)

    def _plan_writing(self, request_id: str, index: int, typed: SourceText) -> None:
        """The model is to write the typed text itself, if its translation is unsure so far."""
        if self._is_flagged(index, self._confidence(index)):
            read = SourceText(self._read[index], self._plans[index].spec.language)
            spec = SequenceSpec(typed.language, guards=_WRITING_GUARDS)
            self._plan(f"{request_id}/written", read, spec, _Comparison(index, typed=typed))

    def _add_written(self, compared: _Comparison, text: str) -> None:
        """Takes the model's own spelling of the typed text, if it is the more probable one."""
        known = self._agreements[compared.read].transcript
        assert compared.typed is not None, "nothing else is written"
        is_same = bool(self._written) and _same_words(text, compared.typed.text)
        if is_same and _mean(self._written) > _mean(known):
            self._know(compared.read, transcript=tuple(self._written))

    def confidences(self, sequences: Collection[int]) -> tuple[TextConfidence, ...]:
        """The confidence in each text of ``sequences`` that is not empty, in the order of the request."""
        return tuple(
            TextConfidence(
                self._plans[index].spec.language,
                _is_transcript(self._plans[index]),
                self._confidence(index),
                self._rule.calibrated,
            )
            for index in sorted(sequences)
            if self._log_probabilities[index]
        )

    def _confidence(self, index: int) -> float:
        if self._witness is not None and self._repeats(index, self._witness):
            index = self._witness
        beside = () if index == self._witness else self._transcript
        return self._rule.confidence(self._log_probabilities[index], beside, self._agreements[index])

    def _repeats(self, index: int, witness: int) -> bool:
        """Whether a target is the transcript itself: people must not be told two confidences of one text."""
        plans, told = self._plans, self._token_ids
        is_same_language = plans[index].spec.language == plans[witness].spec.language
        return is_same_language and told[index] == told[witness]

    def _is_flagged(self, index: int, confidence: float) -> bool:
        by_source = self._rule.by_source(self._transcript, self._agreements[index])
        return self._rule.flags(confidence, len(self._log_probabilities[index]), by_source=by_source)

    @property
    def _transcript(self) -> Sequence[float]:
        """The scores of the transcript's tokens; empty without one."""
        return () if self._witness is None else self._log_probabilities[self._witness]

    def warnings(self, utterance_id: int, confidences: Sequence[TextConfidence]) -> list[StreamWarning]:
        """A warning for each text with a confidence below the threshold."""
        sequences = {
            (plan.spec.language, _is_transcript(plan)): index for index, plan in enumerate(self._plans)
        }
        return [
            StreamWarning(
                LOW_CONFIDENCE,
                f"the model is unsure of this text: it is right with a probability of {each.confidence:.2f}",
                utterance_id,
                each.language,
            )
            for each in confidences
            if self._is_flagged(sequences[each.language, each.transcript], each.confidence)
        ]


def _same_words(one: str, other: str) -> bool:
    """Whether two texts have the same letters, marks of letters and digits, in any case."""
    return _letters(one) == _letters(other)


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFC", text.casefold())
    return "".join(each for each in folded if unicodedata.category(each)[0] in "LMN")


def _mean(log_probabilities: Sequence[float]) -> float:
    return math.fsum(log_probabilities) / len(log_probabilities)


def _is_transcript(plan: PlannedSequence) -> bool:
    return plan.is_transcript and not plan.is_hidden
