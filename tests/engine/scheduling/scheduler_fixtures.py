"""Small scripted requests, and helpers that step them to a phase, for tests of single rules."""

from __future__ import annotations

import dataclasses

from tests.engine.expected_events import RequestScript
from tests.engine.scheduling.scheduler_harness import SMALL, SchedulerHarness
from tests.fakes.fake_runner import FakeTranslation
from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.events import RequestFinished, WaveformPiece
from translate_svc.engine.options import StepBudgets
from translate_svc.engine.scheduling.sequence import Phase
from translate_svc.types import Stage

ONE, TWO = FakeTokenizer().text_ids[:2]
SPACE = FakeTokenizer().text_ids[4]
ROOMY = dataclasses.replace(SMALL, max_slots=8, budgets=StepBudgets(100, 100, 100))


def says(
    *token_ids: int,
    units: int = 0,
    speech: bool = False,
    fails_at: Stage | None = None,
    encode_steps: int = 1,
    frames: int = 1,
) -> RequestScript:
    return RequestScript(frames, ((speech, FakeTranslation(token_ids, units, fails_at, encode_steps)),))


def together(*scripts: RequestScript) -> RequestScript:
    """One request with the sequences of several scripts."""
    return RequestScript(
        scripts[0].frames, tuple(sequence for script in scripts for sequence in script.sequences)
    )


def run_to(harness: SchedulerHarness, request_id: str, phase: Phase | Stage) -> None:
    for _ in range(50):
        if phase in harness.scheduler.phases(request_id):
            return
        assert harness.step()
    raise AssertionError(f"the request does not reach {phase}")


def finish(harness: SchedulerHarness, request_id: str) -> RequestFinished:
    harness.run(200)
    harness.check_result(request_id)
    last = harness.events[request_id][-1]
    assert isinstance(last, RequestFinished)
    return last


def pieces_of(harness: SchedulerHarness, request_id: str) -> list[int]:
    """Lengths of the delivered pieces, in units."""
    return [len(e.samples) // 320 for e in harness.events[request_id] if isinstance(e, WaveformPiece)]
