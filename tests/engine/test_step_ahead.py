"""Steps that are launched ahead: events are those of the plain loop, and the device always has work."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.checkpoints import LIMITS, checkpoint_folder, new_model, utterances
from tests.engine.runner_harness import RunnerHarness
from tests.fakes.fake_graph_capturer import FakeGraphCapturer, limit_captured_batches
from tests.fakes.standin import NAME, stand_in
from tests.step_results import decode_results
from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import EngineEvent, RequestFinished, TextScored, TokenDecoded, WaveformPiece
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import EncodeItem
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.runner import model_runner
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.errors import EngineError
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.seamless.tokenizer import SentencePieceTokenizer
from translate_svc.models.slices import Slices
from translate_svc.types import Samples

_FAILING = 93
"""A token that two of the sources make. Fed, it gives a state that is not finite."""
_SOURCES: list[Samples | SourceText] = [*utterances("tiny")[:4], SourceText("one two three four", "eng")]


class LoggingCapturer(FakeGraphCapturer):
    """Appends ``launch`` to ``log`` with each replay of a decode step."""

    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self._log = log

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        replay = super().__call__(function)

        def logged() -> Tensor:
            made = replay()
            if made.dtype is torch.float64:  # what a decode step packs
                self._log.append("launch")
            return made

        return logged


@dataclass
class Loop:
    """A core whose model can be told to fail at ``_FAILING``. ``log``: steps, and launches with graphs."""

    model: SeamlessModel
    runner: ModelRunner
    log: list[str]
    fails: bool = False

    @classmethod
    def new(cls, *, graphs: bool, device: str = "cpu", log: list[str] | None = None) -> Loop:
        log = [] if log is None else log
        model: Any = new_model("tiny", device=device)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(model_runner, "graph_capturer", lambda _device: LoggingCapturer(log))
            limit_captured_batches(patch)
            # with a clock that stands, every encoding takes one step
            runner = ModelRunner(model, LIMITS, graphs=graphs, clock=lambda: 0.0)
        loop = cls(model, runner, log)
        embed = model.decoder.embed

        def failing(token_ids: Tensor) -> Tensor:
            made: Tensor = embed(token_ids)
            return made.masked_fill((token_ids == _FAILING)[..., None], torch.nan) if loop.fails else made

        model.decoder.embed = failing
        return loop

    def run(self, work: list[Work], *, fails: bool = False) -> list[list[EngineEvent]]:
        """The events of each step, until all is done."""
        self.fails = fails
        checkpoint = Checkpoint.open(checkpoint_folder("tiny"))
        tokenizer = SentencePieceTokenizer.from_pretrained(
            checkpoint.path, config=checkpoint.config, languages=checkpoint.maps.text_languages
        )
        limits = EngineLimits(
            max_slots=LIMITS.max_slots,
            max_slot_tokens=LIMITS.max_slot_tokens,
            max_source_tokens=LIMITS.max_source_tokens,
            initial_credit_pieces=100,
        )
        scheduler = Scheduler(limits, tokenizer)
        core = EngineCore(scheduler, self.runner)
        made: list[list[EngineEvent]] = []
        while scheduler.has_work or len(made) <= max(each.arrives for each in work):
            for index, each in enumerate(work):
                if each.arrives == len(made):
                    scheduler.add(each.request(str(index)))
                if each.aborted == len(made):
                    scheduler.abort(str(index))
            self.log.append("step")
            made.append(core.step())
        return made


@dataclass(frozen=True)
class Work:
    """A request, the step before which it arrives, and the one before which it is aborted."""

    source: int
    arrives: int = 0
    aborted: int | None = None
    languages: tuple[str, ...] = ("eng",)
    speech: bool = False
    given: bool = False

    def request(self, request_id: str) -> Request:
        spec = SequenceSpec("eng", self.speech, given_token_ids=(45, 31, 17) if self.given else ())
        specs = tuple(replace(spec, language=language) for language in self.languages)
        return Request(request_id, _SOURCES[self.source], specs, source_times=self.source % 2 == 0)


@functools.cache
def plain() -> Loop:
    return Loop.new(graphs=False)


@functools.cache
def overlapped() -> Loop:
    return Loop.new(graphs=True)


def alike(event: EngineEvent) -> object:
    """The event without what differs between any two runs: times, and the last bits of numbers."""
    match event:
        case TokenDecoded():
            return replace(event, log_probability=round(event.log_probability, 3))
        case TextScored():
            return replace(event, log_probabilities=tuple(round(each, 3) for each in event.log_probabilities))
        case WaveformPiece():
            return event.request_id, event.start_samples, np.round(event.samples, 3).tobytes(), event.final
        case RequestFinished():
            return replace(event, timings=(), spans=())
    return event


_WORK = st.builds(
    Work,
    source=st.integers(0, len(_SOURCES) - 1),
    arrives=st.integers(0, 12),
    aborted=st.none() | st.integers(0, 30),
    languages=st.sampled_from([("eng",), ("spa",), ("eng", "spa")]),
    speech=st.just(False),
    given=st.sampled_from([False, False, False, True]),
)


@settings(max_examples=12)
@given(work=st.lists(_WORK, min_size=2, max_size=9), fails=st.booleans())
def test_each_step_has_the_events_of_the_plain_loop(work: list[Work], fails: bool) -> None:
    """Texts that join and end at any time, are aborted while a step is under way, or fail: same order too."""
    expected, made = (loop.run(work, fails=fails) for loop in (plain(), overlapped()))
    assert [[*map(alike, step)] for step in made] == [[*map(alike, step)] for step in expected]


def test_speech_is_of_the_text_and_not_of_the_token_that_nobody_sees() -> None:
    work = [Work(index, arrives=index, languages=("eng", "spa"), speech=True) for index in range(4)]
    expected, made = (loop.run(work) for loop in (plain(), overlapped()))
    assert [[*map(alike, step)] for step in made] == [[*map(alike, step)] for step in expected]
    assert any(isinstance(event, WaveformPiece) for step in made for event in step)


@pytest.mark.skipif(
    os.environ.get("TEST_DEVICE", "cpu") != "cpu",
    reason="torch knows one accelerator a process, and the tests of this room have one already",
)
def test_the_host_waits_for_a_step_when_the_next_one_is_launched() -> None:
    with stand_in() as device:
        loop = Loop.new(graphs=True, device=NAME, log=device.waits)
        device.waits.clear()
        loop.run([Work(source) for source in (0, 2, 3)])
    steps = " ".join(device.waits).split("step")
    assert len(steps) > 20
    # before the first step there are the encoding and the prompts; the last one fills the slot of its text
    assert {step.strip() for step in steps[3:-1]} == {"launch synchronize"}, "and no step is computed twice"


@pytest.mark.host_alone
def test_an_encoding_gets_as_long_as_the_device_decodes_while_the_host_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In virtual time: the host is away for 4 s between two steps, and a slice of the encoder takes 1 s."""
    now_s, model = [0.0], new_model("tiny")
    limit_captured_batches(monkeypatch)
    monkeypatch.setattr(model_runner, "graph_capturer", lambda _device: FakeGraphCapturer())
    harness = RunnerHarness(3, ModelRunner(model, LIMITS, clock=lambda: now_s[0]), model)
    encode = model.encode

    def sliced(*args: Any) -> Slices[list[int | EngineError]]:
        for _ in range(9):
            now_s[0] += 1.0
            yield
        return (yield from encode(*args))

    monkeypatch.setattr(model, "encode", sliced)
    for position in (3, 4):
        now_s[0] += 4.0
        for row, each in zip(
            harness.tokens, decode_results(harness.run(decode=harness.decode_items(position))), strict=True
        ):
            row.append(each.token_id)
    now_s[0] = 100.0
    harness.run(encode=[EncodeItem("new", harness.samples[0], (4,), 9)], decode=harness.decode_items(5))
    assert now_s[0] == 104.0
