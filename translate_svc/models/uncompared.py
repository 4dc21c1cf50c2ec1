"""The self-test of a checkpoint without its original weights: stages run, but nothing is there to compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from translate_svc.errors import EngineError
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.runs import Runs
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.selftest import MAX_NEW_TOKENS, Case
from translate_svc.models.slices import finish
from translate_svc.models.speech_model import NOT_FINITE, PieceInput, T2uInput

_SLOT = 0
_Outcome = TypeVar("_Outcome")


@dataclass(frozen=True, slots=True)
class Translated:
    """What came of one case: a text, ``samples`` of speech, and what is wrong with them, or an empty text."""

    case: Case
    token_ids: tuple[int, ...]
    samples: int = 0
    problem: str = ""


def translate(checkpoint: Checkpoint, model: SeamlessModel, case: Case) -> Translated:
    """Greedy translation, then speech if the case has a speaker. All numbers on the way must be finite."""
    eos, language = checkpoint.config.eos_token_id, checkpoint.maps.text_languages[case.language]
    fed = [eos, language]
    try:
        _checked(finish(model.encode([case.source], [[_SLOT]]))[0])
        for position in range(MAX_NEW_TOKENS):
            made = model.decode(Runs.steps([_SLOT], [position], [fed[position]]))
            if not made.finite:
                raise EngineError(NOT_FINITE)
            if position >= 1:
                fed.append(int(made.logits[0].argmax()))
            if fed[-1] == eos and position >= 1:
                break
        text = tuple(fed[2:-1] if fed[-1] == eos else fed[2:])
        if case.speaker_id is None or not text or fed[-1] != eos:
            return Translated(case, text)
        speech = _checked(model.speech.text_to_unit([T2uInput(_SLOT, tuple(fed[:-1]), 1.0)])[0])
        units = np.asarray(speech.units)
        piece = PieceInput(units, 0, len(units), case.language, case.speaker_id)
        return Translated(case, text, len(_checked(model.speech.vocode([piece])[0])))
    except EngineError as error:
        return Translated(case, tuple(fed[2:]), problem=str(error))


def _checked(outcome: _Outcome | EngineError) -> _Outcome:
    if isinstance(outcome, EngineError):
        raise outcome
    return outcome
