"""Resume tokens: the state of a stream at a commit point, sealed for the client to keep.

A token is a Fernet message (AES-128-CBC and HMAC-SHA256, https://github.com/fernet/spec). A client can
neither read nor change it. Every server that has the key opens it: servers share keys, not a store.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from translate_svc.access.monotonic_date import MonotonicDate
from translate_svc.access.watched_file import WatchedFile
from translate_svc.errors import InvalidArgument

MAX_TOKEN_BYTES = 384 * 1024
"""A longer token is refused unread. Tokens have less than 1 KB, a few KB in simultaneous translation, and the
terms besides: 500 of the longest in any script fit."""

_FIELD = "config.resume_token"
_MAX_CLOCK_DIFFERENCE_S = 60.0
_UNREADABLE = (
    "cannot be read by this server: the one that gave it has ended or has other keys (--resume-keys), "
    "or it was changed"
)


@dataclass(frozen=True, slots=True)
class TokenBinding:
    """Whom a token serves: a caller, by name, and streams of one configuration, by a digest of it."""

    caller: str
    configuration: str


class ResumeTokens:
    """Seals states, and opens them again.

    The keys are the lines of a file, each as ``new_resume_key`` makes it; ``#`` starts a comment. The first
    one seals, all of them open. A changed file is read again. So a key is replaced without a lost stream: add
    the new key below the old one on every server, then move it to the top, and remove the old one when its
    last token has expired.
    """

    def __init__(self, path: Path | None, lifetime_s: float, *, date: MonotonicDate | None = None) -> None:
        """Reads the keys; without a file it makes one of its own, which no other process knows.

        Tokens are dated by the wall clock, since servers share no other one. It may be set while streams are
        open, so a token whose age is right by either date of ``date`` is valid.

        Raises:
            InvalidArgument: the file cannot be read, holds no key, or a line is not a key. The message has
                the number of the line but none of its text.
        """
        self._lifetime_s = lifetime_s
        self._date = date or MonotonicDate()
        own = MultiFernet([Fernet(Fernet.generate_key())])
        self._keys: Callable[[], MultiFernet] = (lambda: own) if path is None else shared_keys(path)

    def seal(self, state: dict[str, Any], binding: TokenBinding) -> bytes:
        """The token of ``state``, which JSON can express."""
        envelope = {"caller": binding.caller, "configuration": binding.configuration, "state": state}
        plain = zlib.compress(json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode())
        sealed = self._keys().encrypt_at_time(plain, int(self._date.now_s))
        return base64.urlsafe_b64decode(sealed)

    def open(self, token: bytes, binding: TokenBinding) -> dict[str, Any]:
        """The state that ``token`` holds.

        Raises:
            InvalidArgument: the token was not sealed with one of the keys, was altered, has expired, or
                belongs to another caller or configuration. Names ``config.resume_token``.
        """
        plain, issued_s = self._unsealed(token)
        self._check_age(issued_s)
        envelope = json.loads(zlib.decompress(plain))
        if envelope["caller"] != binding.caller:
            raise InvalidArgument("belongs to another caller", field=_FIELD)
        if envelope["configuration"] != binding.configuration:
            raise InvalidArgument("belongs to a stream with other formats", field=_FIELD)
        state: dict[str, Any] = envelope["state"]
        return state

    def _check_age(self, issued_s: int) -> None:
        age_s, steady_age_s = self._date.now_s - issued_s, self._date.steady_s - issued_s
        if any(-_MAX_CLOCK_DIFFERENCE_S <= each <= self._lifetime_s for each in (age_s, steady_age_s)):
            return
        if age_s > self._lifetime_s:
            raise InvalidArgument(f"has expired: it is valid for {self._lifetime_s:g} s", field=_FIELD)
        raise InvalidArgument("was issued in the future: the clocks of the servers differ", field=_FIELD)

    def _unsealed(self, token: bytes) -> tuple[bytes, int]:
        """The sealed state, and the time of its sealing."""
        if len(token) <= MAX_TOKEN_BYTES:
            encoded, keys = base64.urlsafe_b64encode(token), self._keys()
            with contextlib.suppress(InvalidToken):
                return keys.decrypt(encoded), keys.extract_timestamp(encoded)
        raise InvalidArgument(_UNREADABLE, field=_FIELD)


def shared_keys(path: Path) -> Callable[[], MultiFernet]:
    """A function that returns the current keys of a file. All that servers seal for one another uses them.

    Raises:
        InvalidArgument: as ``ResumeTokens``.
    """
    file = WatchedFile(path, _parse_keys, field="resume_keys")
    return lambda: file.value


def new_resume_key() -> str:
    """A line for the file of resume keys: a key of 256 random bits."""
    return Fernet.generate_key().decode()


def _parse_keys(text: str) -> MultiFernet:
    keys: list[Fernet] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not (entry := line.partition("#")[0].strip()):
            continue
        try:
            keys.append(Fernet(entry))
        except (ValueError, binascii.Error):
            raise InvalidArgument(f"line {number} is not a key", field="resume_keys") from None
    if not keys:
        raise InvalidArgument("holds no key", field="resume_keys")
    return MultiFernet(keys)
