"""The gRPC server: bind, serve, drain, stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from translate_svc.access.callers import Callers
from translate_svc.addresses import is_local
from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.observability.telemetry import attach_trace_context
from translate_svc.rpc.authentication import AuthenticationInterceptor, caller
from translate_svc.rpc.call_limiter import CallLimiter
from translate_svc.rpc.interceptors import ErrorInterceptor
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.read_limiter import ReadLimiter
from translate_svc.rpc.reflection import add_reflection
from translate_svc.rpc.request_reader import RequestReader
from translate_svc.rpc.servicer import SERVICE_NAME, SpeechTranslationServicer
from translate_svc.rpc.unix_socket import check_unix_address, only_for_owner
from translate_svc.serving.live_calls import DRAINING, LiveCalls
from translate_svc.serving.protocols import TranslationService
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from translate_svc.rpc.riva.services import RivaService


def channel_options(options: RpcOptions) -> list[tuple[str, int]]:
    """The server's channel arguments."""
    return [
        ("grpc.max_receive_message_length", options.max_message_bytes),
        ("grpc.max_concurrent_streams", options.max_streams_per_connection),
        ("grpc.max_allowed_incoming_connections", options.max_connections),
        ("grpc.max_metadata_size", 8 * 1024),
        ("grpc.absolute_max_metadata_size", 16 * 1024),
        # two servers on one port share its connections at random, so this must be meant
        ("grpc.so_reuseport", int(options.reuse_port)),
        # a small fixed window: back-pressure reaches the client early, not after megabytes
        ("grpc.http2.lookahead_bytes", options.stream_buffer_bytes),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.keepalive_time_ms", options.keepalive_time_ms),
        ("grpc.keepalive_timeout_ms", options.keepalive_timeout_ms),
        ("grpc.http2.ping_timeout_ms", options.ping_timeout_ms),
        ("grpc.http2.min_ping_interval_without_data_ms", options.keepalive_time_ms // 2),
        ("grpc.http2.max_ping_strikes", 2),
        ("grpc.max_connection_idle_ms", 300_000),
        ("grpc.server_handshake_timeout_ms", 10_000),
        # an old connection takes no new calls, and its clients look the addresses up again. Its calls
        # continue: with a grace, which has no limit here, they would be ended without a warning
        ("grpc.max_connection_age_ms", round(options.max_connection_age_s * 1000)),
    ]


def refuse_plaintext(options: RpcOptions, credentials: grpc.ServerCredentials | None) -> None:
    """Raises InvalidArgument if audio and text would leave this machine in plaintext without ``insecure``."""
    if credentials is None and not options.insecure and not is_local(options.address):
        raise InvalidArgument(
            "is not loopback: give credentials, or insecure=True to serve plaintext", field="address"
        )


def _riva_services(
    service: TranslationService, options: RpcOptions, calls: LiveCalls, reads: ReadLimiter
) -> Sequence[RivaService]:
    """The services of NVIDIA Riva, if they are asked for."""
    if not options.riva:
        return ()
    # imported here because only they need the extra "riva"
    from translate_svc.rpc.riva.services import riva_services

    return riva_services(service, options, calls, reads)


class RpcServer:
    """The ``TransportServer`` of gRPC: serves one ``TranslationService`` on one address.

    It serves plaintext only on loopback, unless ``insecure`` is set. The services of NVIDIA Riva, if they are
    asked for, share all that this server has: callers, limits, drain.

    Use it as a context manager, or call ``start`` and ``stop``. Only one event loop per process may do so,
    and the process must not fork afterwards.
    """

    def __init__(
        self,
        service: TranslationService,
        options: RpcOptions = RpcOptions(),  # noqa: B008 - frozen
        credentials: grpc.ServerCredentials | None = None,
        callers: Callers | None = None,
    ) -> None:
        """``callers`` finds out who makes each call, except health checks; None: callers are not asked."""
        refuse_plaintext(options, credentials)
        self._options = options
        self._credentials = credentials
        # clips that come slowly must not keep streams from being opened
        clips, configs = (
            ReadLimiter(options.max_reads, options.max_reads_per_caller, options.config_timeout_s)
            for _ in range(2)
        )
        self._servicer = SpeechTranslationServicer(service, options, configs)
        riva = _riva_services(service, options, self._servicer.calls, configs)
        self._names = (SERVICE_NAME, *(each.name for each in riva))
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # the stubs lack it
        reader = RequestReader(options, clips, lambda: service.check_admission(caller()))
        calls = CallLimiter(options.max_calls, options.max_calls_per_caller)
        errors = ErrorInterceptor(self._names, options, reader, calls)
        interceptors: list[Any] = [TraceContextInterceptor(), errors]
        self._asks_callers = callers is not None and callers.required
        if callers is not None and self._asks_callers:
            interceptors.insert(0, AuthenticationInterceptor(callers, options, service.record_rejected))
        self._server = grpc.aio.server(interceptors=interceptors, options=channel_options(options))
        add_servicer: Callable[..., None] = pb_grpc.add_SpeechTranslationServicer_to_server
        add_servicer(self._servicer, self._server)
        for each in riva:
            each.add_to(self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        add_reflection(self._server, (*self._names, health.SERVICE_NAME))
        self._port = 0
        self._revoking: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The bound port; 0 before ``start``, 1 for a unix socket."""
        return self._port

    @property
    def target(self) -> str:
        """The address that a client connects to."""
        if self._options.address.startswith("unix:"):
            return self._options.address
        return f"{self._options.address.rpartition(':')[0]}:{self._port}"

    @property
    def live_streams(self) -> int:
        """Streams and calls that are open now."""
        return len(self._servicer.calls)

    async def start(self) -> None:
        """Binds the address, serves, and sets the health status to SERVING.

        Raises:
            InvalidArgument: the address cannot be bound, or is taken.
        """
        check_unix_address(self._options.address)
        try:
            with only_for_owner(self._options.address):
                self._port = self._bind()
        except RuntimeError as error:
            raise InvalidArgument("cannot be bound", field="address") from error
        await self.set_serving(True)
        await self._server.start()
        if self._asks_callers:
            self._revoking = asyncio.create_task(self._servicer.calls.end_revoked())

    def _bind(self) -> int:
        if self._credentials is None:
            return self._server.add_insecure_port(self._options.address)
        return self._server.add_secure_port(self._options.address, self._credentials)

    async def set_serving(self, serving: bool) -> None:
        """Sets the health status, overall and for each service by its name."""
        kinds = health_pb2.HealthCheckResponse
        status = kinds.SERVING if serving else kinds.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, status)

    async def stop(self, grace_s: float, reason: TranslateSvcError = DRAINING) -> None:
        """Drains for up to ``grace_s``, then ends all remaining calls. Idempotent.

        If called again with a shorter grace, the earlier deadline counts.

        The health status becomes NOT_SERVING, new streams fail with ``reason``, and open streams get
        ``go_away`` and may end by themselves. ``RpcOptions.drain_finish_s`` before the deadline the server
        stops reading the others: it finishes and delivers the work that they have started, and then fails
        them with ``reason``. The listener closes only after that. gRPC's own ``stop`` would refuse
        connections immediately, and does not wait for calls that are aborted (grpc#37239).
        """
        await self._health.enter_graceful_shutdown()
        await self._servicer.calls.drain(grace_s, reason)
        if self._revoking is not None:
            self._revoking.cancel()
        await self._server.stop(self._options.abort_timeout_s)

    async def __aenter__(self) -> RpcServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop(0)


class TraceContextInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Takes ``traceparent`` from every call's metadata, as the parent of the call's spans."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        # gRPC runs the method in the context of its interceptors
        attach_trace_context(handler_call_details.invocation_metadata)
        return await continuation(handler_call_details)
