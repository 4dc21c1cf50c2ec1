"""How a client talks to its server."""

from __future__ import annotations

import json
from dataclasses import dataclass

import grpc

from translate_svc.v1 import speech_translation_pb2 as pb

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["SpeechTranslation"].full_name

# A stream is retried only while nothing of it has been answered; never hedged. Whoever drains is passed over.
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": SERVICE_NAME},
    "methodConfig": [
        {
            "name": [{"service": SERVICE_NAME}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Deadlines and sizes.

    Attributes:
        credentials: of the channel; None speaks plaintext.
        open_timeout_s: until a stream is answered ``opened``.
        translate_timeout_s: for all of a call of ``translate``.
        call_timeout_s: for the other calls.
        max_chunk_bytes: longer audio is sent in pieces of at most this.
    """

    credentials: grpc.ChannelCredentials | None = None
    open_timeout_s: float = 10.0
    translate_timeout_s: float = 60.0
    call_timeout_s: float = 10.0
    max_chunk_bytes: int = 16 * 1024

    def channel_arguments(self) -> list[tuple[str, int | str]]:
        """What the channel is opened with."""
        return [
            ("grpc.max_receive_message_length", 4 * 1024 * 1024),
            # A small fixed window: what is not read stays at the server, which may then slow down.
            ("grpc.http2.lookahead_bytes", 64 * 1024),
            ("grpc.http2.bdp_probe", 0),
            # A frozen server is found in 20 + 10 s; keepalive_timeout alone does not find it.
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.ping_timeout_ms", 10_000),
            ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
        ]
