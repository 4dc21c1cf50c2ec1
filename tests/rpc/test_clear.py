"""Barge-in over a real socket: what a client that has only the proto gets when it interrupts speech."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np

from tests.fakes.model_free_service import model_free_service
from tests.rpc.conftest import CONFIG, request
from translate_svc.rpc.server import RpcServer
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc

RATE_HZ = 16_000


def loud(samples: int) -> pb.AudioInput:
    """What ``EnergyVad`` takes for speech."""
    return pb.AudioInput(data=np.full(samples, 16_384, "<i2").tobytes())


async def test_speech_that_is_cleared_ends_with_the_reason_cleared() -> None:
    async with (
        model_free_service() as service,
        RpcServer(service) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        call: Any = pb_grpc.SpeechTranslationStub(channel).StreamingTranslate()  # type: ignore[no-untyped-call]
        events: list[Any] = []

        async def read_until(kind: str) -> Any:
            while event := await call.read():  # EOF is false
                events.append(event)
                if event.WhichOneof("event") == kind:
                    return getattr(event, kind)
            raise AssertionError(f"no {kind}")

        await call.write(request(config=CONFIG))
        await call.write(request(audio=loud(RATE_HZ)))
        started = await read_until("speech_started")
        await call.write(request(clear=pb.ClearInput()))
        cleared = await read_until("cleared")
        await call.write(request(audio=loud(RATE_HZ)))
        await call.write(request(end=pb.EndInput(total_samples=2 * RATE_HZ)))
        await read_until("closed")
    ended = [event.speech_ended for event in events if event.WhichOneof("event") == "speech_ended"]
    assert [(each.utterance_id, each.reason) for each in ended] == [
        (0, pb.END_REASON_CLEARED),
        (1, pb.END_REASON_END_OF_STREAM),
    ]
    assert (ended[0].source.start, ended[0].source.end) == (started.position, cleared.through_sample)
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds.index("speech_ended") < kinds.index("utterance_done") < kinds.index("cleared")
