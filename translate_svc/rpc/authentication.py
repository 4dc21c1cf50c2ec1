"""Finds out who makes each call: from its metadata, or from the client's certificate."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import Any

import grpc

from translate_svc.access.callers import NOBODY_ASKED, Callers, Credentials, Identified
from translate_svc.errors import Unauthenticated
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.status import abort
from translate_svc.types import Caller, Scope

HEALTH_PREFIX = "/grpc.health.v1.Health/"
"""Start of the names of the methods that need no key and wait for nothing else."""
_SCHEME = "bearer"
_CERTIFICATE = "x509_pem_cert"
SCOPES = {
    "StreamingTranslate": Scope.STREAM,
    "Translate": Scope.TRANSLATE,
    "ListLanguages": Scope.INFO,
    "GetServerInfo": Scope.INFO,
}
"""What a caller needs for each method of the contract. Reflection and unknown methods need ``Scope.INFO``."""
_OTHER_SCOPES = {
    "/nvidia.riva.nmt.RivaTranslation/TranslateText": Scope.TRANSLATE,
    "/nvidia.riva.nmt.RivaTranslation/StreamingTranslateSpeechToText": Scope.STREAM,
    "/nvidia.riva.nmt.RivaTranslation/StreamingTranslateSpeechToSpeech": Scope.STREAM,
    "/nvidia.riva.asr.RivaSpeechRecognition/Recognize": Scope.STREAM,
    "/nvidia.riva.asr.RivaSpeechRecognition/StreamingRecognize": Scope.STREAM,
    "/nvidia.riva.tts.RivaSpeechSynthesis/Synthesize": Scope.TRANSLATE,
    "/nvidia.riva.tts.RivaSpeechSynthesis/SynthesizeOnline": Scope.TRANSLATE,
}
"""What a caller needs for methods of other services that let it translate."""

_identified: ContextVar[Identified] = ContextVar("identified", default=NOBODY_ASKED)


def caller() -> Caller:
    """The caller of this call. Available in all code that a method runs."""
    return _identified.get().caller


def may_stay() -> Callable[[], bool]:
    """A function that tells whether this call's caller is still admitted. Available as ``caller`` is."""
    return _identified.get().may_stay


def scope_of(method: str) -> Scope:
    """What a caller needs for a method; ``method`` as gRPC names it: ``/package.Service/Method``."""
    return _OTHER_SCOPES.get(method) or SCOPES.get(method.rpartition("/")[2], Scope.INFO)


class AuthenticationInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Asks for a key, a token or a certificate for every call, also of reflection and of unknown methods.

    Only health checks need none: kubelets and load balancers have none, and learn nothing else.
    """

    def __init__(
        self, callers: Callers, options: RpcOptions, on_rejected: Callable[[BaseException], None]
    ) -> None:
        """``on_rejected`` is called with the error of every call that is refused."""
        self._callers = callers
        self._options = options
        self._on_rejected = on_rejected

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        method = handler_call_details.method
        handler = await continuation(handler_call_details)
        if method.startswith(HEALTH_PREFIX):
            return handler
        # gRPC shows the client's certificate to the method alone, so the method authenticates
        scope = scope_of(method)
        behaviour = _unknown if handler is None else handler.stream_stream
        return grpc.stream_stream_rpc_method_handler(
            functools.partial(self._authenticated, behaviour, scope),
            request_deserializer=None if handler is None else handler.request_deserializer,
            response_serializer=None if handler is None else handler.response_serializer,
        )

    async def _authenticated(self, behaviour: Any, scope: Scope, requests: Any, context: Any) -> None:
        """Runs a method of streams, if its caller may. ``ErrorInterceptor`` makes one of every method."""
        try:
            credentials = Credentials(
                _bearer(context.invocation_metadata()), functools.partial(_certificate, context)
            )
            _identified.set(await self._callers.identify(credentials, scope))
        except Exception as error:
            self._on_rejected(error)
            await abort(context, error, self._options.abort_timeout_s)
        if not inspect.isasyncgenfunction(behaviour):
            await behaviour(requests, context)
            return
        answers: AsyncIterator[Any] = behaviour(requests, context)
        async for answer in answers:
            await context.write(answer)


async def _unknown(requests: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    del requests
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


def _certificate(context: grpc.aio.ServicerContext[Any, Any]) -> bytes | None:
    """The client's certificate in PEM; None without one."""
    found: Any = context.auth_context().get(_CERTIFICATE, ())
    return next(iter(found), None)


def _bearer(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """The key or token in a call's metadata (RFC 6750, section 2.1); empty if there is none.

    Raises:
        Unauthenticated: there is more than one, or something else in its place.
    """
    values = [value for name, value in metadata or () if name == "authorization"]
    if not values:
        return ""
    if len(values) > 1 or not isinstance(values[0], str):
        raise Unauthenticated("send one API key or token, as metadata `authorization: Bearer ...`")
    scheme, _, bearer = values[0].partition(" ")
    if scheme.lower() != _SCHEME or not bearer.strip():
        raise Unauthenticated("send the API key or token as metadata `authorization: Bearer ...`")
    return bearer.strip()
