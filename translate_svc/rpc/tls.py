"""The server's certificate, from files that may be replaced while it runs."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from translate_svc.errors import InvalidArgument

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = b"PRIVATE KEY-----"
_Stamp = tuple[tuple[int, int, int], ...]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files.

    Attributes:
        certificate: the server's, followed by those that lead to its authority.
        key: its private key, not encrypted.
        client_ca: the authorities of clients' certificates. With it a client without one is refused (mTLS).
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials that follow the files: each new connection has the certificate of its moment.

    gRPC asks before every handshake; what is open stays as it is. Files that cannot be used then are logged
    once, and the certificate used before goes on being used: a renewal is written one file after the other.

    Raises:
        InvalidArgument: they cannot be used now. The field is ``tls_certificate``, ``tls_key`` or
            ``tls_client_ca``.
    """
    certificates = _Certificates(files)
    # grpc-stubs has it that the fetcher never returns None, which says that nothing has changed
    fetch: Any = certificates.renewed
    return grpc.dynamic_ssl_server_credentials(
        certificates.current, fetch, require_client_authentication=files.client_ca is not None
    )


class _Certificates:
    """``renewed`` is called on gRPC's threads, one at a time: it runs between others' handshakes."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamp = self._look()
        self.current = load(files)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """None while nothing has changed."""
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return None
            self._stamp = stamp
            self.current = load(self._files)
        except InvalidArgument as error:
            _log.error("%s; the certificate read before stays in use", error)
            return None
        _log.info("the certificate was read again")
        return self.current

    def _look(self) -> _Stamp:
        """Changes when a file does, also where a link to it is put elsewhere."""
        stamps = []
        for path in (self._files.certificate, self._files.key, self._files.client_ca):
            try:
                status = path.stat() if path is not None else None
            except OSError:
                status = None
            stamps.append((status.st_mtime_ns, status.st_size, status.st_ino) if status else (0, 0, 0))
        return tuple(stamps)


def load(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    """The files' contents, found to be usable and to belong together.

    Raises:
        InvalidArgument: see ``server_credentials``.
    """
    certificate = _read(files.certificate, "tls_certificate", _CERTIFICATE, "certificate")
    key = _read(files.key, "tls_key", _KEY, "private key")
    _check("tls_certificate", lambda context: context.load_verify_locations(cadata=certificate.decode()))
    _check("tls_key", lambda context: context.load_cert_chain(files.certificate, files.key, password=""))
    client_ca: bytes | None = None
    if files.client_ca is not None:
        client_ca = authorities = _read(files.client_ca, "tls_client_ca", _CERTIFICATE, "certificate")
        _check("tls_client_ca", lambda context: context.load_verify_locations(cadata=authorities.decode()))
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=client_ca)


def _read(path: Path, field: str, marker: bytes, kind: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidArgument(f"cannot be read: {error.strerror}", field=field) from None
    if marker not in content or not content.isascii():
        raise InvalidArgument(f"holds no PEM {kind}", field=field)
    return content


def _check(field: str, use: Callable[[ssl.SSLContext], None]) -> None:
    """Lets OpenSSL say what gRPC would say only to a client, as a failed handshake."""
    try:
        use(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        problem = "does not belong to tls_certificate" if mismatch else "is damaged or encrypted"
        raise InvalidArgument(problem, field=field) from None
    except OSError as error:  # the file went away meanwhile
        raise InvalidArgument(f"cannot be read: {error.strerror}", field=field) from None
