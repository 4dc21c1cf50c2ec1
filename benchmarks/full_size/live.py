"""One speaker who is interpreted while speaking, in real time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.throughput.engine import Engine
from benchmarks.throughput.utterance import TOKENS_PER_SECOND, noise
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.commit_policy import CommitDecision, HoldReason, Hypothesis
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided
from translate_svc.session.outbound.hypothesis_pacer import HypothesisPacer
from translate_svc.session.simultaneous_options import SIMULTANEOUS_LIMITS, SimultaneousOptions
from translate_svc.session.utterances.hypothesis_builder import HypothesisBuilder
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ

_UTTERANCE_S = 14.0
"""The speaker then pauses for a breath, and the next utterance begins."""
_HELD_TOKENS = 2 * TOKENS_PER_SECOND


@dataclass(frozen=True, slots=True)
class TwoSecondsHeld:
    """Commits all but the words of the last two seconds, as a trained model does; random ones never agree."""

    def decide(self, hypothesis: Hypothesis, previous: Hypothesis | None) -> CommitDecision:
        """Implements ``CommitPolicy.decide``."""
        new = len(hypothesis.token_ids) - hypothesis.history_tokens
        held = 0 if hypothesis.is_final else min(_HELD_TOKENS, new)
        return CommitDecision(new - held, held, HoldReason.NEAR_END if held else None)


def live_stream(engine: Engine, duration_s: float) -> dict[str, Any]:
    """Drafts on the default grid of steps, left out by the pacer where they come too late; text alone.

    Returns the steps, the drafts, the median lag of a draft behind its audio, and by how much the lag grows.
    """
    options = SimultaneousOptions(
        SIMULTANEOUS_LIMITS["step_ms"][2],
        SIMULTANEOUS_LIMITS["max_buffer_ms"][2],
        TwoSecondsHeld(),
        engine.capabilities.encoder_frame_ms * INTERNAL_SAMPLE_RATE_HZ // 1000,
        INTERNAL_SAMPLE_RATE_HZ // 10,
    )
    steps = max(4, int(duration_s / options.step_s))
    steps_an_utterance = int(_UTTERANCE_S / options.step_s)
    speech = noise(_UTTERANCE_S)
    pacer, lags = HypothesisPacer(INTERNAL_SAMPLE_RATE_HZ), list[tuple[float, float]]()
    started = time.monotonic()
    for step in range(steps):
        place = step % steps_an_utterance
        if place == 0:
            builder = HypothesisBuilder(f"utterance {step}", options, sequences=1)
        due_s = (step + 1) * options.step_s
        time.sleep(max(0.0, started + due_s - time.monotonic()))
        is_final = place == steps_an_utterance - 1
        now_s = time.monotonic() - started
        is_late = pacer.is_late((step + 1) * options.step_samples, due_s, now_s, options.step_s)
        if is_late and not is_final:
            continue
        _draft(engine, builder, speech[: (place + 1) * options.step_samples], is_final)
        lags.append((due_s, time.monotonic() - started - due_s))
    at_s, lag_s = np.array(lags).T
    growth_ms_per_s = float(np.polyfit(at_s, lag_s, 1)[0]) * 1000 if len(lags) > 1 else 0.0
    return {
        "minutes": round(steps * options.step_s / 60, 2),
        "steps": steps,
        "drafts": len(lags),
        "lag_median_ms": round(float(np.median(lag_s)) * 1000),
        "lag_p95_ms": round(float(np.percentile(lag_s, 95)) * 1000),
        "lag_growth_ms_per_s": round(growth_ms_per_s, 2),
    }


def _draft(engine: Engine, builder: HypothesisBuilder, heard: np.ndarray[Any, Any], is_final: bool) -> None:
    request = builder.hypothesis(
        heard, 0, (SequenceSpec("eng", speech=False),), is_final=is_final, source_times=False
    )
    buffered = np.asarray(request.source).size
    length = buffered * TOKENS_PER_SECOND // INTERNAL_SAMPLE_RATE_HZ
    for event in engine.run_request(request, forced_tokens=max(1, length)):
        if isinstance(event, HypothesisDecided):
            builder.record(event)
    builder.finish_hypothesis()
