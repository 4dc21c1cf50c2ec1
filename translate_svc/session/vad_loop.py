"""One detector for all streams: frames that wait at the same time are scored in one batch."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

import numpy as np

from translate_svc.errors import DetectorError, ResourceExhausted, Unavailable
from translate_svc.types import FRAME_SAMPLES
from translate_svc.vad.frame_vad import MAX_FRAMES_AT_ONCE, Float32Array, FrameVad, VadFrames

GATHER_FROM_STREAMS = 16
"""With fewer streams nothing is delayed, so that a file is scored as fast as it is sent."""
_GATHER_S_A_STREAM, _GATHER_MAX_S = 0.0001, 0.008
"""The longest interval is a quarter of a frame: a file is still scored at four times real time."""
_FAILURES, _FAILING_S = 3, 30.0


@dataclass(slots=True, eq=False)
class _Job:
    stream: VadStream
    frames: VadFrames
    result: asyncio.Future[list[float]]


class VadStream:
    """One stream of a ``VadLoop``, with its state row. Created by ``VadLoop.open_stream``."""

    def __init__(self, loop: VadLoop, state_size: int) -> None:
        self._loop = loop
        self._waiting = False
        self.state: Float32Array = np.zeros(state_size, dtype=np.float32)

    async def probabilities(self, frames: VadFrames) -> list[float]:
        """Speech probabilities of the stream's next frames, each within [0, 1].

        If the wait is cancelled, the state stays as it was before them; other streams are unaffected.

        Raises:
            RuntimeError: other frames of this stream still wait.
            Unavailable: the loop or the stream is closed.
            DetectorError: the detector failed.
        """
        if self._waiting:
            raise RuntimeError("frames of this stream are being scored")
        self._waiting = True
        try:
            return await self._loop.score(self, frames)
        finally:
            self._waiting = False

    def close(self) -> None:
        """Leaves the loop. Idempotent."""
        self._loop.release(self)


class VadLoop:
    """Coalesces frames of several streams into calls of one ``FrameVad`` on a single worker thread.

    Frames that arrive during a call wait for the next one. With few open streams no frame is delayed further.
    With many, calls start at least ``batch_interval_s`` apart: each call has a fixed overhead, and hundreds
    of streams would spend most of their time on it. A stream may have several frames scored in one call, as
    those of recordings do: they are there before they are needed, and a call for each would cost more than
    its score. The queue holds at most one job per stream, so at most ``max_streams``. A stream beyond that is
    refused when it opens, never later.

    Use as an asynchronous context manager, or ``start`` and ``aclose``.

    Args:
        vad: The detector; called from the worker thread alone.
        max_batch_streams: Most streams in one call; those that wait longest go first.
        max_streams: Most streams open at the same time.
    """

    def __init__(self, vad: FrameVad, *, max_batch_streams: int = 64, max_streams: int = 1024) -> None:
        if max_batch_streams < 1 or max_streams < 1:
            raise ValueError("max_batch_streams and max_streams must be positive")
        self._vad = vad
        self._max_batch_streams = max_batch_streams
        self._max_streams = max_streams
        self._streams: set[VadStream] = set()
        self._waiting: deque[_Job] = deque()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vad")
        self._closed = False
        self._failures = 0  # of calls in a row
        self._failed_s = 0.0

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def start(self) -> None:
        """Starts scoring. Call it once, inside the running event loop."""
        if self._task is not None or self._closed:
            raise RuntimeError("a VAD loop starts once")
        self._task = asyncio.get_running_loop().create_task(self._run(), name="vad-loop")

    async def aclose(self) -> None:
        """Stops and waits for a running call; waiting frames raise ``Unavailable``. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._task is not None:
            self._arrived.set()
            await asyncio.shield(self._task)
        self._executor.shutdown(wait=True)

    @property
    def is_failing(self) -> bool:
        """Whether the detector has failed three times in a row, the last time less than 30 s ago.

        After 30 s without a call streams may try again.
        """
        recent = time.monotonic() - self._failed_s < _FAILING_S
        return self._failures >= _FAILURES and recent

    @property
    def open_streams(self) -> int:
        """Number of open streams."""
        return len(self._streams)

    def open_stream(self) -> VadStream:
        """Opens a stream.

        Raises:
            ResourceExhausted: ``max_streams`` are open already.
            Unavailable: the loop is closed.
        """
        if self._closed:
            raise Unavailable("the voice activity detector is stopped")
        if len(self._streams) >= self._max_streams:
            raise ResourceExhausted(f"the voice activity detector serves {self._max_streams} streams already")
        stream = VadStream(self, self._vad.state_size)
        self._streams.add(stream)
        return stream

    def release(self, stream: VadStream) -> None:
        """Closes a stream; its waiting frames raise ``Unavailable``."""
        self._streams.discard(stream)
        jobs = [job for job in self._waiting if job.stream is stream]
        for job in jobs:
            self._waiting.remove(job)
        _fail(jobs, Unavailable("the stream is closed"))

    async def score(self, stream: VadStream, frames: VadFrames) -> list[float]:
        """Queues frames and waits for their speech probabilities. Raises as ``VadStream.probabilities``."""
        if self._closed or stream not in self._streams:
            raise Unavailable("the voice activity detector or the stream is closed")
        count = len(frames.samples)
        if frames.samples.shape != (count, FRAME_SAMPLES) or not 1 <= count <= MAX_FRAMES_AT_ONCE:
            raise ValueError(f"frames have {FRAME_SAMPLES} samples, and are at most {MAX_FRAMES_AT_ONCE}")
        job = _Job(stream, frames, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._arrived.set()
        try:
            return await job.result
        except asyncio.CancelledError:
            if job in self._waiting:
                self._waiting.remove(job)
            raise

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        next_s = clock()
        while not self._closed:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            if (early_s := next_s - clock()) > 0:
                await asyncio.sleep(early_s)
            next_s = clock() + batch_interval_s(len(self._streams))
            if jobs := self._next_batch():
                await self._score_batch(jobs)
        _fail(list(self._waiting), Unavailable("the voice activity detector is stopped"))
        self._waiting.clear()

    async def _score_batch(self, jobs: list[_Job]) -> None:
        """Scores streams together; if that fails, each alone: no stream fails for another one's frame."""
        scoring = partial(_scored, self._vad, jobs)
        try:
            scored = await asyncio.get_running_loop().run_in_executor(self._executor, scoring)
        except Exception as error:
            if len(jobs) > 1:
                for job in jobs:
                    await self._score_batch([job])
                return
            self._failures += 1
            self._failed_s = time.monotonic()
            failure = DetectorError("the voice activity detector failed")
            failure.__cause__ = error
            _fail(jobs, failure)
            return
        self._failures = 0
        for job, probabilities, state in zip(jobs, *scored, strict=True):
            if not job.result.done():
                job.stream.state = state
                job.result.set_result(probabilities)

    def _next_batch(self) -> list[_Job]:
        jobs: list[_Job] = []
        while self._waiting and len(jobs) < self._max_batch_streams:
            job = self._waiting.popleft()
            if not job.result.done():
                jobs.append(job)
        return jobs


def _scored(vad: FrameVad, jobs: Sequence[_Job]) -> tuple[list[list[float]], Float32Array]:
    """Probabilities and new state of each job: their first frames in one step, then their second ones, ..."""
    states = np.stack([job.stream.state for job in jobs])
    states[[job.frames.restart for job in jobs]] = 0.0
    found: list[list[float]] = [[] for _ in jobs]
    for index in range(max(len(job.frames.samples) for job in jobs)):
        rows = [row for row, job in enumerate(jobs) if index < len(job.frames.samples)]
        frames = np.stack([jobs[row].frames.samples[index] for row in rows])
        probabilities, states[rows] = vad.step(frames, states[rows])
        for row, probability in zip(rows, probabilities.tolist(), strict=True):
            found[row].append(probability)
    return found, states


def batch_interval_s(streams: int) -> float:
    """Shortest time between the starts of two calls, with ``streams`` open streams."""
    return min(_GATHER_S_A_STREAM * streams, _GATHER_MAX_S) if streams >= GATHER_FROM_STREAMS else 0.0


def _fail(jobs: list[_Job], error: Exception) -> None:
    for job in jobs:
        if not job.result.done():
            job.result.set_exception(error)
