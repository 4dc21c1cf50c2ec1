"""Part B: the stages of the whole model on the device, by shape, without a scheduler."""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.first.place import Place
from benchmarks.throughput.utterance import noise
from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases
from translate_svc.engine.runner.decoding.greedy import GreedyChoice
from translate_svc.models.decoded_step import ALL_OPTIONAL_FIELDS, DecodedStep
from translate_svc.models.runs import Runs
from translate_svc.models.seamless.tokenizer import PROMPT_TOKENS
from translate_svc.models.slices import finish
from translate_svc.models.speech_model import PieceInput, T2uInput
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ

_LANGUAGE = "eng"
_FIRST_TEXT_TOKEN = 1_000
_TOP_KERNELS = 15
_SOURCE_S = 5.0


class FullSize:
    """The probes share one model, and what was captured of it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.probes: dict[str, Callable[[], dict[str, Any]]] = {
            "start": self.start,
            "capture": self.capture,
            "decode step": self.decode_step,
            "encoder": self.encoder,
            "text-to-unit": self.text_to_unit,
            "vocoder": self.vocoder,
            "kernels": self.kernels,
        }
        self._captured: Any = None

    def start(self) -> dict[str, Any]:
        """Random weights to disk, then from there into the device."""
        place = self.place
        written = place.seconds(lambda: place.bench.checkpoint)
        loaded = place.seconds(lambda: place.model)
        return {"write weights, s": round(written, 1), "load, s": round(loaded, 1)} | place.memory()

    def capture(self) -> dict[str, Any]:
        """All graphs of the model. ``said``: what was captured or refused, as the server logs it."""
        model = self.place.model
        biases = ConstraintBiases(
            {}, slots=self.place.shapes.slots, vocabulary_size=model.vocabulary_size, device=model.device
        )
        self._greedy = GreedyChoice(biases)
        with _log_lines() as said, _inference():
            seconds = self.place.seconds(self._capture)
        captured = self._captured is not None
        return {"s": round(seconds, 1), "decode steps": captured, "said": said} | self.place.memory()

    def decode_step(self) -> dict[str, Any]:
        """With a row for each of so many slots, in the middle of a text of 64 tokens."""
        place, figures = self.place, dict[str, Any]()
        with _inference():
            self._encode(place.shapes.slots, 1.0)
            for rows in place.shapes.rows:
                columns = _columns(rows)
                runs = Runs.steps(*columns)
                if self._captured is not None:
                    graph = place.first_and_median_ms(functools.partial(self._graph, *map(np.array, columns)))
                    figures[f"{rows} rows, graph, ms"] = graph
                eager = place.first_and_median_ms(functools.partial(self._eager, runs))
                figures[f"{rows} rows, eager, ms"] = eager
        return figures

    def encoder(self) -> dict[str, Any]:
        """Sources of one length, with features and the caches' keys and values."""
        with _inference():
            return {
                f"{count} x {seconds} s, ms": self.place.first_and_median_ms(
                    functools.partial(self._encode, count, seconds)
                )
                for count, seconds in self.place.shapes.encoder
            } | self.place.memory()

    def text_to_unit(self) -> dict[str, Any]:
        """Texts of one length, of what the decoder's cache holds."""
        with _inference():
            return {
                f"{count} x {tokens} tokens, ms": self.place.first_and_median_ms(
                    functools.partial(self._speak, count, tokens)
                )
                for count, tokens in self.place.shapes.texts
            }

    def vocoder(self) -> dict[str, Any]:
        """Pieces of one length."""
        with _inference():
            return {
                f"{count} x {units} units, ms": self.place.first_and_median_ms(
                    functools.partial(self._vocode, count, units)
                )
                for count, units in self.place.shapes.pieces
            }

    def kernels(self) -> dict[str, Any]:
        """Of each stage with little and with much work, the kernels that take longest: name, calls, ms."""
        shapes = self.place.shapes
        works: dict[str, Callable[[], object]] = {}
        for which, index in (("least", 0), ("most", -1)):
            works |= {
                f"encoder, {which}": functools.partial(self._encode, *shapes.encoder[index]),
                f"decode step, {which}": functools.partial(self._step, sorted(shapes.rows)[index]),
                f"text-to-unit, {which}": functools.partial(self._speak, *shapes.texts[index]),
                f"vocoder, {which}": functools.partial(self._vocode, *shapes.pieces[index]),
            }
        with _inference():
            return {name: self._top(run) for name, run in works.items()}

    def _capture(self) -> None:
        self._captured = self.place.model.capture(self.place.capturer, self._greedy.of_slots)

    def _step(self, rows: int) -> DecodedStep:
        if self._captured is None:
            return self._eager(Runs.steps(*_columns(rows)))
        return self._graph(*map(np.array, _columns(rows)))

    def _graph(self, *columns: NDArray[np.int64]) -> DecodedStep:
        launched = self._captured.launch(*columns)
        if launched is None:
            raise RuntimeError("no graph was captured for so much")
        step: DecodedStep = launched.result()
        return step

    def _eager(self, runs: Runs) -> DecodedStep:
        made = self.place.model.decode(runs, ALL_OPTIONAL_FIELDS)
        return DecodedStep.of(made, self._greedy.of_rows(made.logits, {})).to_host()()

    def _encode(self, count: int, seconds: float) -> None:
        source = noise(_SOURCE_S * 3)[: int(seconds * INTERNAL_SAMPLE_RATE_HZ)]
        finish(self.place.model.encode([source] * count, [(slot,) for slot in range(count)]))

    def _speak(self, count: int, tokens: int) -> Sequence[object]:
        prompt = (3, 256_001)[:PROMPT_TOKENS]
        text = (*prompt, *range(_FIRST_TEXT_TOKEN, _FIRST_TEXT_TOKEN + tokens))
        return self.place.model.speech.text_to_unit([T2uInput(slot, text, 1.0) for slot in range(count)])

    def _vocode(self, count: int, units: int) -> Sequence[object]:
        text = np.arange(3 * units) % self.place.model.speech.unit_count
        return self.place.model.speech.vocode([PieceInput(text, units, 2 * units, _LANGUAGE, 0)] * count)

    def _top(self, run: Callable[[], object]) -> dict[str, Any]:
        cuda = self.place.is_cuda
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
        run()
        with profile(activities=activities) as profiled:
            run()
            self.place.synchronize()
        key = "self_device_time_total" if cuda else "self_cpu_time_total"
        events = profiled.key_averages()
        found = [each for each in events if not cuda or str(each.device_type).endswith("CUDA")]
        found.sort(key=lambda each: -getattr(each, key))
        return {
            "ms": round(sum(getattr(each, key) for each in found) / 1000, 3),
            "calls": sum(each.count for each in found),
            "longest": [
                (each.key[:90], each.count, round(getattr(each, key) / 1000, 4))
                for each in found[:_TOP_KERNELS]
            ],
        }


def _columns(rows: int) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Slots, positions and tokens of a decode step."""
    return range(rows), [60] * rows, [_FIRST_TEXT_TOKEN] * rows


@contextlib.contextmanager
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@contextlib.contextmanager
def _log_lines() -> Iterator[list[str]]:
    """What the models log inside, each line with the seconds since the start."""
    lines: list[str] = []
    started_s = time.monotonic()

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{time.monotonic() - started_s:.1f} s: {record.getMessage()}")

    logger, handler = logging.getLogger("translate_svc.models"), Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
