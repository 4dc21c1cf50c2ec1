"""A fake engine that follows a script, on the clock of the event loop.

It implements ``translate_svc.engine.handle.EngineHandle`` with the guarantees of the real engine. Events are
delivered on the loop's thread, in the documented order per sequence, never inside ``submit`` and never after
``abort``. Pieces wait for credit. A full waiting queue refuses with an event. All delays are
``asyncio.sleep``, so a loop with virtual time runs it without waiting.

    def script(request: Request) -> ScriptedRequest:
        return ScriptedRequest(sequences=(ScriptedSequence(deltas=("good", " day"), piece_units=(25, 50)),))

    engine = ScriptedEngine(script)
    engine.submit(request, events.append)

Scripts are made of ``tests/fakes/engine_script.py``; the default is ``echo_script``.
Tests read the calls afterwards from ``submitted``, ``aborted``, ``granted`` and ``live_request_ids``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.engine_script import Script, ScriptedRequest, ScriptedSequence, echo_script, waveform
from tests.fakes.scripted_hypotheses import (
    SourcePlaces,
    decided,
    speech_carried_over,
    speech_start_samples,
    state_of,
)
from translate_svc.engine.events import (
    EngineEvent,
    FinishStatus,
    RequestFinished,
    RequestQueued,
    RequestRefused,
    SequenceFinished,
    StopReason,
    TextFinished,
    TextScored,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.handle import ENGINE_LOST, Deliver, EngineStatus
from translate_svc.engine.request import HypothesisRequest, Request
from translate_svc.engine.scheduling.request_state import combined_status
from translate_svc.errors import EngineLost, InvalidArgument, ResourceExhausted, TranslateSvcError
from translate_svc.types import SAMPLES_PER_UNIT, StageTiming


class _Failed(Exception):
    """The script makes the sequence fail at this point."""


@dataclass(slots=True, eq=False)
class _Live:
    request: Request
    deliver: Deliver
    script: ScriptedRequest
    credits: list[int]
    credit_arrived: asyncio.Event = field(default_factory=asyncio.Event)
    open: bool = True
    statuses: dict[int, FinishStatus] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None

    def emit(self, event: EngineEvent) -> None:
        if self.open:
            self.deliver(event)

    def finish_sequence(self, sequence: int, status: FinishStatus, error: str = "") -> None:
        self.statuses[sequence] = status
        self.emit(SequenceFinished(self.request.request_id, sequence, status, error))


class ScriptedEngine:
    """The scripted engine. Use it on one event loop, from the loop's thread.

    ``initial_credit_pieces``: pieces a sequence may deliver before the first ``grant``.
    ``answer_delay_s``: seconds until ``RequestQueued`` or ``RequestRefused`` is delivered, as by an engine in
    another process. It must be shorter than the encoding.
    ``max_running_requests``: further requests wait, first come first served.
    ``max_waiting_requests``: with so many waiting, a request is refused with ``ResourceExhausted``.

    A hypothesis that is told log-mel frames of other audio than its own fails the test.
    """

    def __init__(
        self,
        script: Script = echo_script,
        *,
        initial_credit_pieces: int = 4,
        max_running_requests: int = 1_000,
        max_waiting_requests: int = 1_000,
        answer_delay_s: float = 0.0,
    ) -> None:
        self._script = script
        self._initial_credit_pieces = initial_credit_pieces
        self.max_running_requests = max_running_requests
        self.max_waiting_requests = max_waiting_requests
        self._live: dict[str, _Live] = {}
        self._places = SourcePlaces()
        self.refused: dict[str, _Live] = {}
        self._waiting: deque[_Live] = deque()
        self.answer_delay_s = answer_delay_s
        self._running = 0
        self._refusal: TranslateSvcError | None = None
        self._lost = False
        self.submitted: list[Request] = []
        self.aborted: list[str] = []
        self.granted: list[tuple[str, int, int]] = []

    @property
    def live_request_ids(self) -> frozenset[str]:
        """Ids of the requests that wait or run."""
        return frozenset(self._live)

    @property
    def status(self) -> EngineStatus:
        """Implements ``EngineHandle.status``, without slots and totals."""
        return EngineStatus(
            healthy=not self._lost,
            lost=self._lost,
            live_requests=len(self._live),
            waiting_requests=len(self._waiting),
        )

    def refuse_next(self, error: TranslateSvcError) -> None:
        """Refuses the next request with ``error``; ``submit`` raises an ``InvalidArgument`` immediately."""
        self._refusal = error

    def lose_device(self) -> None:
        """Fails every live request, as a lost device does, and refuses every later one."""
        self._lost = True
        for live in list(self._live.values()):
            self._cancel(live)
            self._fail_unfinished(live, ENGINE_LOST)
            live.open = False

    def submit(self, request: Request, deliver: Deliver) -> None:
        """Implements ``EngineHandle.submit``."""
        refusal, self._refusal = self._refusal, None
        if isinstance(refusal, InvalidArgument):
            raise refusal
        if request.request_id in self._live or request.request_id in self.refused:
            raise InvalidArgument("is in use", field="request_id")
        if self._lost:
            refusal = EngineLost(ENGINE_LOST)
        elif self._running >= self.max_running_requests and len(self._waiting) >= self.max_waiting_requests:
            refusal = refusal or ResourceExhausted("the waiting queue is full", retry_after_s=1.0)
        self._places.check(request)
        script = self._script(request)
        if len(script.sequences) != len(request.sequences):
            raise AssertionError("the script must give one ScriptedSequence per sequence of the request")
        credits = [self._initial_credit_pieces] * len(request.sequences)
        live = _Live(request, deliver, script, credits)
        if refusal is not None:
            self.refused[request.request_id] = live
            self._soon(self._deliver_refusal, live, refusal)
            return
        self._soon(live.emit, RequestQueued(request.request_id))
        self._live[request.request_id] = live
        self.submitted.append(request)
        self._waiting.append(live)
        self._start_waiting()

    def _soon(self, callback: Callable[..., None], *args: object) -> None:
        loop = asyncio.get_running_loop()
        if self.answer_delay_s:
            loop.call_later(self.answer_delay_s, callback, *args)
        else:
            loop.call_soon(callback, *args)

    def _deliver_refusal(self, live: _Live, error: TranslateSvcError) -> None:
        if live.open:
            del self.refused[live.request.request_id]
            live.emit(RequestRefused(live.request.request_id, error))
            live.open = False

    def abort(self, request_id: str) -> None:
        """Implements ``EngineHandle.abort``."""
        if (refused := self.refused.pop(request_id, None)) is not None:
            refused.open = False
        live = self._live.get(request_id)
        if live is None:
            return
        self.aborted.append(request_id)
        live.open = False
        self._cancel(live)

    def grant(self, request_id: str, sequence: int, pieces: int = 1) -> None:
        """Implements ``EngineHandle.grant``."""
        live = self._live.get(request_id)
        if live is None:
            return
        self.granted.append((request_id, sequence, pieces))
        live.credits[sequence] += pieces
        live.credit_arrived.set()

    def _start_waiting(self) -> None:
        while self._waiting and self._running < self.max_running_requests:
            live = self._waiting.popleft()
            self._running += 1
            live.task = asyncio.get_running_loop().create_task(self._run(live))

    def _cancel(self, live: _Live) -> None:
        """Removes a request from the engine immediately. Its task ends later, without events."""
        del self._live[live.request.request_id]
        if live.task is None:
            self._waiting.remove(live)
        else:
            live.task.cancel()
            self._release()

    def _release(self) -> None:
        self._running -= 1
        self._start_waiting()

    async def _run(self, live: _Live) -> None:
        await asyncio.sleep(live.script.encode_s)
        if not live.script.encode_fails:
            async with asyncio.TaskGroup() as group:
                for sequence in range(len(live.request.sequences)):
                    group.create_task(self._run_sequence(live, sequence))
        if not live.open:
            return
        del self._live[live.request.request_id]
        if live.script.encode_fails:
            self._fail_unfinished(live, "encoding failed")
        else:
            timings = (StageTiming("encode", live.script.encode_s * 1000, 1),)
            status = combined_status(live.statuses.values())
            live.emit(RequestFinished(live.request.request_id, status, timings))
        live.open = False
        self._release()

    def _fail_unfinished(self, live: _Live, error: str) -> None:
        for sequence in range(len(live.request.sequences)):
            if sequence not in live.statuses:
                live.finish_sequence(sequence, FinishStatus.FAILED, error)
        live.emit(RequestFinished(live.request.request_id, FinishStatus.FAILED, error=error))

    async def _run_sequence(self, live: _Live, sequence: int) -> None:
        script = live.script.sequences[sequence]
        if (spec := live.request.sequences[sequence]).is_scored:
            given = spec.given_token_ids or spec.given_text.split()
            await asyncio.sleep(script.token_interval_s)
            scores = (script.log_probability,) * (len(given) + 1)
            live.emit(TextScored(live.request.request_id, sequence, scores))
            live.finish_sequence(sequence, FinishStatus.OK)
            return
        try:
            await self._emit_text(live, sequence, script)
            speech = live.request.sequences[sequence].speech and not script.unexpected_script
            end_samples = speech_start_samples(live.request, sequence)
            if speech and script.deltas:
                end_samples = await self._emit_speech(live, sequence, script)
            if not live.request.is_final:
                live.emit(speech_carried_over(live.request, sequence, end_samples))
        except _Failed as failure:
            live.finish_sequence(sequence, FinishStatus.FAILED, str(failure))
            return
        ended = script.stop is StopReason.END_OF_TEXT
        status = FinishStatus.OK if ended else FinishStatus.TRUNCATED
        said = script.deltas or (
            isinstance(live.request, HypothesisRequest) and state_of(live.request, sequence).committed_tokens
        )
        live.finish_sequence(sequence, status if said else FinishStatus.EMPTY)

    async def _emit_text(self, live: _Live, sequence: int, script: ScriptedSequence) -> None:
        request_id = live.request.request_id
        if isinstance(live.request, HypothesisRequest):
            await asyncio.sleep(script.token_interval_s)
            held, start = script.held, script.kept_start_samples
            live.emit(decided(live.request, sequence, script.deltas, held, start, script.token_frames))
        for index, delta in enumerate(script.deltas):
            if script.fail_after_tokens == index:
                raise _Failed("decoding failed")
            await asyncio.sleep(script.token_interval_s)
            source_ms = index * 160 if live.request.source_times else None
            live.emit(
                TokenDecoded(request_id, sequence, 100 + index, delta, script.log_probability, source_ms)
            )
        if script.fail_after_tokens == len(script.deltas):
            raise _Failed("decoding failed")
        if not live.request.is_final:
            return
        await asyncio.sleep(script.token_interval_s)
        text = "".join(script.deltas)
        tokens = len(script.deltas)
        live.emit(TextFinished(request_id, sequence, text, "", tokens, script.stop, script.unexpected_script))

    async def _emit_speech(self, live: _Live, sequence: int, script: ScriptedSequence) -> int:
        """Returns where the speech has ended."""
        request_id = live.request.request_id
        await asyncio.sleep(script.text_to_unit_s)
        if script.fail_after_pieces == 0:
            raise _Failed("text to unit failed")
        live.emit(UnitsPredicted(request_id, sequence, tuple(range(sum(script.piece_units))), ()))
        start_samples = speech_start_samples(live.request, sequence)
        for index, units in enumerate(script.piece_units):
            while live.credits[sequence] == 0:
                live.credit_arrived.clear()
                await live.credit_arrived.wait()
            live.credits[sequence] -= 1
            await asyncio.sleep(script.piece_interval_s)
            samples = waveform(script, start_samples, units * SAMPLES_PER_UNIT)
            final = live.request.is_final and index == len(script.piece_units) - 1
            live.emit(WaveformPiece(request_id, sequence, start_samples, samples, final))
            start_samples += len(samples)
            if script.fail_after_pieces == index + 1:
                raise _Failed("vocoding failed")
        return start_samples
