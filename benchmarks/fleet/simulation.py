"""The discrete events: a client, processes in front of an engine, and cores that all of them share.

A process handles what waits for it, message by message, and then waits for more. A message after a wait costs
more, since others have used the caches. HTTP/2's window holds a stream whose messages are not handled. The
detector works in a thread of its own, in batches as ``VadLoop`` makes them. Streams say the utterances of
``benchmarks.fleet.streams``.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import simpy

from benchmarks.fleet.costs import (
    EVENTS_A_SECOND,
    FRAMES_A_MESSAGE,
    MESSAGES_A_SECOND,
    MESSAGES_TO_ENGINE_A_SECOND,
    Costs,
)
from benchmarks.fleet.machine import Machine, Work
from benchmarks.fleet.streams import DECIDING_FRAME, FRAME_S, UTTERANCE_FRAMES, Stream
from translate_svc.session.vad_loop import batch_interval_s

_MESSAGES_AT_ONCE = 32
_MAX_BATCH_FRAMES = 64
_NETWORK_TICK_S = 0.001
_SPEED_LASTS_S = 5.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Load:
    """The settings of a simulation.

    Attributes:
        cores: of the machine.
        streams: of each process in front of the engine.
        seconds: of streams, after ``warm_up_s`` that are not counted.
        fronts: whether the processes are front processes, with the engine in another one.
        detector: whether the detector computes; otherwise it costs nothing.
        engine_steps: steps of the engine in a second, each with one message to each front process; None: the
            engine follows a script (``Costs.engine_us``).
        client_here: whether the client uses the cores of this machine.
        slow: how much slower the machine is at its slowest; its speed changes every few seconds.
        seed: of all that is random.
    """

    cores: int
    streams: tuple[int, ...]
    seconds: float = 10.0
    warm_up_s: float = 4.0
    fronts: bool = False
    detector: bool = True
    engine_steps: float | None = None
    client_here: bool = True
    slow: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """``handling_ms``: from when a message could leave until it is handled. ``answer_ms``: from the frame
    that may end an utterance until the end is told. ``busy``: cores that are used, by who uses them.
    ``message_us``: processor time of a message in all processes of the server.
    """

    handling_ms: Floats
    answer_ms: Floats
    messages_a_second: float
    message_us: float
    busy: dict[str, float]

    def percentile(self, name: str, percent: float) -> float:
        """Of ``handling_ms`` or ``answer_ms``."""
        return float(np.percentile(getattr(self, name), percent))


class _Process:
    """A process in front of the engine. ``arrived``: streams of messages, and when those could leave."""

    def __init__(self, number: int, streams: int, env: simpy.Environment) -> None:
        self.name = f"front {number}"
        self.interval_s = batch_interval_s(streams)
        self.arrived: deque[tuple[Stream, float]] = deque()
        self.told: list[float] = []
        self.frames = self.scored = 0.0
        self.ends: deque[tuple[float, float]] = deque()  # frames up to it, when it was asked for
        self.wake = env.event()
        self.detector_wake = env.event()


class _Simulation:
    def __init__(self, load: Load, costs: Costs) -> None:
        self._load = load
        self._costs = costs
        self._env = simpy.Environment()
        self._rng = random.Random(load.seed)
        self._machine = Machine(self._env, load.cores)
        self._processes = [_Process(number, count, self._env) for number, count in enumerate(load.streams)]
        self._due: list[tuple[float, int, Stream]] = []
        for process, count in enumerate(load.streams):
            for _ in range(count):
                stream = Stream(process, self._rng)
                self._due.append((stream.phase_s, len(self._due), stream))
        heapq.heapify(self._due)
        self._credit = self._env.event()
        self._slowness = 1.0
        self._handling_s: list[float] = []
        self._answer_s: list[float] = []
        self._untold = 0
        self._message_us = costs.message_us + (costs.front_us if load.fronts else 0.0)

    def run(self) -> Result:
        env, load = self._env, self._load
        env.process(self._change_speed())
        env.process(self._client() if load.client_here else self._clients_elsewhere())
        for process in self._processes:
            env.process(self._serve(process))
            env.process(self._detect(process))
        if load.fronts:
            env.process(self._engine())
        env.run(until=load.warm_up_s)
        before = dict(self._machine.busy_s)
        self._handling_s.clear()
        self._answer_s.clear()
        env.run(until=load.warm_up_s + load.seconds)
        busy = {
            name: (time_s - before.get(name, 0.0)) / load.seconds
            for name, time_s in self._machine.busy_s.items()
        }
        rate = len(self._handling_s) / load.seconds
        server = sum(share for name, share in busy.items() if name != "client")
        return Result(
            handling_ms=1000 * np.array(self._handling_s),
            answer_ms=1000 * np.array(self._answer_s),
            messages_a_second=rate,
            message_us=1e6 * server / rate,
            busy=busy,
        )

    def _change_speed(self) -> Work:
        while True:
            self._slowness = self._rng.uniform(1.0, self._load.slow)
            yield self._env.timeout(_SPEED_LASTS_S)

    def _compute(self, name: str, microseconds: float) -> Work:
        yield from self._machine.compute(name, self._slowness * microseconds / 1e6)

    def _take_due(self, most: int) -> list[tuple[Stream, float]]:
        """Messages that can leave now."""
        now_s, due = self._env.now, self._due
        taken: list[tuple[Stream, float]] = []
        while due and due[0][0] <= now_s and len(taken) < most:
            ready_s, number, stream = due[0]
            stream.sent += 1
            taken.append((stream, ready_s))
            if stream.is_held:
                heapq.heappop(due)
                stream.parked = True
            else:
                heapq.heapreplace(due, (max(stream.next_due_s(), ready_s), number, stream))
        return taken

    def _send(self, messages: list[tuple[Stream, float]]) -> None:
        for message in messages:
            process = self._processes[message[0].process]
            process.arrived.append(message)
            _notify(process.wake)

    def _client(self) -> Work:
        """One process that sends the messages that are due."""
        while True:
            if not self._due:
                self._credit = self._env.event()
                yield self._credit
            if messages := self._take_due(_MESSAGES_AT_ONCE):
                yield from self._compute("client", len(messages) * self._costs.client_us)
                self._send(messages)
            elif self._due:
                yield self._env.timeout(max(1e-5, self._due[0][0] - self._env.now))

    def _clients_elsewhere(self) -> Work:
        while True:
            yield self._env.timeout(_NETWORK_TICK_S)
            self._send(self._take_due(len(self._due)))

    def _serve(self, process: _Process) -> Work:
        """The event loop of a process in front of the engine, with gRPC's threads."""
        env = self._env
        while True:
            cold_us = 0.0
            if not process.arrived and not process.told:
                since_s = env.now
                process.wake = env.event()
                yield process.wake
                cold_us = self._costs.cold_start_us(env.now - since_s)
            told, process.told = process.told, []
            count = min(_MESSAGES_AT_ONCE, len(process.arrived))
            messages = [process.arrived.popleft() for _ in range(count)]
            yield from self._compute(process.name, cold_us + count * self._message_us)
            self._answer_s.extend(env.now + self._costs.client_us / 1e6 - asked_s for asked_s in told)
            for place, message in enumerate(messages, 1 - count):
                self._handle(process, *message, env.now + place * self._message_us / 1e6)
            _notify(process.detector_wake)

    def _handle(self, process: _Process, stream: Stream, ready_s: float, now_s: float) -> None:
        """A message has been handled."""
        self._handling_s.append(now_s - ready_s)
        self._untold += 1
        place = stream.handled % UTTERANCE_FRAMES
        stream.handled += 1
        process.frames += FRAMES_A_MESSAGE
        if place == DECIDING_FRAME:
            stream.asked_s = ready_s
        if place == stream.answering_frame:
            process.ends.append((process.frames, stream.asked_s))
        if stream.parked:
            stream.parked = False
            heapq.heappush(self._due, (max(now_s, stream.next_due_s()), id(stream), stream))
            _notify(self._credit)

    def _detect(self, process: _Process) -> Work:
        """The detector's loop and its thread."""
        env, costs = self._env, self._costs
        next_s = 0.0
        while True:
            if process.frames - process.scored < 1:
                process.detector_wake = env.event()
                yield process.detector_wake
                continue
            if env.now < next_s:
                yield env.timeout(next_s - env.now)
            next_s = env.now + process.interval_s
            frames = min(_MAX_BATCH_FRAMES, int(process.frames - process.scored))
            if self._load.detector:
                cost_us = costs.detector_call_us + frames * costs.detector_frame_us
                yield from self._compute(f"{process.name}, detector", cost_us)
            process.scored += frames
            while process.ends and process.ends[0][0] <= process.scored + 1:
                process.told.append(process.ends.popleft()[1])
            if process.told:
                _notify(process.wake)

    def _engine(self) -> Work:
        """What the engine's process does for front processes, beside the engine itself."""
        if self._load.engine_steps is not None:
            yield from self._steps(1 / self._load.engine_steps)
        while True:
            if not self._untold:
                yield self._env.timeout(FRAME_S / 4)
                continue
            messages = min(self._untold, _MESSAGES_AT_ONCE)
            self._untold -= messages
            yield from self._compute("engine's process", messages * self._costs.engine_us)

    def _steps(self, step_s: float) -> Work:
        """Passes on what each step has, and what sessions have sent meanwhile."""
        costs = self._costs
        while True:
            yield self._env.timeout(step_s)
            seconds, self._untold = self._untold / MESSAGES_A_SECOND, 0
            messages = len(self._processes) + seconds * MESSAGES_TO_ENGINE_A_SECOND
            cost_us = messages * costs.relay_message_us + seconds * EVENTS_A_SECOND * costs.relay_event_us
            yield from self._compute("engine's process", cost_us)


def _notify(event: simpy.Event) -> None:
    if not event.triggered:
        event.succeed()


def simulate(load: Load, costs: Costs) -> Result:
    """Runs the model."""
    return _Simulation(load, costs).run()
