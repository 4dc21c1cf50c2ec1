"""What the engine is given: texts of all slots at once, or people who speak and pause in real time."""

from __future__ import annotations

import dataclasses
import gc
import heapq
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu_model.devices import DEVICES
from benchmarks.gpu_model.figures import Figures
from benchmarks.gpu_model.hollow import hollow_model
from benchmarks.gpu_model.timed import TimedDevice, TimedModel, Variant
from benchmarks.throughput.engine import tokenizer_of
from benchmarks.throughput.number_tokenizer import LANGUAGE
from benchmarks.throughput.utterance import TOKENS_PER_SECOND, noise
from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import EngineEvent, TokenDecoded, WaveformPiece
from translate_svc.engine.options import GPU_BUDGETS, EngineLimits
from translate_svc.engine.request import Request
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.step_result import StepReport
from translate_svc.models.seamless.tokenizer import PROMPT_TOKENS
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, SAMPLES_PER_UNIT, Stage

_STATE_S = 0.16
_UNITS_PER_CHARACTER = 3
_TOKENS = 17
"""As many different tokens in turn: more than the longest phrase that counts as a loop."""
_FIRST_TOKEN, _END = 100, 3
_LONGEST_S, _LONG_TEXT_S = 30.0, 20.0
_SHORTEST_TURN_S, _LONGEST_TURN_S, _TURN_GRID_S = 1.5, 8.5, 0.5
_SETTLING_S = 1.0
_GIVE_UP_S = 3.0
_FULL = 0.9
"""Of a budget: the next piece would not have fitted."""


def answer(given: Tensor | None, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """What a model with texts of 4 tokens a second, and 12 units a token, would give. See ``Answer``."""
    if given is not None and dtype is torch.float64:  # a decode step: token ids, positions, source lengths
        _, positions, lengths = given
        made = torch.ones(shape, dtype=dtype)
        wanted = (lengths * (_STATE_S * TOKENS_PER_SECOND)).round()
        is_over = positions + 1 - PROMPT_TOKENS >= wanted
        made[:, 0] = torch.where(is_over, _END, _FIRST_TOKEN + positions % _TOKENS)
        return made
    if given is not None and given.dtype is torch.float64:  # the first half of text-to-unit
        made = torch.ones(shape, dtype=dtype)
        made[:, 1:] = _UNITS_PER_CHARACTER * (given[:, 1 - shape[1] :] != 0)
        return made
    if dtype is torch.float64:  # an eager step
        return torch.full((), float(_FIRST_TOKEN), dtype=dtype).expand(shape)
    if dtype.is_floating_point:
        return torch.zeros(()).expand(shape)
    return torch.ones((), dtype=dtype).expand(shape)


class Bench:
    """The engine before a modelled device.

    Args:
        device: a name in ``DEVICES``.
        slots: of the decoder's caches.
        variant: what is modelled differently.
    """

    def __init__(self, device: str, slots: int, variant: Variant | None = None) -> None:
        torch.set_num_threads(1)
        self.device = TimedDevice(DEVICES[device], variant)
        self.limits = EngineLimits(
            max_slots=slots,
            max_waiting_requests=4_096,
            max_live_requests=65_536,
            budgets=GPU_BUDGETS,
        )
        with tempfile.TemporaryDirectory() as folder, self.device.installed():
            model, checkpoint = hollow_model(Path(folder), self.limits, self.device.variant.vocoder_dtype)
            timed: Any = TimedModel(model, self.device)
            self._runner = ModelRunner(timed, self.limits.model_limits, clock=self.device.clock)
            self._tokenizer = tokenizer_of(checkpoint)
        self.device.answer = answer
        self._speaker = checkpoint.speakers[LANGUAGE][0]
        self._source = noise(_LONGEST_S)
        gc.collect()
        gc.freeze()

    def decode_only(self, rows: int, steps: int) -> Figures:
        """So many steps that decode one token of each of ``rows`` texts and do nothing else. Of these the
        quarter that took the host least: a busy machine slows the host, and not the modelled device.
        """
        budgets = dataclasses.replace(GPU_BUDGETS, encode_frames=rows * self.limits.max_source_samples)
        limits = dataclasses.replace(self.limits, budgets=budgets)
        core, reports = self._core(limits)
        for index in range(rows):
            core.scheduler.add(self._request(str(index), _LONG_TEXT_S, speech=False))
        taken: list[tuple[float, float, float]] = []  # time, of it the host's, the device's
        with self.device.installed():
            while len(taken) < steps and core.scheduler.has_work:
                before = self._spent()
                core.step()
                elapsed_s, waited_s, busy_s = (
                    now - then for now, then in zip(self._spent(), before, strict=True)
                )
                if [(each.stage, each.batch_size) for each in reports[-1].stages] == [(Stage.DECODE, rows)]:
                    taken.append((elapsed_s, elapsed_s - waited_s, busy_s))
        if len(taken) < steps:
            raise RuntimeError("too few steps decoded all rows")
        quick = sorted(taken, key=lambda each: each[1])[: -(-steps // 4)]
        elapsed_s, host_s, busy_s = (sum(each) for each in zip(*quick, strict=True))
        return Figures(elapsed_s, len(quick), rows * len(quick), host_s=host_s, busy_s={"decode": busy_s})

    def live(self, streams: int, seconds: float) -> Figures:
        """People who speak half of their time, for so many virtual seconds; each utterance is submitted at
        its end. Those of the first second do not count. Who has no text three seconds later gets none.
        """
        clock, figures = self.device.clock, Figures()
        core, _ = self._core(self.limits)
        began_s = clock()
        arrivals = [(began_s + at, name, length) for at, name, length in _utterances(streams, seconds)]
        run = _LiveRun(figures, began_s + _SETTLING_S)
        with self.device.installed():
            waited_s, busy_s = clock.waited_s, dict(self.device.timeline.busy_s)
            while (arrivals or core.scheduler.has_work) and clock() < began_s + seconds + _GIVE_UP_S:
                with clock.stopped():
                    run.observe(core.scheduler)
                    while arrivals and arrivals[0][0] <= clock():
                        at_s, name, length = heapq.heappop(arrivals)
                        run.spoken(at_s, name)
                        figures.heard_s += length
                        core.scheduler.add(self._request(name, length, speech=True))
                if core.scheduler.has_work:
                    self._step(core, run)
                else:
                    clock.wait_until(arrivals[0][0] if arrivals else clock())
            figures.elapsed_s = clock() - began_s
            figures.host_s = figures.elapsed_s - (clock.waited_s - waited_s)
            figures.busy_s = {
                stage: total - busy_s.get(stage, 0.0) for stage, total in self.device.timeline.busy_s.items()
            }
        run.close()
        return figures

    def _step(self, core: EngineCore, run: _LiveRun) -> None:
        events = core.step()
        with self.device.clock.stopped():
            sound = run.take(events, self.device.clock())
            run.figures.full_steps += sound >= _FULL * self.limits.budgets.vocode_units
        for event in events:
            if isinstance(event, WaveformPiece):  # the reader takes it at once
                core.scheduler.grant(event.request_id, event.sequence)

    def _spent(self) -> tuple[float, float, float]:
        """By now: time, the host's waits, the device's work."""
        clock = self.device.clock
        return clock(), clock.waited_s, sum(self.device.timeline.busy_s.values())

    def _core(self, limits: EngineLimits) -> tuple[EngineCore, list[StepReport]]:
        reports: list[StepReport] = []
        scheduler = Scheduler(limits, self._tokenizer)
        return EngineCore(scheduler, self._runner, on_step=reports.append, clock=self.device.clock), reports

    def _request(self, request_id: str, seconds: float, *, speech: bool) -> Request:
        source = self._source[: int(seconds * INTERNAL_SAMPLE_RATE_HZ)]
        spec = SequenceSpec(LANGUAGE, speech=speech, speaker_id=self._speaker)
        return Request(request_id, source, (spec,), caller=request_id.split(".")[0])


class _LiveRun:
    """Who waits for what. ``counts_from_s``: when the end of an utterance begins to count."""

    def __init__(self, figures: Figures, counts_from_s: float) -> None:
        self.figures = figures
        self._counts_from_s = counts_from_s
        self._texts: dict[str, float] = {}  # by request, when its utterance ended
        self._speeches: dict[str, float] = {}

    def observe(self, scheduler: Scheduler) -> None:
        figures = self.figures
        figures.most_waiting = max(figures.most_waiting, scheduler.waiting_requests)
        figures.most_slots = max(figures.most_slots, len(scheduler.slot_owners))

    def spoken(self, at_s: float, name: str) -> None:
        if at_s >= self._counts_from_s:
            self._texts[name] = self._speeches[name] = at_s

    def take(self, events: Sequence[EngineEvent], now_s: float) -> float:
        """Takes the events of a step; returns their units of sound."""
        samples = 0
        self.figures.steps += 1
        for event in events:
            match event:
                case TokenDecoded(request_id):
                    self.figures.decode_rows += 1
                    _answered(self._texts, request_id, self.figures.first_text_s, now_s)
                case WaveformPiece(request_id):
                    samples += len(event.samples)
                    _answered(self._speeches, request_id, self.figures.first_audio_s, now_s)
        self.figures.spoken_s += samples / INTERNAL_SAMPLE_RATE_HZ
        return samples / SAMPLES_PER_UNIT

    def close(self) -> None:
        """Those who still wait have got nothing."""
        self.figures.first_text_s += [math.inf] * len(self._texts)
        self.figures.first_audio_s += [math.inf] * len(self._speeches)


def _answered(waiting: dict[str, float], request_id: str, times: list[float], now_s: float) -> None:
    ended_s = waiting.pop(request_id, None)
    if ended_s is not None:
        times.append(now_s - ended_s)


def _utterances(streams: int, seconds: float) -> list[tuple[float, str, float]]:
    """When each ends, its name, and how long it is; in order. Each stream begins anywhere in its turn."""
    rng = np.random.default_rng(0)
    grid = np.arange(_SHORTEST_TURN_S, _LONGEST_TURN_S + _TURN_GRID_S, _TURN_GRID_S)
    made: list[tuple[float, str, float]] = []
    for stream in range(streams):
        at_s, number = -float(rng.uniform(0, 2 * _LONGEST_TURN_S)), 0
        while at_s < seconds:
            speech, pause = (float(each) for each in rng.choice(grid, 2))
            at_s += speech
            if 0 <= at_s < seconds:
                made.append((at_s, f"{stream}.{number}", speech))
            at_s, number = at_s + pause, number + 1
    return sorted(made)
