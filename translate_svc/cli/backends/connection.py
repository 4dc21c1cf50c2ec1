"""Connection options of the commands that use a server: TLS and the API key."""

from __future__ import annotations

from pathlib import Path

from translate_svc.cli.exit_codes import UsageError
from translate_svc.client import ClientOptions, tls_credentials
from translate_svc.errors import InvalidArgument
from translate_svc.variables import API_KEY_VARIABLE

SYSTEM_AUTHORITIES = "system"

_FLAGS = {"tls_ca": "--tls-ca", "tls_certificate": "--tls-certificate", "tls_key": "--tls-key"}


def client_options(
    *, tls_ca: str | None, tls_certificate: str | None, tls_key: str | None, api_key_file: Path | None
) -> ClientOptions:
    """The client options from the flags. Any of the TLS flags turns TLS on.

    Args:
        tls_ca: a PEM file, or ``SYSTEM_AUTHORITIES``.
        tls_certificate: a PEM file.
        tls_key: a PEM file.
        api_key_file: a file that contains only the key.

    Raises:
        UsageError: a file cannot be used, or certificate or key is missing. Names the flag.
    """
    credentials = None
    if tls_ca or tls_certificate or tls_key:
        ca = None if tls_ca == SYSTEM_AUTHORITIES else tls_ca
        try:
            credentials = tls_credentials(ca=ca, certificate=tls_certificate, key=tls_key)
        except InvalidArgument as error:
            description = error.description
            for name, flag in _FLAGS.items():
                description = description.replace(name, flag)
            raise UsageError(description, field=_FLAGS[error.field]) from None
    try:
        if api_key_file is None:
            return ClientOptions(credentials=credentials)
        return ClientOptions(credentials=credentials, api_key=_read_key(api_key_file))
    except InvalidArgument as error:
        given = API_KEY_VARIABLE if api_key_file is None else "--api-key-file"
        raise UsageError(error.description, field=given) from None


def _read_key(path: Path) -> str:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidArgument(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidArgument("is no text") from None
    if not key:
        raise InvalidArgument("holds no key")
    return key
