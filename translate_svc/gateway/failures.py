"""Turns exceptions into OpenAI's error object, an HTTP status and a close code of WebSockets."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from translate_svc.errors import (
    DataLoss,
    EngineLost,
    InvalidArgument,
    OutOfRange,
    PermissionDenied,
    QuotaExceeded,
    ResourceExhausted,
    StreamTimeout,
    Superseded,
    TranslateSvcError,
    TranslationFailed,
    Unauthenticated,
    Unavailable,
    Unsupported,
    shortage_of,
)
from translate_svc.gateway.wording import reason, sentence
from translate_svc.observability.tracebacks import anonymous_traceback

CLIENT_LEFT = 499

CLOSE_NORMAL = 1000
CLOSE_GOING_AWAY = 1001
CLOSE_POLICY = 1008
CLOSE_INTERNAL = 1011
CLOSE_RESTART = 1012
CLOSE_OVERLOAD = 1013

_REQUEST = "invalid_request_error"
_SERVER = "server_error"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a client gets to see of an exception.

    Attributes:
        status: of an HTTP response.
        close_code: of a WebSocket that ends because of it (RFC 6455, section 7.4). Clients connect again
            after 1012 and 1013, and not after 1008.
        kind: ``type`` of OpenAI's error object.
        code: ``code`` of the same.
        message: for people: a whole sentence, which names ``param``.
        param: path of the field at fault, or empty.
        retry_after_s: when to try again; None: not known.
        reason: the same as ``message`` in few words: the close frame of a WebSocket has room for 123 bytes.
    """

    status: int
    close_code: int
    kind: str
    code: str
    message: str
    param: str = ""
    retry_after_s: float | None = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """OpenAI's error object."""
        return {"type": self.kind, "code": self.code, "message": self.message, "param": self.param or None}

    def to_event(self, event_id: str | None = None) -> dict[str, Any]:
        """The ``error`` event. ``event_id`` is the client's event that caused it; None: there is none."""
        return {"type": "error", "error": self.to_json() | {"event_id": event_id}}


class ModelNotFound(InvalidArgument):
    """The request names a model that is not loaded."""


class CallNotFound(InvalidArgument):
    """The request names a call that has ended, or that is not the caller's."""


class RoomTaken(InvalidArgument):
    """Somebody else speaks in this room."""


class UnknownParameter(InvalidArgument):
    """The request has a field that the protocol does not have."""


class RequestTooLarge(OutOfRange):
    """The body of a request is larger than the server takes."""


class SessionExpired(Unavailable):
    """The session has reached its age limit."""


class NotInstalled(Unsupported):
    """The server lacks an optional package for it."""


class OriginRefused(Unauthenticated):
    """A web page of an origin that is not allowed."""


# The first class that matches counts, so subclasses come before their bases.
_KINDS: tuple[tuple[type[TranslateSvcError], HTTPStatus, int, str, str], ...] = (
    (OriginRefused, HTTPStatus.FORBIDDEN, CLOSE_POLICY, _REQUEST, "origin_not_allowed"),
    (NotInstalled, HTTPStatus.NOT_IMPLEMENTED, CLOSE_POLICY, _SERVER, "not_installed"),
    (RequestTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, CLOSE_POLICY, _REQUEST, "request_too_large"),
    (SessionExpired, HTTPStatus.SERVICE_UNAVAILABLE, CLOSE_GOING_AWAY, _SERVER, "session_expired"),
    (UnknownParameter, HTTPStatus.BAD_REQUEST, CLOSE_POLICY, _REQUEST, "unknown_parameter"),
    (ModelNotFound, HTTPStatus.NOT_FOUND, CLOSE_POLICY, _REQUEST, "model_not_found"),
    (RoomTaken, HTTPStatus.CONFLICT, CLOSE_POLICY, _REQUEST, "room_taken"),
    (Superseded, HTTPStatus.CONFLICT, CLOSE_POLICY, _REQUEST, "superseded"),
    (CallNotFound, HTTPStatus.NOT_FOUND, CLOSE_POLICY, _REQUEST, "call_not_found"),
    (OutOfRange, HTTPStatus.BAD_REQUEST, CLOSE_POLICY, _REQUEST, "out_of_range"),
    (InvalidArgument, HTTPStatus.BAD_REQUEST, CLOSE_POLICY, _REQUEST, "invalid_value"),
    (Unsupported, HTTPStatus.BAD_REQUEST, CLOSE_POLICY, _REQUEST, "unsupported"),
    (Unauthenticated, HTTPStatus.UNAUTHORIZED, CLOSE_POLICY, _REQUEST, "invalid_api_key"),
    (PermissionDenied, HTTPStatus.FORBIDDEN, CLOSE_POLICY, _REQUEST, "permission_denied"),
    (QuotaExceeded, HTTPStatus.TOO_MANY_REQUESTS, CLOSE_OVERLOAD, "rate_limit_error", "rate_limit_exceeded"),
    (ResourceExhausted, HTTPStatus.TOO_MANY_REQUESTS, CLOSE_OVERLOAD, "rate_limit_error", "overloaded"),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE, CLOSE_RESTART, _SERVER, "unavailable"),
    (EngineLost, HTTPStatus.SERVICE_UNAVAILABLE, CLOSE_RESTART, _SERVER, "engine_lost"),
    (TranslationFailed, HTTPStatus.INTERNAL_SERVER_ERROR, CLOSE_INTERNAL, _SERVER, "translation_failed"),
    (DataLoss, HTTPStatus.BAD_REQUEST, CLOSE_POLICY, _REQUEST, "data_loss"),
    (StreamTimeout, HTTPStatus.REQUEST_TIMEOUT, CLOSE_POLICY, _REQUEST, "timeout"),
)


def failure_of(error: BaseException) -> Failure:
    """What the client gets to see of ``error``.

    An exception that clients should not see becomes an internal error with an incident id. Under that id the
    log has the type of the exception and where it was raised, but not its message: it may quote a caller.
    """
    if (shortage := shortage_of(error)) is not None:
        _log.error("%s: %s", shortage, anonymous_traceback(error))
        error = shortage
    for kind, status, close_code, name, code in _KINDS:
        if isinstance(error, kind):
            retry_after_s = error.retry_after_s if isinstance(error, ResourceExhausted) else None
            message = sentence(error.description, error.field)
            few_words = reason(error.description, error.field)
            return Failure(status, close_code, name, code, message, error.field, retry_after_s, few_words)
    incident_id = secrets.token_hex(8)
    _log.error("incident %s: %s", incident_id, anonymous_traceback(error))
    message = f"The server has an error of its own: incident {incident_id}."
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Failure(status, CLOSE_INTERNAL, _SERVER, "internal_error", message, reason=message)


def status_of(error: BaseException | None) -> int:
    """The HTTP status of a request that ends with ``error``: 200 for None, nginx's 499 if the client left."""
    if error is None:
        return HTTPStatus.OK
    if isinstance(error, asyncio.CancelledError | ConnectionError):
        return CLIENT_LEFT
    error = shortage_of(error) or error
    statuses = (status for kind, status, _, _, _ in _KINDS if isinstance(error, kind))
    return next(statuses, HTTPStatus.INTERNAL_SERVER_ERROR)


def close_code_of(error: BaseException | None) -> int:
    """The close code of a session that ends with ``error``: 1000 for None, 1006 if the client has left."""
    if error is None:
        return CLOSE_NORMAL
    if isinstance(error, asyncio.CancelledError):
        return 1006
    error = shortage_of(error) or error
    return next((code for kind, _, code, _, _ in _KINDS if isinstance(error, kind)), CLOSE_INTERNAL)
