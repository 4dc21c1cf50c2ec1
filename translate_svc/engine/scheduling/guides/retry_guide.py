"""An unsure text is made again of the same speech, heard a little faster and a little slower.

What a model mishears at one speed it often hears rightly at another, and then is surer of it. (Training on
speech at such speeds is usual: Ko et al. 2015, "Audio augmentation for speech recognition". Here the model
has the choice after training.)
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass

from translate_svc.confidence import is_sure
from translate_svc.engine.events import StopReason
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import BeamItem, DecodeItem
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.scheduling.guides.guide import Ended, Guide
from translate_svc.engine.scheduling.guides.redecoding import Redecoding
from translate_svc.engine.scheduling.guides.retry import Retry
from translate_svc.engine.scheduling.sequence import SequenceState
from translate_svc.engine.step_result import DecodeResult
from translate_svc.models.checkpoint.cascade_options import RETRY_SPEEDS


class _Pass(enum.Enum):
    """What the text waits for."""

    DRAFT = "draft"
    ENCODE = "encode"
    DECODE = "decode"
    RESTORE = "restore"
    """The speech as it is, which terms are looked for in."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A text, and what was said of its tokens and its end. ``source_ms``: of its tokens."""

    token_ids: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    source_ms: tuple[int | None, ...]

    @property
    def score(self) -> float:
        return math.fsum(self.log_probabilities)


class RetryGuide(Guide):
    """Of the transcript of speech, which is not spoken. The likeliest text of all speeds is taken.

    Nothing of it is delivered before. A text that is empty, because nobody speaks, is not made again.
    """

    def __init__(
        self,
        request: Request,
        sequence: SequenceState,
        job_ids: Iterator[int],
        limits: EngineLimits,
        eos_token_id: int,
    ) -> None:
        """``job_ids``: which no other encoding has; one for each speed, and one more."""
        assert not isinstance(request.source, SourceText), "validation refuses such a sequence"
        self._request, self._source = request, request.source
        self._job_ids = job_ids
        self._eos = eos_token_id
        self._max_tokens = limits.max_slot_tokens - sequence.text.prompt_tokens - 1  # the end takes one
        shortest, longest = limits.min_source_samples, limits.max_source_samples
        speeds = RETRY_SPEEDS[: sequence.spec.retries]
        self._speeds = [each for each in speeds if shortest <= len(self._source) / each <= longest]
        self._pass = _Pass.DRAFT
        self._draft: list[float] = []  # log-probabilities
        self._best: _Heard | None = None
        self._again: Redecoding | None = None
        self._last: DecodeResult | None = None
        self._retry: Retry | None = None

    @property
    def retry(self) -> Retry | None:
        """What is encoded next, or was encoded last."""
        return self._retry

    def item(self, sequence: SequenceState) -> DecodeItem | BeamItem:
        """The next pass."""
        if self._again is None:
            return super().item(sequence)
        times = self._request.source_times
        return self._again.item(sequence.key, sequence.held_slot, return_source_ms=times)

    def begin_run(self, decoded: DecodeResult) -> bool:
        """Of the draft the tokens count. All others are passes of its own."""
        self._last = decoded
        if self._pass is _Pass.DRAFT:
            self._draft.append(decoded.log_probability)
        return self._pass is _Pass.DECODE

    def ended(self, sequence: SequenceState) -> Ended:
        """One speed after another, until the text is sure."""
        if self._pass is _Pass.DRAFT:
            text = sequence.text
            if not text.tokens:
                return Ended.FINISHED
            if text.stop_reason is StopReason.END_OF_TEXT:
                times = tuple(sequence.source_times())
                self._best = _Heard(tuple(text.token_ids[text.prompt_tokens :]), tuple(self._draft), times)
        elif self._pass is _Pass.ENCODE:
            assert self._retry is not None, "it was encoded"
            if not self._retry.has_failed:
                self._begin(sequence)
                return Ended.GOES_ON
        elif self._pass is _Pass.DECODE:
            assert self._again is not None, "it has begun"
            assert self._last is not None, "a pass has a result"
            self._again.add(self._last)
            if not self._again.is_over:
                return Ended.GOES_ON
            self._compare(self._again)
        else:
            return Ended.FINISHED
        return self._next(sequence)

    def _begin(self, sequence: SequenceState) -> None:
        draft = () if self._best is None else self._best.token_ids
        self._again = Redecoding(
            sequence,
            draft if len(draft) <= self._max_tokens else (),
            eos_token_id=self._eos,
            max_tokens=self._max_tokens,
        )
        self._pass = _Pass.DECODE

    def _compare(self, again: Redecoding) -> None:
        """Keeps the likelier text. One that guards stop, or that is empty, is none."""
        assert self._retry is not None, "it was encoded"
        if not (again.is_whole and again.token_ids):
            return
        speed = self._retry.speed
        times = tuple(None if each is None else round(each * speed) for each in again.source_ms)
        heard = _Heard(tuple(again.token_ids), tuple(again.log_probabilities), times)
        if self._best is None or heard.score > self._best.score:
            self._best = heard

    def _next(self, sequence: SequenceState) -> Ended:
        best = self._best
        if self._speeds and not (best is not None and is_sure(best.log_probabilities)):
            return self._encode(sequence, _Pass.ENCODE, self._speeds.pop(0))
        if self._retry is None:
            return Ended.FINISHED
        if best is not None:
            self._take(sequence, best)
        if not self._request.terms:
            return Ended.FINISHED
        return self._encode(sequence, _Pass.RESTORE, 1.0)

    def _encode(self, sequence: SequenceState, to: _Pass, speed: float) -> Ended:
        self._pass, self._again = to, None
        self._retry = Retry(next(self._job_ids), sequence, self._source, speed)
        return Ended.RETRIES

    def _take(self, sequence: SequenceState, best: _Heard) -> None:
        """Makes the text that of the best one."""
        sequence.rewind(0)
        assert sequence.withheld is not None, "nothing is delivered before"
        for heard in zip(best.token_ids, best.log_probabilities, best.source_ms, strict=False):
            sequence.push_token(DecodeResult(sequence.key, *heard), sequence.withheld)
