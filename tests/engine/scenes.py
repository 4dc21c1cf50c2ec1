"""Small requests and short ways to a place in their life, for the tests of single rules."""

from __future__ import annotations

import dataclasses

from tests.engine.expectation import Script
from tests.engine.world import SMALL, World
from tests.fakes.fake_runner import FakeTranslation
from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.request import (
    RequestFinished,
    WaveformPiece,
)
from translate_svc.engine.sequence import Phase
from translate_svc.types import Stage

ONE, TWO = FakeTokenizer().text_ids[:2]
SPACE = FakeTokenizer().text_ids[4]
ROOMY = dataclasses.replace(
    SMALL, max_slots=8, encode_budget_frames=100, text_to_unit_budget_tokens=100, vocode_budget_units=100
)


def says(
    *token_ids: int,
    units: int = 0,
    speech: bool = False,
    fails_at: Stage | None = None,
    encode_steps: int = 1,
    frames: int = 1,
) -> Script:
    return Script(frames, ((speech, FakeTranslation(token_ids, units, fails_at, encode_steps)),))


def together(*scripts: Script) -> Script:
    """The sequences of several scripts as one request."""
    return Script(scripts[0].frames, tuple(sequence for script in scripts for sequence in script.sequences))


def run_to(world: World, request_id: str, phase: Phase | Stage) -> None:
    for _ in range(50):
        if phase in world.scheduler.phases(request_id):
            return
        assert world.step()
    raise AssertionError(f"{phase} is not reached")


def finish(world: World, request_id: str) -> RequestFinished:
    world.run(200)
    world.check_result(request_id)
    last = world.events[request_id][-1]
    assert isinstance(last, RequestFinished)
    return last


def pieces_of(world: World, request_id: str) -> list[int]:
    """Lengths in units of the pieces delivered."""
    return [len(e.samples) // 320 for e in world.events[request_id] if isinstance(e, WaveformPiece)]
