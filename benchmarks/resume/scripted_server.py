"""A server as a process whose engine follows a script: what it costs is all but the model.

Texts and speech depend on the length of the source alone, so that two runs are the same.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import signal
from pathlib import Path

import translate_svc.cli  # noqa: F401 - before grpc, which is set up there
from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, samples_of
from tests.fakes.model_free_service import model_free_service
from tests.fakes.scripted_engine import ScriptedEngine
from translate_svc.access.resume_tokens import ResumeTokens
from translate_svc.cli.commands.serve import READY_PREFIX
from translate_svc.engine.events import EngineEvent, RequestFinished
from translate_svc.engine.handle import Deliver
from translate_svc.engine.request import Request
from translate_svc.resumption import Resumption
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.session.admission import AdmissionOptions
from translate_svc.types import ModelInfo

_MODEL = ModelInfo("script")
_WORDS = 12


def _script(request: Request) -> ScriptedRequest:
    length = len(samples_of(request))
    sequences = tuple(
        ScriptedSequence(
            deltas=tuple(f" {spec.language}-{length}-{word}" for word in range(_WORDS)),
            piece_units=(50, 50, 25),
        )
        for spec in request.sequences
    )
    return ScriptedRequest(sequences, encode_s=0.15)


def _die_after(utterances: int, engine: ScriptedEngine) -> None:
    """Has the process kill itself as soon as so many utterances are translated."""
    submit, finished = engine.submit, itertools.count(1)

    def submit_counted(request: Request, deliver: Deliver) -> None:
        def deliver_counted(event: EngineEvent) -> None:
            deliver(event)
            if isinstance(event, RequestFinished) and next(finished) >= utterances:
                os.kill(os.getpid(), signal.SIGKILL)

        submit(request, deliver_counted)

    engine.submit = submit_counted  # type: ignore[method-assign]


async def _serve(
    port: int, keys: Path, max_streams: int, drain_grace_s: float, dies_after: int | None
) -> None:
    resumption = Resumption(ResumeTokens(keys, 3_600), _MODEL)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    admission = AdmissionOptions(max_streams=max_streams)
    async with model_free_service(_script, admission=admission, resumption=resumption) as service:
        if dies_after is not None:
            _die_after(dies_after, service.engine)
        server = RpcServer(service, RpcOptions(address=f"127.0.0.1:{port}"))
        await server.start()
        print(f"{READY_PREFIX}{server.target}", flush=True)
        await stopping.wait()
        await server.stop(drain_grace_s)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--resume-keys", type=Path, required=True)
    parser.add_argument("--max-streams", type=int, default=1_000)
    parser.add_argument("--drain-grace-s", type=float, default=20.0)
    parser.add_argument("--dies-after", type=int, help="utterances")
    given = parser.parse_args()
    asyncio.run(
        _serve(given.port, given.resume_keys, given.max_streams, given.drain_grace_s, given.dies_after)
    )
