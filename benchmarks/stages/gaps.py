"""The pause between two tokens of a text while long utterances keep arriving."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.stages.clock import StageClock
from benchmarks.throughput.engine import Engine
from benchmarks.throughput.utterance import Utterance
from benchmarks.throughput.utterances import forced_utterances
from translate_svc.engine.events import TokenDecoded

_ARRIVALS = 6
_TOKENS = 120
_STEPS_BETWEEN_ARRIVALS = 8
_LONG_TEXT = "running"


def token_gaps(folder: Path, max_encode_steps: int) -> dict[str, Any]:
    """Text only. A text of 120 tokens is decoded; every eighth step two utterances of 15 s arrive together.

    Told: the median time between two of its tokens with nobody else there, the same while they arrive, the
    worst, and that in decode steps of the same time, which have more rows than one alone.
    """
    clock = StageClock()
    engine = Engine(folder, max_encode_steps=max_encode_steps, on_step=clock.record_step)
    longest = max(forced_utterances(8), key=lambda each: each.seconds)
    language = "eng"
    running = Utterance(longest.samples, language, _TOKENS)
    arriving = Utterance(longest.samples, language, 8)
    alone = _gaps_ms(engine, running, None)
    clock.forget()
    crowded = _gaps_ms(engine, running, arriving)
    step_ms = statistics.median(duration_ms for _, duration_ms in clock.decode_steps)
    return {
        "max_encode_steps": max_encode_steps,
        "step_alone_ms": round(statistics.median(alone), 2),
        "step_in_company_ms": round(step_ms, 2),
        "median_ms": round(statistics.median(crowded), 2),
        "worst_ms": round(max(crowded), 2),
        "worst_in_steps": round(max(crowded) / step_ms, 1),
    }


def _gaps_ms(engine: Engine, running: Utterance, arriving: Utterance | None) -> list[float]:
    engine.add(_LONG_TEXT, running, speech=False)
    steps, arrived, last, gaps = 0, 0, 0.0, []
    while engine.scheduler.has_work:
        steps += 1
        if arriving is not None and steps % _STEPS_BETWEEN_ARRIVALS == 0 and arrived < _ARRIVALS:
            for place in range(2):
                engine.add(f"{arrived}-{place}", arriving, speech=False)
            arrived += 1
        for event in engine.core.step():
            if isinstance(event, TokenDecoded) and event.request_id == _LONG_TEXT:
                now = time.perf_counter()
                if last:
                    gaps.append((now - last) * 1000)
                last = now
    return gaps
