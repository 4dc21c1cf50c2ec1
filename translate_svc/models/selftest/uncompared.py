"""The self-test of a checkpoint without its original weights: stages run, but nothing is there to compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from translate_svc.errors import EngineError
from translate_svc.models.decoded_step import NO_OPTIONAL_FIELDS
from translate_svc.models.runs import Runs
from translate_svc.models.selftest.comparison import MAX_NEW_TOKENS, SLOT, Case, result
from translate_svc.models.slices import finish
from translate_svc.models.speech_model import NOT_FINITE, PieceInput, SpeechModel, T2uInput
from translate_svc.models.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Translated:
    """What came of one case: a text, ``samples`` of speech, and what is wrong with them, or an empty text."""

    case: Case
    token_ids: tuple[int, ...]
    samples: int = 0
    problem: str = ""


def translate(tokenizer: Tokenizer, model: SpeechModel, case: Case) -> Translated:
    """Greedy translation, then speech if the case has a speaker. All numbers on the way must be finite."""
    eos, rules = tokenizer.eos_token_id, tokenizer.text_rules
    fed = [*tokenizer.prompt(case.language, case.source_language)]
    first = len(fed)
    try:
        result(finish(model.encode([case.source], [[SLOT]])))
        for position in range(MAX_NEW_TOKENS):
            made = model.decode(Runs.steps([SLOT], [position], [fed[position]]), NO_OPTIONAL_FIELDS)
            if not made.finite:
                raise EngineError(NOT_FINITE)
            if position >= first - 1:
                never = (
                    rules.suppressed if position >= first else (*rules.suppressed, *rules.suppressed_first)
                )
                made.logits[:, list(never)] = -torch.inf
                fed.append(int(made.logits[0].argmax()))
                if fed[-1] == eos:
                    break
        ended = len(fed) > first and fed[-1] == eos
        text = tuple(fed[first:-1] if ended else fed[first:])
        if model.speech is None or case.speaker_id is None or not text or not ended:
            return Translated(case, text)
        speech = result(model.speech.text_to_unit([T2uInput(SLOT, tuple(fed[:-1]), 1.0)]))
        units = np.asarray(speech.units)
        piece = PieceInput(units, 0, len(units), case.language, case.speaker_id)
        return Translated(case, text, len(result(model.speech.vocode([piece]))))
    except EngineError as error:
        return Translated(case, tuple(fed[first:]), problem=str(error))
