"""Client secrets: short-lived credentials that a web page opens realtime sessions with.

A secret is a Fernet message (AES-128-CBC and HMAC-SHA256, https://github.com/fernet/spec). It holds who asked
for it and the settings of its sessions, so servers that share a key need no store.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from translate_svc.access.monotonic_date import MonotonicDate
from translate_svc.errors import OutOfRange, Unauthenticated
from translate_svc.types import Caller, Scope

PREFIX = "ek_"
"""Lets servers and people tell a client secret from an API key."""

MAX_SECRET_CHARACTERS = 8 * 1024
"""A longer one is neither made nor read. It must fit into a header."""

_PURPOSE = "client_secret"
_ALL_SCOPES = tuple(scope.value for scope in Scope)
"""Those of a secret that an earlier version made, which named none."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """What a secret stands for.

    Attributes:
        caller: who asked for it, with its class and scopes, but without limits. Its sessions are this
            caller's.
        session: the settings of its sessions, as JSON values.
        expires_at: seconds since the epoch. Sessions opened before then continue.
    """

    caller: Caller
    session: dict[str, Any]
    expires_at: int


class ClientSecrets:
    """Makes secrets, and reads them again."""

    def __init__(
        self,
        keys: Callable[[], MultiFernet] | None = None,
        *,
        date: MonotonicDate | None = None,
    ) -> None:
        """``keys`` returns the current keys: the first one seals, all of them open. Without it the keys are
        this process's own, and only this process reads its secrets. A clock that is set back makes no secret
        live longer: of the two dates of ``date`` the later one counts.
        """
        own = MultiFernet([Fernet(Fernet.generate_key())])
        self._keys = keys or (lambda: own)
        self._date = date or MonotonicDate()

    def seal(self, caller: Caller, session: dict[str, Any], lifetime_s: int) -> tuple[str, int]:
        """A new secret and when it expires, in seconds since the epoch.

        Raises:
            OutOfRange: the settings are too long.
        """
        expires_at = int(self._date.now_s) + lifetime_s
        scopes = [scope.value for scope in caller.scopes]
        who = {"caller": caller.name, "class": caller.class_name, "scopes": scopes}
        content = {"for": _PURPOSE, **who, "session": session, "expires_at": expires_at}
        sealed = self._keys().encrypt(json.dumps(content, separators=(",", ":")).encode())
        # a subprotocol must not contain "=" (RFC 9110, section 5.6.2)
        secret = PREFIX + sealed.decode().rstrip("=")
        if len(secret) > MAX_SECRET_CHARACTERS:
            raise OutOfRange("has too many settings for a client secret", field="session")
        return secret, expires_at

    def open(self, secret: str) -> ClientSecret:
        """What ``secret`` stands for.

        Raises:
            Unauthenticated: it was not made with one of the keys, was altered, or has expired.
        """
        content = self._content(secret)
        if content["expires_at"] <= max(self._date.now_s, self._date.steady_s):
            raise Unauthenticated("the client secret has expired")
        scopes = frozenset(Scope(name) for name in content.get("scopes", _ALL_SCOPES))
        caller = Caller(content["caller"], content.get("class", ""), scopes=scopes)
        return ClientSecret(caller, content["session"], content["expires_at"])

    def _content(self, secret: str) -> dict[str, Any]:
        if secret.startswith(PREFIX) and len(secret) <= MAX_SECRET_CHARACTERS and secret.isascii():
            sealed = secret.removeprefix(PREFIX)
            sealed += "=" * (-len(sealed) % 4)
            with contextlib.suppress(InvalidToken, ValueError):
                content: dict[str, Any] = json.loads(self._keys().decrypt(sealed))
                if content.get("for") == _PURPOSE:
                    return content
        raise Unauthenticated("the client secret is not valid")
