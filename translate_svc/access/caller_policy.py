"""What the operator's file says of each caller."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from translate_svc.access.caller_file import CERTIFICATES, CallerFile, TokenIssuer, parse_caller_file
from translate_svc.access.key_sets import FileKeySet, KeySet, RemoteKeySet, address_fetcher
from translate_svc.access.token_verifier import TokenVerifier, issuer_of
from translate_svc.errors import PermissionDenied, Unauthenticated
from translate_svc.types import Caller, Scope


def always() -> bool:
    """Nothing ends what a caller has proved itself with."""
    return True


def _is_before(clock: Callable[[], float], end_s: float) -> bool:
    return clock() < end_s


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a caller has proved to be.

    Attributes:
        name: unique. The part before the colon is its issuer. Names of API keys have no colon.
        source: the name of the issuer of its token, ``CERTIFICATES``, or empty for an API key.
        claimed_class: the class that its issuer gives it.
        scopes: the kinds of calls that its token allows.
        still: whether its credential is still valid.
    """

    name: str
    source: str = ""
    claimed_class: str | None = None
    scopes: frozenset[Scope] = frozenset(Scope)
    still: Callable[[], bool] = always


@dataclass(frozen=True, slots=True)
class CallerPolicy:
    """The file, and what verifies the tokens of its issuers, by their names."""

    file: CallerFile = field(default_factory=CallerFile)
    verifiers: Mapping[str, TokenVerifier] = field(default_factory=dict)

    @property
    def knows_callers(self) -> bool:
        """Whether the file itself has a way to know callers."""
        return bool(self.file.tokens) or self.file.certificates is not None

    async def token_identity(self, token: str, clock: Callable[[], float]) -> Identity:
        """Whom a token names. Raises as ``TokenVerifier.verify``."""
        issuer = issuer_of(token)
        for source, verifier in self.verifiers.items():
            if verifier.settings.issuer == issuer:
                found = await verifier.verify(token)
                still = always
                if verifier.settings.streams_end_at_expiry:
                    ends_s = found.expires_s + verifier.settings.clock_skew_s
                    still = functools.partial(_is_before, clock, ends_s)
                return Identity(f"{source}:{found.name}", source, found.class_name, found.scopes, still)
        raise Unauthenticated("the token is not of an issuer that this server trusts")

    def certificate_identity(self, name: str) -> Identity:
        """Whom a client certificate names."""
        return Identity(f"{CERTIFICATES}:{name}", CERTIFICATES)

    def caller(self, identity: Identity) -> Caller:
        """The caller with its class, limits and scopes.

        Its class is the one that the file gives it by name, else the one that its issuer claims, else that of
        all callers of its kind, else the default.

        Raises:
            Unauthenticated: it is revoked, or its issuer is not trusted any more.
            PermissionDenied: it has no class, or one that the file lacks.
        """
        file, source_class = self.file, self._source_class(identity.source)
        named = file.callers.get(identity.name)
        if named is not None and named.revoked:
            raise Unauthenticated("the caller was revoked")
        claimed = identity.claimed_class if self._takes_claims_of(identity.source) else None
        name = (named and named.caller_class) or claimed or source_class or file.default_class
        if name is None and not file.classes:
            return Caller(identity.name, scopes=identity.scopes)
        if name not in file.classes:
            raise PermissionDenied("this caller belongs to no class that this server knows")
        found = file.classes[name]
        return Caller(identity.name, name, found.limits(), found.scope_set() & identity.scopes)

    def _source_class(self, source: str) -> str | None:
        if source == CERTIFICATES and self.file.certificates is not None:
            return self.file.certificates.caller_class
        if source in self.file.tokens:
            return self.file.tokens[source].caller_class
        if source:
            raise Unauthenticated("who vouches for the caller is not trusted any more")
        return None

    def _takes_claims_of(self, source: str) -> bool:
        return source in self.file.tokens and self.file.tokens[source].class_claim is not None


def policy_reader(path: Path) -> Callable[[str], CallerPolicy]:
    """A function that makes a policy of the text of ``path``.

    Keys that were fetched from an address are kept from one text to the next. The function raises
    ``InvalidArgument`` for a text that cannot be used, and for a file of keys that cannot.
    """
    fetched: dict[tuple[str, str | None, float], RemoteKeySet] = {}

    def key_set(settings: TokenIssuer) -> KeySet:
        if not settings.is_remote:
            return FileKeySet(path.parent / settings.key_set)
        how = (settings.key_set, settings.key_set_ca, settings.refresh_s)
        if how not in fetched:
            ca = None if settings.key_set_ca is None else path.parent / settings.key_set_ca
            fetched[how] = RemoteKeySet(address_fetcher(settings.key_set, ca), settings.refresh_s)
        return fetched[how]

    def read(text: str) -> CallerPolicy:
        file = parse_caller_file(text, path)
        verifiers = {name: TokenVerifier(each, key_set(each)) for name, each in file.tokens.items()}
        return CallerPolicy(file, verifiers)

    return read
