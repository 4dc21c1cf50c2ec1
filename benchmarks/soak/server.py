"""The server as a process: prints its addresses, then answers each line of its input with one of JSON."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass

import translate_svc.cli  # noqa: F401 - before grpc, which is set up there
from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, echo_script
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from translate_svc.cli.freed_memory import returning_freed_memory
from translate_svc.engine.request import Request
from translate_svc.gateway.server import GatewayServer
from translate_svc.memory_limits import resident_bytes
from translate_svc.models.machine.host_memory import return_freed_memory
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.serving.protocols import TranslationService
from translate_svc.session.admission import AdmissionOptions
from translate_svc.session.session import Session
from translate_svc.types import AudioInput, Caller, CallOutcome, ClientMessage, SessionEvent, StreamConfig


@dataclass(frozen=True, slots=True)
class ServerSetup:
    """What the process is told to be.

    Attributes:
        max_streams: admitted at a time.
        max_running_requests: that the engine works on at a time; others wait in its line.
        max_waiting_requests: the length of that line.
        encode_ms: what the engine takes for an utterance before its first text.
        timed: keep the time at which each chunk of audio was handled.
        http: serve OpenAI's protocol over HTTP as well.
    """

    max_streams: int = 1_000
    max_running_requests: int = 1_000
    max_waiting_requests: int = 1_000
    encode_ms: int = 100
    timed: bool = False
    http: bool = False


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the process holds, after it has collected its garbage."""

    resident_bytes: int
    cpu_s: float
    descriptors: int
    threads: int
    tasks: int
    streams: int
    admitted: int
    requests: int
    vad_places: int


class _TimedSession:
    """A session that notes when it has taken each chunk of audio."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.session_id = session.session_id
        self.handled_s = array("d")

    async def receive(self, message: ClientMessage) -> None:
        await self._session.receive(message)
        if isinstance(message, AudioInput):
            self.handled_s.append(time.monotonic())

    async def half_close(self, *, cut_off: bool = False) -> None:
        await self._session.half_close(cut_off=cut_off)

    def events(self) -> AsyncIterator[SessionEvent]:
        return self._session.events()

    def go_away(self, deadline_ms: int) -> None:
        self._session.go_away(deadline_ms)

    async def cancel(self, end: CallOutcome) -> None:
        await self._session.cancel(end)


class _TimedService:
    """Opens sessions that note times; all else is the service's."""

    def __init__(self, service: ModelFreeService) -> None:
        self._service = service
        self.sessions: list[_TimedSession] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._service, name)

    async def open_session(
        self, config: StreamConfig, caller: Caller, audio_patience_s: float = 0.0
    ) -> _TimedSession:
        session = await self._service.open_session(config, caller, audio_patience_s)
        self.sessions.append(_TimedSession(session))
        return self.sessions[-1]

    def take_times(self) -> dict[str, list[float]]:
        """When each chunk of each session was handled, on the machine's monotonic clock. Forgets them."""
        times = {session.session_id: list(session.handled_s) for session in self.sessions}
        self.sessions.clear()
        return times


def _state(service: ModelFreeService, server: RpcServer) -> ServerState:
    gc.collect()
    return_freed_memory()  # memory that is free but kept is no leak
    cpu, held = os.times(), resident_bytes()
    assert held is not None, "Linux tells"
    return ServerState(
        resident_bytes=held,
        cpu_s=cpu.user + cpu.system,
        descriptors=len(os.listdir("/proc/self/fd")),
        threads=threading.active_count(),
        tasks=len(asyncio.all_tasks()),
        streams=server.live_streams,
        admitted=service.admission.live,
        requests=len(service.engine.live_request_ids),
        vad_places=service.vad_loop.open_streams,
    )


async def _serve(setup: ServerSetup) -> None:
    def script(request: Request) -> ScriptedRequest:
        said: tuple[ScriptedSequence, ...] = echo_script(request).sequences
        return ScriptedRequest(said, encode_s=setup.encode_ms / 1000)

    async with model_free_service(
        script,
        admission=AdmissionOptions(
            max_streams=setup.max_streams, max_waiting_requests=setup.max_waiting_requests
        ),
        max_running_requests=setup.max_running_requests,
        max_waiting_requests=setup.max_waiting_requests,
    ) as service:
        timed = _TimedService(service) if setup.timed else None
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(returning_freed_memory())  # as a real server does
            served: TranslationService = timed or service  # type: ignore[assignment]
            server = await stack.enter_async_context(RpcServer(served, RpcOptions()))
            gateway = await stack.enter_async_context(GatewayServer(served)) if setup.http else None
            print(server.target, gateway.target if gateway else "", flush=True)
            while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
                if command == "times" and timed is not None:
                    print(json.dumps(timed.take_times()), flush=True)
                else:
                    print(json.dumps(asdict(_state(service, server))), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(ServerSetup(**json.loads(sys.argv[1]))))
