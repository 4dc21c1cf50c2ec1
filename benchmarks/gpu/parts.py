"""The parts of the measurement. Each takes the bench and returns figures by name."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.gpu.bench import Bench, without_tf32
from benchmarks.latency.sides import through_engine
from benchmarks.latency.streams import run_streams
from benchmarks.throughput.measure import compare
from benchmarks.throughput.peer import Peer
from benchmarks.throughput.utterance import Utterance, forced_alone, noise
from translate_svc.engine.async_engine import AsyncEngine
from translate_svc.engine.options import StepBudgets

_EXACT_UTTERANCES = 12
_UTTERANCE_S = 5.0
_LONG_S = 15.0
_REPEATS = 10
_STOP_DEADLINE_S = 30.0
_WARM_UP_UTTERANCES = 3
_BUSY_PERIOD_S = 0.01


def exactness(bench: Bench) -> dict[str, Any]:
    """Tokens and sample counts in float32: one slot, all slots and ``generate`` one by one."""
    folder, utterances = bench.exact_checkpoint, bench.load(_EXACT_UTTERANCES)
    figures: dict[str, Any] = {}
    with without_tf32():
        theirs = Peer(folder, device=bench.device, dtype=torch.float32).run(utterances, speech=True, batch=1)
        for name, slots in (("alone", 1), ("in company", bench.size.slots)):
            ours = bench.engine_of(folder, slots, torch.float32).run(utterances, speech=True)
            figures[f"{name}, equal to generate"] = sum(a == b for a, b in zip(ours, theirs, strict=True))
    exact = all(equal == len(utterances) for equal in figures.values())
    return figures | {"utterances": len(utterances), "exact": exact}


def graphs(bench: Bench) -> dict[str, Any]:
    """CUDA graphs by stage. ``complete``: no stage is without any, where there are graphs at all."""
    counts = bench.engine.runner.graph_counts
    figures: dict[str, Any] = {}
    for stage, count in counts.items():
        figures |= {f"{stage.value}, captured": count.captured, f"{stage.value}, refused": count.refused}
    return figures | {"complete": all(count.captured for count in counts.values())}


def utterance(bench: Bench) -> dict[str, Any]:
    """One utterance of five seconds with speech, from its input to its last output sample; medians."""
    one = forced_alone(noise(_UTTERANCE_S))
    return {
        "seconds of speech": _UTTERANCE_S,
        "ours, ms": _median_ms(lambda: bench.engine.run([one], speech=True)),
        "generate, ms": _median_ms(lambda: bench.peer.run([one], speech=True, batch=1)),
    }


def stages(bench: Bench) -> dict[str, Any]:
    """Time of each stage, one utterance in flight for every slot."""
    utterances = bench.load(bench.size.slots)
    bench.engine.run(utterances, speech=True)
    bench.clock.forget()
    bench.engine.run(utterances, speech=True)
    bench.clock.end_round()
    return {
        "utterances": len(utterances),
        "seconds of speech": round(sum(each.seconds for each in utterances), 1),
        **{f"{name}, ms": round(ms, 1) for name, ms in bench.clock.rounds[0].items()},
    }


def step(bench: Bench) -> dict[str, Any]:
    """A decode step with a row for every slot, each in the middle of a long text."""
    slots = bench.size.slots
    long = forced_alone(noise(_LONG_S))
    plain = bench.engine_of(bench.checkpoint, slots, bench.size.dtype, graphs=False)
    figures: dict[str, Any] = {"rows": slots}
    for name, engine in (("", bench.engine), ("without graphs, ", plain)):
        engine.run([long] * slots, speech=False)
        bench.clock.forget()
        engine.run([long] * slots, speech=False)
        times = bench.clock.decode_ms(slots)
        figures |= {f"{name}steps": len(times), f"{name}median, ms": round(statistics.median(times), 3)}
    return figures


def live(bench: Bench) -> dict[str, Any]:
    """Streams that speak and pause in real time: end of speech to first text and first sound."""
    return streams(bench, bench.size.live_streams, bench.size.live_s)


def streams(
    bench: Bench,
    count: int,
    duration_s: float,
    *,
    budgets: StepBudgets | None = None,
    loop_busy: float = 0.0,
) -> dict[str, Any]:
    """As ``live``, with so many streams. ``budgets``: of a step; by default the device's own. ``loop_busy``:
    the share of its time that the event loop, which shares the process, computes something else.
    """
    spoken_s: list[float] = []
    steps_s: list[float] = []

    async def measured() -> dict[str, Any]:
        engine = bench.live_engine(budgets or bench.budgets)
        bridge = AsyncEngine(engine.core, engine.capabilities)
        bridge.start()
        busy = asyncio.create_task(_keep_busy(loop_busy)) if loop_busy else None
        translate = through_engine(engine, bridge)
        utterances = [each for each in bench.load(32) if each.seconds <= bench.size.live_longest_s]
        for each in utterances[:_WARM_UP_UTTERANCES]:  # the engine's thread has seen no shape yet
            await translate(each, _nothing, _nothing)
        bench.clock.forget()

        async def counted(each: Utterance, text: Callable[[], None], speech: Callable[[], None]) -> None:
            spoken_s.append(each.seconds)
            await translate(each, text, speech)

        started_s = time.perf_counter()
        answered = await run_streams(counted, utterances, streams=count, duration_s=duration_s)
        steps_s.append(time.perf_counter() - started_s)
        await bridge.stop(drain=True, deadline_s=_STOP_DEADLINE_S)
        if busy is not None:
            busy.cancel()
        return {"answers": len(answered.first_text_s), **answered.percentiles_ms()}

    figures = asyncio.run(measured())
    bench.clock.end_round()
    shares = {
        f"{name}, share of time": round(ms / 1000 / steps_s[0], 3)
        for name, ms in bench.clock.rounds[0].items()
    }
    spoken = round(sum(spoken_s) / steps_s[0], 1)
    return {"streams": count, "seconds of speech a second": spoken, "loop busy": loop_busy} | figures | shares


async def _keep_busy(share: float) -> None:
    while True:
        until = time.perf_counter() + _BUSY_PERIOD_S * share
        while time.perf_counter() < until:
            pass
        await asyncio.sleep(_BUSY_PERIOD_S * (1 - share))


def _nothing() -> None:
    pass


def speech(bench: Bench) -> dict[str, Any]:
    """Throughput with speech against ``generate``."""
    return _throughput(bench, speech=True)


def text(bench: Bench) -> dict[str, Any]:
    """Throughput of text alone against ``generate``."""
    return _throughput(bench, speech=False)


def _throughput(bench: Bench, *, speech: bool) -> dict[str, Any]:
    utterances = bench.load(bench.size.slots)
    bench.engine.run(utterances[:2], speech=speech)
    bench.peer.run(utterances[:2], speech=speech, batch=2)
    compared = compare(
        lambda: bench.engine.run(utterances, speech=speech),
        lambda size: bench.peer.run(utterances, speech=speech, batch=size),
        static_batches=bench.size.static_batches,
        rounds=1,
    )
    return compared.summary()


def _median_ms(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return round(statistics.median(times) * 1000, 1)
