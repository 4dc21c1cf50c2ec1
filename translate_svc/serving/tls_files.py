"""The PEM files of a server's certificate, and checks that they are usable."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from translate_svc.errors import InvalidArgument
from translate_svc.serving.certificate_dates import CertificateDates

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = b"PRIVATE KEY-----"

Stamp = tuple[tuple[int, int, int], ...]
T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files.

    Attributes:
        certificate: the server's certificate chain: its own certificate first, then the intermediate ones.
        key: its private key, not encrypted.
        client_ca: the authorities of client certificates. If set, clients without a certificate of these are
            refused (mTLS).
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def stamp(self) -> Stamp:
        """A value that changes with every change of a file, also if a symbolic link gets another target."""
        stamps = []
        for path in (self.certificate, self.key, self.client_ca):
            try:
                status = path.stat() if path is not None else None
            except OSError:
                status = None
            stamps.append((status.st_mtime_ns, status.st_size, status.st_ino) if status else (0, 0, 0))
        return tuple(stamps)

    def dates(self) -> CertificateDates | None:
        """When the server's own certificate is valid; None if it cannot be read."""
        try:
            return CertificateDates.of(self.certificate.read_bytes())
        except OSError:
            return None

    def read(self) -> TlsContents:
        """The contents of the files, after a check that they are usable and belong together.

        Raises:
            InvalidArgument: they are not. The field is ``tls_certificate``, ``tls_key`` or ``tls_client_ca``.
        """
        certificate = _read(self.certificate, "tls_certificate", _CERTIFICATE, "certificate")
        key = _read(self.key, "tls_key", _KEY, "private key")
        _check("tls_certificate", lambda context: context.load_verify_locations(cadata=certificate.decode()))
        _check("tls_key", lambda context: context.load_cert_chain(self.certificate, self.key, password=""))
        client_ca: bytes | None = None
        if self.client_ca is not None:
            client_ca = authorities = _read(self.client_ca, "tls_client_ca", _CERTIFICATE, "certificate")
            _check(
                "tls_client_ca", lambda context: context.load_verify_locations(cadata=authorities.decode())
            )
        return TlsContents(certificate, key, client_ca)


@dataclass(frozen=True, slots=True)
class TlsContents:
    """What the files hold, in PEM. ``client_ca`` None: clients need no certificate."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None


class CurrentTls(Generic[T]):
    """What ``make`` makes of the files, made again when they have changed.

    If they cannot be used then, this is logged once and the last result stays in use: a renewal replaces
    one file after the other. They are tried again each time, since what kept them from use, such as the
    permissions of a key, need not be a change of the files. One thread at a time may call ``renew``.

    A certificate that is not valid, or not for much longer, is logged once for each reason.
    """

    def __init__(self, files: TlsFiles, make: Callable[[TlsFiles], T]) -> None:
        """Raises InvalidArgument, as ``make`` does, if the files cannot be used now."""
        self._files = files
        self._make = make
        self._stamp = files.stamp()
        self._warned = self._unusable = ""
        self.value = make(files)
        self._dates = files.dates()
        self._warn()

    def renew(self) -> bool:
        """Follows the files. Whether ``value`` is another one now."""
        is_another = self._follow()
        self._warn()
        return is_another

    def _follow(self) -> bool:
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                self._unusable = ""
                return False
            self.value = self._make(self._files)
        except InvalidArgument as error:
            if str(error) != self._unusable:
                self._unusable = str(error)
                _log.error("%s; the certificate read before stays in use", error)
            return False
        self._stamp, self._unusable = stamp, ""
        self._dates = self._files.dates()
        _log.info("the certificate was read again")
        return True

    def _warn(self) -> None:
        problem = self._dates.problem() if self._dates is not None else ""
        if problem and problem != self._warned:
            _log.warning("tls_certificate: %s", problem)
        self._warned = problem


def _read(path: Path, field: str, marker: bytes, kind: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidArgument(f"cannot be read: {error.strerror}", field=field) from None
    if marker not in content or not content.isascii():
        raise InvalidArgument(f"holds no PEM {kind}", field=field)
    return content


def _check(field: str, use: Callable[[ssl.SSLContext], None]) -> None:
    """Checks a file with OpenSSL. A transport would report it only as a client's failed handshake."""
    try:
        use(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        problem = "does not belong to tls_certificate" if mismatch else "is damaged or encrypted"
        raise InvalidArgument(problem, field=field) from None
    except OSError as error:  # the file was removed meanwhile
        raise InvalidArgument(f"cannot be read: {error.strerror}", field=field) from None
