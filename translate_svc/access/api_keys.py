"""Authentication by API keys. The server knows only their hashes.

A key is 32 random bytes, so it cannot be guessed: SHA-256 is enough, at a microsecond a call. Slow hashes
(scrypt, Argon2) are for passwords that people choose, which can be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path

from translate_svc.access.watched_file import WatchedFile
from translate_svc.errors import InvalidArgument, Unauthenticated
from translate_svc.types import ANONYMOUS

_PREFIX = "tsvc_"
"""Lets people and secret scanners recognise a key."""
_KEY_BYTES = 32
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_HASH = re.compile(r"[0-9a-f]{64}")


def new_key() -> str:
    """Creates a key of 256 random bits. It is not stored anywhere."""
    return _PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def key_line(name: str, key: str) -> str:
    """The line of an ``ApiKeys`` file that admits ``key`` as ``name``.

    Raises:
        InvalidArgument: the name is not valid.
    """
    if not _NAME.fullmatch(name):
        raise InvalidArgument("must be 1 to 64 of a-z, 0-9, '.', '_' and '-', and begin and end with neither "
                              "'.', '_' nor '-'", field="name")  # fmt: skip
    if name == ANONYMOUS.name:
        raise InvalidArgument("means callers of a server that does not ask who calls", field="name")
    return f"{name}:{key_digest(key)}"


class ApiKeys:
    """The keys of one file. Each line is ``NAME:SHA256``, the hash in hexadecimal; ``#`` starts a comment.

    A name may have several keys, so that one can be replaced while the other is still in use. A changed file
    is read again. A key whose line was removed is refused from its next call on; who keeps calls open asks
    ``holds``. Without any line left, or without the file, every key is refused. If the changed file cannot
    be read or has a wrong line, an error is logged and the keys read before stay valid.
    """

    def __init__(self, path: Path) -> None:
        """Reads the file.

        Raises:
            InvalidArgument: the file cannot be read, holds no key, or a line is wrong. The field is
                ``api_keys``; the message has the number of the line but none of its text.
        """
        self._file = WatchedFile(path, _parse, field="api_keys", removal_empties=True)
        if not self._file.value:
            raise InvalidArgument("holds no key", field="api_keys")

    def authenticate(self, key: str) -> str:
        """Returns the name that ``key`` belongs to. Takes the same time whether and where it is found.

        Raises:
            Unauthenticated: the key is not in the file.
        """
        return self._name_of(key_digest(key))

    def holds(self, digest: str) -> bool:
        """Whether the key with this ``key_digest`` is still in the file."""
        try:
            self._name_of(digest)
        except Unauthenticated:
            return False
        return True

    def has_name(self, name: str) -> bool:
        """Whether a key of this name is in the file."""
        return any(name == known for known, _ in self._file.value)

    def _name_of(self, digest: str) -> str:
        found = ""
        for name, known in self._file.value:
            if hmac.compare_digest(digest, known):
                found = name
        if not found:
            raise Unauthenticated("the API key is not valid")
        return found


def _parse(text: str) -> tuple[tuple[str, str], ...]:
    """Names and hashes of the keys."""
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not (entry := line.partition("#")[0].strip()):
            continue
        name, _, digest = entry.partition(":")
        if not _NAME.fullmatch(name) or not _HASH.fullmatch(digest):
            raise InvalidArgument(f"line {number} is not NAME:SHA256", field="api_keys")
        if name == ANONYMOUS.name:
            what = f"line {number}: this name means callers of a server that does not ask who calls"
            raise InvalidArgument(what, field="api_keys")
        entries.append((name, digest))
    return tuple(entries)


def key_digest(key: str) -> str:
    """What the server keeps of a key: enough to know it again, not to use it."""
    return hashlib.sha256(key.encode()).hexdigest()
