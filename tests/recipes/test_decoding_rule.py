"""The recipe "a decoding rule" of docs/architecture.md: an example that forbids words, from end to end."""

from __future__ import annotations

import dataclasses

import pytest

from tests.checkpoints import checkpoint_folder, new_runner, utterances
from tests.engine.simultaneous.hypothesis_harness import LIMITS, HypothesisHarness, of, tokenizer_of
from translate_svc.engine.constraint import Constraint
from translate_svc.engine.events import TextFinished, TokenDecoded
from translate_svc.engine.plan import DecodeItem
from translate_svc.engine.request import Request
from translate_svc.engine.scheduling import request_states
from translate_svc.engine.scheduling.greedy_sequence import GreedySequence
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.models.checkpoint.checkpoint import Checkpoint

FORBIDDEN_MASK = "forbidden"  # step 1: the name of a set of tokens


class CarefulSequence(GreedySequence):
    """Step 3: its items name the constraint."""

    def decode_item(self) -> DecodeItem:
        return dataclasses.replace(super().decode_item(), constraint=Constraint(masks=(FORBIDDEN_MASK,)))


def house(forbidden: list[int]) -> HypothesisHarness:
    """Step 2: the runner is built with the set."""
    runner = new_runner("starter", LIMITS.model_limits, masks={FORBIDDEN_MASK: forbidden})
    return HypothesisHarness(runner=runner)


def test_a_rule_takes_three_steps_and_holds_for_every_token(monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request("r", utterances("starter")[0], (SequenceSpec("spa"),))
    (plain,) = house([]).run(request)
    tokens = [event.token_id for event in of(plain, TokenDecoded)]
    tokenizer = tokenizer_of(Checkpoint.open(checkpoint_folder("starter")))
    forbidden = next(each for each in tokens[1:] if tokenizer.id_to_piece(each).startswith("\u2581"))
    monkeypatch.setattr(request_states, "GreedySequence", CarefulSequence)
    (careful,) = house([forbidden]).run(request)
    chosen = [event.token_id for event in of(careful, TokenDecoded)]
    assert forbidden not in chosen
    assert chosen[: tokens.index(forbidden)] == tokens[: tokens.index(forbidden)]
    assert of(careful, TextFinished)[0].text
