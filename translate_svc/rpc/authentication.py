"""Authentication of callers by API key."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import Any

import grpc

from translate_svc.access.api_keys import ApiKeys, key_digest
from translate_svc.errors import Unauthenticated
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.status import abort
from translate_svc.types import ANONYMOUS, Caller

_HEALTH_PREFIX = "/grpc.health.v1.Health/"
_SCHEME = "bearer"

_caller: ContextVar[Caller] = ContextVar("caller", default=ANONYMOUS)
_may_stay: ContextVar[Callable[[], bool]] = ContextVar("may_stay", default=lambda: True)


def caller() -> Caller:
    """The caller of this call, from the name of its key. Available in all code that a method runs."""
    return _caller.get()


def may_stay() -> Callable[[], bool]:
    """A function that tells whether this call's key is still valid. Available as ``caller`` is."""
    return _may_stay.get()


class AuthenticationInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Requires ``authorization: Bearer KEY`` for every call, also of reflection and of unknown methods.

    Only health checks need no key: kubelets and load balancers have none, and learn nothing else.
    """

    def __init__(
        self, keys: ApiKeys, options: RpcOptions, on_rejected: Callable[[BaseException], None]
    ) -> None:
        """``on_rejected`` is called with the error of every call that is refused."""
        self._keys = keys
        self._options = options
        self._on_rejected = on_rejected

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        if not handler_call_details.method.startswith(_HEALTH_PREFIX):
            try:
                # gRPC runs the method in the context of its interceptors
                key = _bearer(handler_call_details.invocation_metadata)
                _caller.set(Caller(self._keys.authenticate(key)))
                _may_stay.set(functools.partial(self._keys.holds, key_digest(key)))
            except Unauthenticated as error:
                self._on_rejected(error)
                return self._refusal(error)
        return await continuation(handler_call_details)

    def _refusal(self, error: Unauthenticated) -> Any:
        async def refuse(requests: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            del requests
            await abort(context, error, self._options.abort_timeout_s)

        # a stream handler fits calls of every kind, because it neither reads nor writes
        return grpc.stream_stream_rpc_method_handler(refuse)


def _bearer(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The key in a call's metadata (RFC 6750, section 2.1).

    Raises:
        Unauthenticated: there is no key, or more than one.
    """
    values = [value for name, value in metadata if name == "authorization"]
    if len(values) != 1 or not isinstance(values[0], str):
        raise Unauthenticated("send one API key, as metadata `authorization: Bearer KEY`")
    scheme, _, key = values[0].partition(" ")
    if scheme.lower() != _SCHEME or not key.strip():
        raise Unauthenticated("send the API key as metadata `authorization: Bearer KEY`")
    return key.strip()
