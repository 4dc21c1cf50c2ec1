"""Checks JSON Web Tokens (RFC 7519) as RFC 8725 asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jwt

from translate_svc.access.caller_file import TokenIssuer, values_of
from translate_svc.access.key_sets import KeySet
from translate_svc.errors import Unauthenticated
from translate_svc.types import Scope

_KINDS = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_MAX_NAME_CHARACTERS = 256
_INVALID = "the token is not valid"

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "the token has expired"),
    (jwt.ImmatureSignatureError, "the token is not valid yet"),
    (jwt.InvalidAudienceError, "the token is for another service"),
    (jwt.MissingRequiredClaimError, "the token lacks a claim: it needs exp, iss, aud and the caller's name"),
)


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token says of its caller.

    Attributes:
        name: of the caller, as its issuer knows it.
        class_name: the class that it claims; None: none.
        scopes: the kinds of calls that it allows.
        expires_s: when it expires, in seconds since the epoch.
    """

    name: str
    class_name: str | None
    scopes: frozenset[Scope]
    expires_s: float


class TokenVerifier:
    """Checks the tokens of one issuer.

    The algorithm must be on the issuer's list and fit the key that the token names, so a public key never
    serves as a shared secret. Nothing in a token is used before its signature is checked, but the names of
    algorithm and key.
    """

    def __init__(self, settings: TokenIssuer, keys: KeySet) -> None:
        self._settings = settings
        self._keys = keys

    @property
    def settings(self) -> TokenIssuer:
        """How tokens are checked."""
        return self._settings

    async def verify(self, token: str) -> VerifiedToken:
        """What ``token`` says.

        Raises:
            Unauthenticated: it is not valid, not yet or not any more, or for another service.
            Unavailable: the keys of its issuer are not known now.
        """
        claims = await self._claims(token)
        settings = self._settings
        name = claims.get(settings.name_claim)
        if not isinstance(name, str) or not 1 <= len(name) <= _MAX_NAME_CHARACTERS or not name.isprintable():
            raise Unauthenticated("the token does not name its caller")
        class_name = claims.get(settings.class_claim) if settings.class_claim else None
        if class_name is not None and not isinstance(class_name, str):
            raise Unauthenticated(_INVALID)
        return VerifiedToken(name, class_name, self._scopes(claims), float(claims["exp"]))

    async def _claims(self, token: str) -> dict[str, Any]:
        settings = self._settings
        try:
            header = jwt.get_unverified_header(token)
            algorithm, key_id = header.get("alg"), header.get("kid")
            kind = header.get("typ", "JWT")
            if algorithm not in settings.algorithms or "crit" in header:
                raise Unauthenticated("the token is signed in a way that is not taken")
            if not isinstance(kind, str) or kind.lower() not in _KINDS:
                raise Unauthenticated(_INVALID)
            key = await self._keys.find(key_id, algorithm)
            if key is None:
                raise Unauthenticated("the token is signed with a key that is not known")
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.clock_skew_s,
                options={"require": ["exp", "iss", "aud", settings.name_claim]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            reason = next((text for kind, text in _REASONS if isinstance(error, kind)), _INVALID)
            raise Unauthenticated(reason) from None
        return claims

    def _scopes(self, claims: dict[str, Any]) -> frozenset[Scope]:
        settings = self._settings
        if settings.scope_claim is None:
            return frozenset(Scope)
        named = {
            value.removeprefix(settings.scope_prefix)
            for value in values_of(claims.get(settings.scope_claim))
            if value.startswith(settings.scope_prefix)
        }
        return frozenset(scope for scope in Scope if scope.value in named)


def issuer_of(token: str) -> str:
    """The issuer that ``token`` claims to be of; empty if it is not a token. Nothing of it is checked."""
    try:
        claimed = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        return ""
    return claimed if isinstance(claimed, str) else ""
