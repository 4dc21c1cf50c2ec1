"""The results of one stage, picked from those of a step."""

from __future__ import annotations

from typing import TypeVar

from translate_svc.engine.step_result import (
    DecodeResult,
    EncodeResult,
    EncodeUnfinished,
    StageResult,
    StepResult,
    TextToUnitResult,
    VocodeResult,
)

_Result = TypeVar("_Result", bound=StageResult)


def encode_results(result: StepResult) -> tuple[EncodeResult | EncodeUnfinished, ...]:
    """The results of ENCODE, in order."""
    return tuple(each for each in result.results if isinstance(each, EncodeResult | EncodeUnfinished))


def decode_results(result: StepResult) -> tuple[DecodeResult, ...]:
    """The results of DECODE, in order."""
    return _of(result, DecodeResult)


def unit_results(result: StepResult) -> tuple[TextToUnitResult, ...]:
    """The results of TEXT_TO_UNIT, in order."""
    return _of(result, TextToUnitResult)


def vocode_results(result: StepResult) -> tuple[VocodeResult, ...]:
    """The results of VOCODE, in order."""
    return _of(result, VocodeResult)


def _of(result: StepResult, kind: type[_Result]) -> tuple[_Result, ...]:
    return tuple(each for each in result.results if isinstance(each, kind))
