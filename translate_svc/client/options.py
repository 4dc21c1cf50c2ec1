"""Options of a client: credentials, deadlines, sizes and keepalive."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

import grpc

from translate_svc.addresses import is_local
from translate_svc.errors import InvalidArgument
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.variables import API_KEY_VARIABLE

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["SpeechTranslation"].full_name

# gRPC retries a stream only before its first response, and never hedges. The health check avoids servers that
# drain.
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


def _environment_key() -> str:
    return os.environ.get(API_KEY_VARIABLE, "")


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Credentials, deadlines and sizes.

    Attributes:
        credentials: credentials of the channel, see ``tls_credentials``; None: plaintext.
        api_key: the API key, if the server requires one. By default that of ``TRANSLATE_SVC_API_KEY``.
        insecure: allow the key in plaintext to a server that is not on this machine.
        open_timeout_s: from the start of a stream to its ``opened`` event.
        translate_timeout_s: for a whole call of ``translate``; None: as long as it takes.
        call_timeout_s: for the other calls.
        max_chunk_bytes: longer audio is sent in chunks of at most this size.
        resume_timeout_s: how long a stream with ``resume`` looks for a server that continues it.
        resume_attempt_s: how long one server may take to answer then, before the next one is asked.
        max_replay_bytes: memory for messages that a stream with ``resume`` may have to send again. A stream
            whose input since the last commit point is longer cannot be resumed until the next one.
        keepalive_time_ms: the client pings a server after this time without data from it. This package's
            server accepts no less than half of its own ``keepalive_time_ms``.
        keepalive_timeout_ms: how long the server's TCP may leave sent data unacknowledged.
        ping_timeout_ms: how long the server may leave a ping unanswered. Only this detects a frozen server:
            its kernel still acknowledges data.
    """

    credentials: grpc.ChannelCredentials | None = None
    api_key: str = field(default_factory=_environment_key, repr=False)
    insecure: bool = False
    open_timeout_s: float = 10.0
    translate_timeout_s: float | None = 60.0
    call_timeout_s: float = 10.0
    max_chunk_bytes: int = 16 * 1024
    resume_timeout_s: float = 60.0
    resume_attempt_s: float = 3.0
    max_replay_bytes: int = 64 * 1024 * 1024
    keepalive_time_ms: int = 20_000
    keepalive_timeout_ms: int = 10_000
    ping_timeout_ms: int = 10_000

    def __post_init__(self) -> None:
        if not self.api_key.isascii() or any(each.isspace() for each in self.api_key):
            raise InvalidArgument("holds characters that no key has", field="api_key")

    def check_target(self, target: str) -> None:
        """Raises InvalidArgument if the key would leave this machine in plaintext without ``insecure``."""
        if self.api_key and self.credentials is None and not self.insecure and not is_local(target):
            raise InvalidArgument(
                "would travel in plaintext: give credentials, or insecure=True", field="api_key"
            )

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The metadata of every call."""
        return (("authorization", f"Bearer {self.api_key}"),) if self.api_key else ()

    def channel_arguments(self, target: str) -> list[tuple[str, int | str]]:
        """The arguments of a channel to ``target``."""
        return [
            ("grpc.max_receive_message_length", 4 * 1024 * 1024),
            # a server that restarts is found again at once, not after a back-off of up to two minutes
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            # a small fixed window: unread data stays at the server, which may then slow down
            ("grpc.http2.lookahead_bytes", 64 * 1024),
            ("grpc.http2.bdp_probe", 0),
            # else all clients of a program share one connection, and a server serves it by one process
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.keepalive_time_ms", self.keepalive_time_ms),
            ("grpc.keepalive_timeout_ms", self.keepalive_timeout_ms),
            ("grpc.http2.ping_timeout_ms", self.ping_timeout_ms),
            # with the default, gRPC stops after two pings on a stream without data
            ("grpc.http2.max_pings_without_data", 0),
            # a proxy of https_proxy would look for a server on its own machine
            ("grpc.enable_http_proxy", int(not is_local(target))),
            ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
        ]
