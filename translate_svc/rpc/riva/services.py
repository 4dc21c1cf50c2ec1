"""The services of Riva that a server has beside its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from riva.client.proto import (
    riva_asr_pb2,
    riva_asr_pb2_grpc,
    riva_nmt_pb2,
    riva_nmt_pb2_grpc,
    riva_tts_pb2,
    riva_tts_pb2_grpc,
)

from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.read_limiter import ReadLimiter
from translate_svc.rpc.riva.context import RivaContext
from translate_svc.rpc.riva.recognition import RecognitionServicer
from translate_svc.rpc.riva.synthesis import SynthesisServicer
from translate_svc.rpc.riva.translation import TranslationServicer
from translate_svc.serving.live_calls import LiveCalls
from translate_svc.serving.protocols import TranslationService


@dataclass(frozen=True, slots=True)
class RivaService:
    """One service: its full name, and what adds it to a server that is not started yet."""

    name: str
    add_to: Callable[[grpc.aio.Server], None]


def riva_services(
    service: TranslationService, options: RpcOptions, calls: LiveCalls, reads: ReadLimiter
) -> Sequence[RivaService]:
    """All of them. ``calls`` are those of the server; ``reads`` bounds the streams that are being opened."""
    context = RivaContext(service, options, calls, reads)
    return (
        _service(
            riva_nmt_pb2.DESCRIPTOR.services_by_name["RivaTranslation"].full_name,
            riva_nmt_pb2_grpc.add_RivaTranslationServicer_to_server,
            TranslationServicer(context),
        ),
        _service(
            riva_asr_pb2.DESCRIPTOR.services_by_name["RivaSpeechRecognition"].full_name,
            riva_asr_pb2_grpc.add_RivaSpeechRecognitionServicer_to_server,
            RecognitionServicer(context),
        ),
        _service(
            riva_tts_pb2.DESCRIPTOR.services_by_name["RivaSpeechSynthesis"].full_name,
            riva_tts_pb2_grpc.add_RivaSpeechSynthesisServicer_to_server,
            SynthesisServicer(context),
        ),
    )


def _service(name: str, add: Callable[[Any, grpc.aio.Server], None], servicer: Any) -> RivaService:
    return RivaService(name, lambda server: add(servicer, server))
