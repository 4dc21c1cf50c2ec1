"""Who calls: by API key, token or client certificate. All transports ask here."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from translate_svc.access.api_keys import ApiKeys, key_digest
from translate_svc.access.caller_policy import CallerPolicy, Identity, always, policy_reader
from translate_svc.access.client_certificates import certificate_name
from translate_svc.access.watched_file import WatchedFile
from translate_svc.errors import InvalidArgument, PermissionDenied, Unauthenticated
from translate_svc.types import ANONYMOUS, Caller, Scope


def _no_certificate() -> bytes | None:
    return None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a call brings. ``bearer``: a key or token; empty: none. ``certificate``: reads the client's."""

    bearer: str = ""
    certificate: Callable[[], bytes | None] = _no_certificate


class Identified(NamedTuple):
    """A caller, and a function that tells whether it is still admitted."""

    caller: Caller
    may_stay: Callable[[], bool]


NOBODY_ASKED = Identified(ANONYMOUS, lambda: True)
"""Everybody, on a server that does not ask who calls."""


class Callers:
    """Finds out who calls, and what that caller may do.

    A key or token counts before a certificate. If it is not valid, the call is refused, even with a valid
    certificate. A server without keys, tokens and certificates knows every caller as ``ANONYMOUS``.
    """

    def __init__(
        self, keys: ApiKeys | None = None, file: Path | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        """``file``: of ``--callers``; it is read again when it has changed.

        Raises:
            InvalidArgument: the file cannot be used, or there is nothing by which it could know a caller.
                Names ``callers``.
        """
        self._keys = keys
        self._clock = clock
        self._file: WatchedFile[CallerPolicy] | None = None
        if file is not None:
            read = policy_reader(file)
            self._file = WatchedFile(file, lambda text: self._checked(read(text)), field="callers")

    def _checked(self, policy: CallerPolicy) -> CallerPolicy:
        if self._keys is None and not policy.knows_callers:
            raise InvalidArgument(
                "names nobody: add tokens or certificates to the file, or give api_keys",
                field="callers",
            )
        return policy

    @property
    def _policy(self) -> CallerPolicy:
        return CallerPolicy() if self._file is None else self._file.value

    @property
    def required(self) -> bool:
        """Whether callers must say who they are."""
        return self._keys is not None or self._file is not None

    @property
    def by_certificate(self) -> bool:
        """Whether a certificate alone is enough."""
        return self._policy.file.certificates is not None

    async def identify(self, credentials: Credentials, scope: Scope) -> Identified:
        """Who makes a call of this kind.

        Raises:
            Unauthenticated: that cannot be said.
            PermissionDenied: it is not allowed to.
            Unavailable: the keys of a token's issuer are not known now.
        """
        if not self.required:
            return NOBODY_ASKED
        identity = await self._identity(credentials)
        return self._admitted(identity, scope)

    def restored(self, caller: Caller, scope: Scope) -> Identified:
        """A caller that was identified before, as ``ANONYMOUS`` or by name, class and scopes.

        Raises:
            Unauthenticated, PermissionDenied: it would not be admitted now.
        """
        if not self.required:
            return NOBODY_ASKED
        source, separator, _ = caller.name.partition(":")
        still = functools.partial(self._knows_key_of, caller.name)
        identity = Identity(
            caller.name, source if separator else "", caller.class_name or None, caller.scopes,
            always if separator else still,
        )  # fmt: skip
        return self._admitted(identity, scope)

    def _knows_key_of(self, name: str) -> bool:
        return self._keys is not None and self._keys.has_name(name)

    async def _identity(self, credentials: Credentials) -> Identity:
        policy, bearer = self._policy, credentials.bearer
        if bearer and policy.file.tokens and bearer.count(".") == 2:
            return await policy.token_identity(bearer, self._clock)
        if bearer and self._keys is not None:
            still = functools.partial(self._keys.holds, key_digest(bearer))
            return Identity(self._keys.authenticate(bearer), still=still)
        if not bearer and policy.file.certificates is not None:
            certificate = credentials.certificate()
            if certificate is not None:
                name = certificate_name(certificate, policy.file.certificates.names)
                return policy.certificate_identity(name)
        raise Unauthenticated(self._wanted(policy))

    def _wanted(self, policy: CallerPolicy) -> str:
        ways = ["API key"] if self._keys is not None else []
        ways += ["token"] if policy.file.tokens else []
        sent = f"send one {' or '.join(ways)}, as `authorization: Bearer ...`" if ways else ""
        shown = "use a client certificate" if policy.file.certificates is not None else ""
        return ", or ".join(part for part in (sent, shown) if part)

    def _admitted(self, identity: Identity, scope: Scope) -> Identified:
        caller = self._policy.caller(identity)
        if not identity.still():
            raise Unauthenticated("the caller is not admitted any more")
        if scope not in caller.scopes:
            raise PermissionDenied(f"this caller may not do this: it lacks the scope {scope.value}")
        return Identified(caller, functools.partial(self._may_stay, identity))

    def _may_stay(self, identity: Identity) -> bool:
        try:
            self._policy.caller(identity)
        except (Unauthenticated, PermissionDenied):
            return False
        return identity.still()
