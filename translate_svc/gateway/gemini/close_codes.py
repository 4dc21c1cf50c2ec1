"""The close codes of Google's server, which its clients act on."""

from __future__ import annotations

from translate_svc.errors import PermissionDenied, StreamTimeout, Superseded
from translate_svc.gateway.failures import (
    CLOSE_GOING_AWAY,
    CLOSE_INTERNAL,
    CLOSE_OVERLOAD,
    CLOSE_POLICY,
    CLOSE_RESTART,
    close_code_of,
)

CLOSE_INVALID = 1007
"""The client is wrong: a field, a value, a key."""

_CODES = {
    CLOSE_POLICY: CLOSE_INVALID,
    CLOSE_GOING_AWAY: CLOSE_INTERNAL,
    CLOSE_RESTART: CLOSE_INTERNAL,
    CLOSE_OVERLOAD: CLOSE_INTERNAL,
}


def live_close_code(error: BaseException | None) -> int:
    """The close code of a session that ends with ``error``: 1007 for what the client must mend, 1008 for what
    it may not do (go on beside a session that has resumed it), 1011 for all else, 1000 for None.
    """
    if isinstance(error, PermissionDenied | Superseded):
        return CLOSE_POLICY
    if isinstance(error, StreamTimeout):
        return CLOSE_INTERNAL
    code = close_code_of(error)
    return _CODES.get(code, code)
