"""The events that a finished request must have, computed from its script alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tests.fakes.fake_runner import FakeTranslation, units_of, waveform_of
from tests.fakes.fake_tokenizer import PROMPT_TOKENS, FakeTokenizer
from translate_svc.engine.events import (
    EngineEvent,
    FinishStatus,
    RequestFinished,
    SequenceFinished,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.text.detokenize import Detokenizer, TokenTexts
from translate_svc.types import Stage

LANGUAGES = ("eng", "spa", "fra")

_LETTER = {
    TokenDecoded: "t",
    TextFinished: "f",
    UnitsPredicted: "u",
    WaveformPiece: "w",
    SequenceFinished: "s",
}
_ORDER = {
    (FinishStatus.EMPTY, True): "t*fs",
    (FinishStatus.EMPTY, False): "t*fs",
    (FinishStatus.OK, True): "t+fuw*s",
    (FinishStatus.OK, False): "t+fs",
    (FinishStatus.TRUNCATED, True): "t+fuw*s",
    (FinishStatus.TRUNCATED, False): "t+fs",
    (FinishStatus.FAILED, True): "t*(fu?w*)?s",
    (FinishStatus.FAILED, False): "t*s",
}


@dataclass(frozen=True, slots=True)
class RequestScript:
    """What a request and the fake model are to do.

    ``frames``: frames of the source, or words of a text. ``sequences``: whether each has speech, and what the
    model says.
    """

    frames: int
    sequences: tuple[tuple[bool, FakeTranslation], ...]
    is_text: bool = False

    @property
    def encode_cost_frames(self) -> int:
        """The encode cost of the source. A text also has its language and ``</s>`` encoded."""
        return self.frames + PROMPT_TOKENS if self.is_text else self.frames


class ExpectedEvents:
    """Checks order and content of events. It uses the script alone, not the other requests of the batch."""

    def __init__(
        self, script: RequestScript, limits: EngineLimits, tokenizer: FakeTokenizer, *, times: bool = True
    ) -> None:
        """``times``: whether the model knows where the tokens of speech come from."""
        self._script = script
        self._limits = limits
        self._tokenizer = tokenizer
        self._times = times and not script.is_text

    def check(self, events: list[EngineEvent]) -> None:
        """Checks all events of a finished request, including the last one."""
        script = self._script
        *body, last = events
        assert isinstance(last, RequestFinished)
        encode_fails = any(translation.fails_at is Stage.ENCODE for _, translation in script.sequences)
        statuses = []
        for index, (speech, translation) in enumerate(script.sequences):
            own: list[EngineEvent] = [event for event in body if getattr(event, "sequence", None) == index]
            statuses.append(self._check_sequence(own, speech, translation, encode_fails))
        if FinishStatus.FAILED in statuses:
            assert last.status is FinishStatus.FAILED
            assert "poisoned" in last.error
        elif FinishStatus.TRUNCATED in statuses:
            assert last.status is FinishStatus.TRUNCATED
        else:
            assert last.status is (FinishStatus.OK if FinishStatus.OK in statuses else FinishStatus.EMPTY)
        assert Stage.ENCODE.value in {timing.stage for timing in last.timings}

    def _check_sequence(
        self, events: list[EngineEvent], speech: bool, translation: FakeTranslation, encode_fails: bool
    ) -> FinishStatus:
        finish = events[-1]
        assert isinstance(finish, SequenceFinished)
        letters = "".join(_LETTER[type(event)] for event in events if not isinstance(event, RequestFinished))
        pattern = _ORDER[finish.status, speech]
        assert re.fullmatch(pattern, letters), f"{finish.status}: {letters} is not {pattern}"
        decoded = translation.token_ids[: self._limits.max_slot_tokens - len(self._tokenizer.prompt("eng"))]
        expected = self._expected_status(speech, translation, encode_fails, decoded)
        assert finish.status is expected
        if expected is not FinishStatus.FAILED:
            self._check_text(events, decoded)
        if speech and expected in (FinishStatus.OK, FinishStatus.TRUNCATED):
            prompt = self._tokenizer.prompt(LANGUAGES[finish.sequence])
            self._check_speech(events, (*prompt, *decoded), translation.units)
        return finish.status

    def _expected_status(
        self, speech: bool, translation: FakeTranslation, encode_fails: bool, decoded: tuple[int, ...]
    ) -> FinishStatus:
        text = self._text(decoded)
        if encode_fails or (
            translation.fails_at is Stage.DECODE and self._reaches_decode_failure(translation)
        ):
            return FinishStatus.FAILED
        if not text.strip():
            return FinishStatus.EMPTY
        if speech and (
            translation.fails_at is Stage.TEXT_TO_UNIT
            or (translation.fails_at is Stage.VOCODE and translation.units)
        ):
            return FinishStatus.FAILED
        return FinishStatus.TRUNCATED if len(decoded) < len(translation.token_ids) else FinishStatus.OK

    def _reaches_decode_failure(self, translation: FakeTranslation) -> bool:
        return 1 + len(translation.token_ids) // 2 < self._limits.max_slot_tokens

    def _text(self, token_ids: tuple[int, ...]) -> str:
        detokenizer = Detokenizer(TokenTexts(self._tokenizer))
        for token_id in token_ids:
            detokenizer.push(token_id)
        detokenizer.finish()
        return detokenizer.text

    def _check_text(self, events: list[EngineEvent], decoded: tuple[int, ...]) -> None:
        tokens = [event for event in events if isinstance(event, TokenDecoded)]
        (text,) = [event for event in events if isinstance(event, TextFinished)]
        assert tuple(event.token_id for event in tokens) == decoded
        times = [160 * (i + 1) if self._times else None for i in range(len(tokens))]
        assert [event.source_ms for event in tokens] == times
        assert "".join(event.text for event in tokens) + text.tail == text.text == self._text(decoded)
        assert text.tokens == len(decoded)

    def _check_speech(self, events: list[EngineEvent], fed: tuple[int, ...], count: int) -> None:
        units = units_of(fed, count)
        (predicted,) = [event for event in events if isinstance(event, UnitsPredicted)]
        assert predicted.units == tuple(units.tolist())
        pieces = [event for event in events if isinstance(event, WaveformPiece)]
        assert [piece.final for piece in pieces] == [False] * (len(pieces) - 1) + [True] * bool(pieces)
        samples = [np.empty(0, np.float32), *(piece.samples for piece in pieces)]
        starts = np.cumsum([len(each) for each in samples])
        assert [piece.start_samples for piece in pieces] == starts[:-1].tolist()
        np.testing.assert_array_equal(np.concatenate(samples), waveform_of(units))
