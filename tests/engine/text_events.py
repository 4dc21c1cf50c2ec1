"""What the events of a request say of its texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.engine.simultaneous.hypothesis_harness import HypothesisHarness, of
from translate_svc.engine.events import TextFinished, TextScored, TokenDecoded
from translate_svc.engine.request import Request
from translate_svc.engine.sequence_spec import SequenceSpec


def tokens(events: Sequence[Any], sequence: int = 0) -> tuple[int, ...]:
    return tuple(each.token_id for each in of(events, TokenDecoded) if each.sequence == sequence)


def text(events: Sequence[Any], sequence: int = 0) -> str:
    (finished,) = (each for each in of(events, TextFinished) if each.sequence == sequence)
    decoded = [each for each in of(events, TokenDecoded) if each.sequence == sequence]
    assert "".join(each.text for each in decoded) + finished.tail == finished.text, "deltas are the text"
    return str(finished.text)


def scores(source: Any, language: str, given: tuple[int, ...]) -> tuple[float, ...]:
    """Of a text and its end, as a translation of ``source``."""
    spec = SequenceSpec(language, given_token_ids=given)
    (events,) = HypothesisHarness().run(Request("score", source, (spec,)))
    (scored,) = of(events, TextScored)
    return tuple(scored.log_probabilities)
