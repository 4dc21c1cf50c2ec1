"""Public keys of token issuers: JSON Web Key Sets (RFC 7517) from a file or an address."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from translate_svc.access.caller_file import FIELD
from translate_svc.access.watched_file import WatchedFile
from translate_svc.errors import InvalidArgument, Unavailable

_MAX_BYTES = 256 * 1024
_MAX_KEYS = 128
_MIN_RSA_BITS = 2_048
_FETCH_TIMEOUT_S = 5.0
_WAIT_S = 3.0
_LEAST_PAUSE_S = 10.0

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key, its id, and the algorithms that it may be used with."""

    key_id: str | None
    algorithms: frozenset[str]
    key: Any


class KeySet(Protocol):
    """The keys of one issuer."""

    async def find(self, key_id: str | None, algorithm: str) -> PublicKey | None:
        """The key that a token names, if it fits the algorithm; None: there is no such key.

        Raises:
            Unavailable: the keys are not known now.
        """


class FileKeySet:
    """Keys from a file, which is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidArgument if the file cannot be used."""
        self._file = WatchedFile(path, parse_key_set, field=FIELD, subject=f"the key set {path.name}")

    async def find(self, key_id: str | None, algorithm: str) -> PublicKey | None:
        """Implements ``KeySet.find``."""
        return select(self._file.value, key_id, algorithm)


class RemoteKeySet:
    """Keys from an address.

    They are fetched when first needed, again when they are older than ``refresh_s``, and when a token names a
    key that is not among them: issuers replace keys. There is one fetch at a time and none within 10 s of the
    last, whatever tokens name. A call waits at most 3 s for one. If a fetch fails, the keys known before stay
    in force.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[str]],
        refresh_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``fetch`` returns the text of the set, or raises."""
        self._fetch = fetch
        self._refresh_s = refresh_s
        self._clock = clock
        self._keys: tuple[PublicKey, ...] | None = None
        self._fetched_s = self._tried_s = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> PublicKey | None:
        """Implements ``KeySet.find``."""
        if self._clock() - self._fetched_s >= self._refresh_s:
            self._start()
        found = None if self._keys is None else select(self._keys, key_id, algorithm)
        if found is None:
            self._start()
            if self._task is not None:
                await asyncio.wait({self._task}, timeout=_WAIT_S)
            if self._keys is None:
                raise Unavailable("the keys of the token's issuer are not known now")
            found = select(self._keys, key_id, algorithm)
        return found

    def _start(self) -> None:
        """Starts a fetch, unless one is under way or was a short time ago."""
        if self._task is None and self._clock() - self._tried_s >= _LEAST_PAUSE_S:
            self._tried_s = self._clock()
            self._task = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_TIMEOUT_S):
                self._keys = parse_key_set(await self._fetch())
            self._fetched_s = self._clock()
        except Exception as error:
            reason = str(error) if isinstance(error, InvalidArgument) else type(error).__name__
            _log.error("a key set could not be fetched (%s); the keys known before stay in force", reason)
        finally:
            self._task = None


def address_fetcher(address: str, ca: Path | None) -> Callable[[], Awaitable[str]]:
    """A function that fetches an https address: without redirects, and no more than 256 KiB.

    ``ca``: the authorities to trust; None: the usual ones.

    Raises:
        InvalidArgument: ``ca`` cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError:  # ssl.SSLError is one
        raise InvalidArgument("key_set_ca cannot be used", field=FIELD) from None

    async def fetch() -> str:
        import aiohttp

        async with (
            aiohttp.ClientSession() as session,
            session.get(address, ssl=context, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise InvalidArgument(f"the key set is answered with status {response.status}", field=FIELD)
            content = bytearray()
            async for part in response.content.iter_chunked(16 * 1024):
                content += part
                if len(content) > _MAX_BYTES:
                    raise InvalidArgument("the key set is too long", field=FIELD)
            return content.decode()

    return fetch


def select(keys: tuple[PublicKey, ...], key_id: str | None, algorithm: str) -> PublicKey | None:
    """The only key with this id that fits the algorithm; None if there are none or several.

    Without an id it is the only key that fits.
    """
    fitting = [each for each in keys if algorithm in each.algorithms and key_id in (None, each.key_id)]
    return fitting[0] if len(fitting) == 1 else None


def parse_key_set(text: str) -> tuple[PublicKey, ...]:
    """The keys of a set that verify signatures. Keys of other kinds are left out (RFC 7517, section 5).

    Raises:
        InvalidArgument: it is not a set, holds a private key, a damaged or a weak one, or none that can be
            used.
    """
    try:
        found = json.loads(text) if len(text) <= _MAX_BYTES else None
    except (ValueError, RecursionError):
        found = None
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list) or len(entries) > _MAX_KEYS:
        raise InvalidArgument("the key set is not a JSON Web Key Set", field=FIELD)
    keys = [key for entry in entries if isinstance(entry, dict) and (key := _public_key(entry)) is not None]
    if not keys:
        raise InvalidArgument("the key set holds no key for signatures", field=FIELD)
    return tuple(keys)


def _public_key(entry: dict[str, Any]) -> PublicKey | None:
    """One key of a set; None if it is not for the signatures that we take."""
    kind = entry.get("kty")
    if kind not in ("RSA", "EC", "OKP") or entry.get("use", "sig") != "sig":
        return None
    if "verify" not in entry.get("key_ops", ("verify",)):
        return None
    if "d" in entry:
        raise InvalidArgument("the key set holds a private key", field=FIELD)
    algorithms = _algorithms(entry)
    if "alg" in entry:
        algorithms &= {entry["alg"]} if isinstance(entry["alg"], str) else frozenset()
    if not algorithms:
        return None
    makers: dict[str, Callable[[dict[str, Any]], Any]] = {
        "RSA": RSAAlgorithm.from_jwk,
        "EC": ECAlgorithm.from_jwk,
        "OKP": OKPAlgorithm.from_jwk,
    }
    try:
        key: Any = makers[kind](entry)
    except (InvalidKeyError, ValueError, TypeError, KeyError):
        raise InvalidArgument("the key set holds a damaged key", field=FIELD) from None
    if kind == "RSA" and key.key_size < _MIN_RSA_BITS:
        raise InvalidArgument(f"the key set holds an RSA key of less than {_MIN_RSA_BITS} bits", field=FIELD)
    key_id = entry.get("kid")
    return PublicKey(key_id if isinstance(key_id, str) else None, algorithms, key)


def _algorithms(entry: dict[str, Any]) -> frozenset[str]:
    """The algorithms that a kind of key can be used with."""
    if entry["kty"] == "RSA":
        return _RSA
    curve = entry.get("crv")
    if entry["kty"] == "EC":
        return frozenset({_CURVES[curve]}) if curve in _CURVES else frozenset()
    return frozenset({"EdDSA"}) if curve in ("Ed25519", "Ed448") else frozenset()
