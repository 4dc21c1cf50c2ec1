"""The device ``meta`` with a clock: launches return at once, and the host waits where it reads a result.

The model is the real one without weights (``hollow``). What it captures as a graph is counted once, and each
replay takes its modelled time. What it runs eagerly is counted each time, and its operations cost the host
what launches cost. Only then is the host's own time not measured, since counting takes longer.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from benchmarks.gpu_model.devices import Device, Kernel, Kind
from benchmarks.gpu_model.hollow import META
from benchmarks.gpu_model.kernels import Counter
from benchmarks.gpu_model.timeline import Cost, Timeline, VirtualClock
from translate_svc.errors import EngineError
from translate_svc.models.decoded_step import Choose, StepFields, StepLogits
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.runs import Runs
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.slices import Slices
from translate_svc.models.speech_model import PieceInput, SpeechUnits, T2uInput
from translate_svc.types import Samples, Stage

_MARK = "translate_svc.models.graphs.host_copy._mark"
"""Marks a place in the device's work, for copies that the host reads later."""
_CPU, _TO_LIST, _COPY = Tensor.cpu, Tensor.tolist, Tensor.copy_

Answer = Callable[[Tensor | None, torch.Size, torch.dtype], Tensor]
"""What the host reads of a result of that shape and dtype, by the last inputs that its graph was given."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What is modelled differently from the code. It says what a change would be worth.

    Attributes:
        vocoder_dtype: what the vocoder computes in.
        fused_vocoder: its activations, sums and masks cost nothing beside its convolutions.
    """

    vocoder_dtype: torch.dtype = torch.float32
    fused_vocoder: bool = False


class TimedDevice:
    """Times what a model on ``meta`` launches.

    Attributes:
        variant: what is modelled differently.
        clock: the host's; give it to whatever asks for the time.
        timeline: the device's.
        stage: whose work is launched now.
        answer: see ``Answer``. None while the model is loaded and captures: every number is a one then.
    """

    def __init__(self, device: Device, variant: Variant | None = None) -> None:
        self.variant = variant or Variant()
        self.clock = VirtualClock()
        self.timeline = Timeline(device, self.clock)
        self.stage = Stage.DECODE
        self.answer: Answer | None = None
        self._counter = Counter()
        self._inputs: dict[int, Tensor] = {}  # by the tensor on the device, what was copied there last
        self._replayed: dict[int, Tensor | None] = {}  # by a graph's result, the inputs of its last replay
        self._eager: contextlib.ExitStack | None = None
        self._until_read = False

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Reads of tensors on ``meta`` wait for the timeline. The rest of PyTorch stays as it is."""

        def cpu(tensor: Tensor, *args: Any, **options: Any) -> Tensor:
            return self._read(tensor) if tensor.device == META else _CPU(tensor, *args, **options)

        def tolist(tensor: Tensor) -> Any:
            return _TO_LIST(self._read(tensor) if tensor.device == META else tensor)

        def copy(tensor: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
            if source.device == META and tensor.device != META:
                return _COPY(tensor, self._read(source, waits=not non_blocking))
            if tensor.device != META or source.device == META or self._eager is not None:
                return _COPY(tensor, source, non_blocking)
            with self.clock.stopped():
                self._inputs[id(tensor)] = source
                self.timeline.copy_in(source.nbytes, self.stage.value)
            return tensor

        marks = mock.patch(_MARK, self._mark) if _has(_MARK) else contextlib.nullcontext()
        with (
            marks,
            mock.patch.object(Tensor, "cpu", cpu),
            mock.patch.object(Tensor, "tolist", tolist),
            mock.patch.object(Tensor, "copy_", copy),
            mock.patch("translate_svc.engine.runner.model_runner.graph_capturer", return_value=self),
        ):
            yield

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Implements ``GraphCapturer``. Only while ``capturing``."""
        work = self._counter.begin()
        made = function()
        inputs, kernels, calls = work.inputs(), work.kernels, work.calls
        costs: dict[Stage, Cost] = {}
        del work
        self._counter.begin()

        def replay() -> Tensor:
            with self.clock.stopped():
                given = [self._inputs[each] for each in inputs & self._inputs.keys()]
                self._replayed[id(made)] = given[0] if given else None
                if self.answer is not None:
                    self._flush()
                    if self.stage not in costs:
                        costs[self.stage] = self._cost(kernels, calls)
                    self.timeline.replay(costs[self.stage], self.stage.value)
            return made

        return replay

    @contextlib.contextmanager
    def capturing(self) -> Iterator[None]:
        """While a model captures. What it compares its graphs with is not run either."""
        with self._counter:
            yield

    def begin_eager(self, stage: Stage, *, until_read: bool = False) -> None:
        """Operations are launched one by one, until ``end_eager`` or until the host reads a result."""
        self.stage, self._until_read = stage, until_read
        self._eager = contextlib.ExitStack()
        self._eager.enter_context(self.clock.stopped())
        self._eager.enter_context(self._counter)
        self._counter.begin()

    def end_eager(self) -> None:
        """Launches what is left."""
        if self._eager is not None:
            self._flush()
            self._eager.close()
            self._eager = None
        self.stage = Stage.DECODE

    def _flush(self) -> None:
        """Puts what was counted so far on the timeline."""
        if self._eager is None:
            return
        work = self._counter.work
        self._counter.begin()
        self.timeline.launch(self._cost(work.kernels, work.calls), self.stage.value)

    def _cost(self, kernels: Sequence[Kernel], calls: int) -> Cost:
        if self.stage is Stage.VOCODE and self.variant.fused_vocoder:
            kernels = [each for each in kernels if each.kind is not Kind.MEMORY]
        return Cost.of(kernels, calls, self.timeline.device)

    def _mark(self, _device: torch.device) -> Callable[[], None]:
        """What waits for the device's work so far, and for none after it."""
        return functools.partial(self.clock.wait_until, self.timeline.end_s)

    def _read(self, tensor: Tensor, *, waits: bool = True) -> Tensor:
        """What the host gets, once the device has it. Unless it ``waits``, it must not look at it before."""
        if self.answer is None:
            return torch.ones((), dtype=tensor.dtype).expand(tensor.shape)
        with self.clock.stopped():
            self._flush()
            if not waits:
                self.timeline.copy_out(tensor.nbytes, self.stage.value)
            else:
                self.timeline.read(tensor.nbytes, self.stage.value)
            answer = self.answer(self._replayed.get(id(tensor)), tensor.shape, tensor.dtype)
        if self._until_read:
            self._until_read = False
            self.end_eager()
        return answer


def _has(name: str) -> bool:
    """Whether the revision that is measured has this function."""
    module, _, function = name.rpartition(".")
    return find_spec(module) is not None and hasattr(import_module(module), function)


class TimedModel:
    """Implements ``SpeechModel`` by a model on ``meta``, whose work ``device`` times."""

    def __init__(self, model: SeamlessModel, device: TimedDevice) -> None:
        self._model, self._timed = model, device
        self.speech = _TimedSpeech(model, device)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode(self, *args: Any) -> Slices[list[int | EngineError]]:
        """Implements ``SpeechModel.encode``."""
        slices = self._model.encode(*args)
        while True:
            self._timed.begin_eager(Stage.ENCODE)
            try:
                next(slices)
            except StopIteration as done:
                outcomes: list[int | EngineError] = done.value
                return outcomes
            finally:
                self._timed.end_eager()
            yield

    def decode(self, runs: Runs, fields: StepFields) -> StepLogits:
        """Implements ``SpeechModel.decode``. The choice of tokens and their transfer belong to it."""
        self._timed.begin_eager(Stage.DECODE, until_read=True)
        return self._model.decode(runs, fields)

    def capture(self, capturer: GraphCapturer, choose: Choose) -> Any:
        """Implements ``SpeechModel.capture``."""
        with self._timed.capturing():
            return self._model.capture(capturer, choose)

    def synchronize(self) -> None:
        """Implements ``SpeechModel.synchronize``."""
        self._timed.timeline.wait()

    def record_event(self) -> _Event:
        """Implements ``SpeechModel.record_event``, of revisions that have it."""
        return _Event(self._timed.clock, self._timed.timeline.end_s)


@dataclass(frozen=True, slots=True)
class _Event:
    """A place in the work of a device, which it has done at ``at_s``."""

    clock: VirtualClock
    at_s: float

    def query(self) -> bool:
        return self.clock() >= self.at_s


class _TimedSpeech:
    def __init__(self, model: SeamlessModel, device: TimedDevice) -> None:
        self._speech, self._timed = model.speech, device

    def __getattr__(self, name: str) -> Any:
        return getattr(self._speech, name)

    def text_to_unit(self, texts: Sequence[T2uInput]) -> list[SpeechUnits | EngineError]:
        with self._of(Stage.TEXT_TO_UNIT):
            return self._speech.text_to_unit(texts)

    def vocode(self, pieces: Sequence[PieceInput]) -> list[Samples | EngineError]:
        with self._of(Stage.VOCODE):
            return self._speech.vocode(pieces)

    @contextlib.contextmanager
    def _of(self, stage: Stage) -> Iterator[None]:
        self._timed.stage = stage
        yield
        self._timed.stage = Stage.DECODE
