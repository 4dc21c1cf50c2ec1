"""The flags of commands that use a model: a server with TLS and an API key, or a model of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

from translate_svc.cli.backends.backend import Backend, choose_backend, chosen_server
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.options import setting_option
from translate_svc.client import ClientOptions, tls_credentials
from translate_svc.errors import InvalidArgument
from translate_svc.variables import API_KEY_VARIABLE

SYSTEM_AUTHORITIES = "system"

_FLAGS = {"tls_ca": "--tls-ca", "tls_certificate": "--tls-certificate", "tls_key": "--tls-key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFlags:
    """TLS and the API key. Any of the TLS flags turns TLS on."""

    tls_ca: Annotated[
        str | None,
        typer.Option(metavar="PEM|system", help="Use TLS; trust these authorities, or the usual ones."),
    ] = None
    tls_certificate: Annotated[
        str | None, typer.Option(metavar="PEM", help="Use TLS with this client certificate (mTLS).")
    ] = None
    tls_key: Annotated[str | None, typer.Option(metavar="PEM", help="The certificate's private key.")] = None
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File with the API key that the server requires. Default: TRANSLATE_SVC_API_KEY.",
        ),
    ] = None

    def options(self) -> ClientOptions:
        """The client's options.

        Raises:
            UsageError: a file cannot be used, or certificate or key is missing. Names the flag.
        """
        credentials = None
        if self.tls_ca or self.tls_certificate or self.tls_key:
            ca = None if self.tls_ca == SYSTEM_AUTHORITIES else self.tls_ca
            try:
                credentials = tls_credentials(ca=ca, certificate=self.tls_certificate, key=self.tls_key)
            except InvalidArgument as error:
                description = error.description
                for name, flag in _FLAGS.items():
                    description = description.replace(name, flag)
                raise UsageError(description, field=_FLAGS[error.field]) from None
        try:
            if self.api_key_file is None:
                return ClientOptions(credentials=credentials)
            return ClientOptions(credentials=credentials, api_key=_read_key(self.api_key_file))
        except InvalidArgument as error:
            given = API_KEY_VARIABLE if self.api_key_file is None else "--api-key-file"
            raise UsageError(error.description, field=given) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFlags:
    """A server, or a model whose directory is read."""

    server: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT[,...]",
            help="Use this server, or another one where it is full or lost. "
            "Default: TRANSLATE_SVC_SERVER, else this process.",
        ),
    ] = None
    connection: ConnectionFlags
    model: Annotated[str | None, setting_option("model")] = None
    model_cache: Annotated[str | None, setting_option("model_cache")] = None

    def model_flags(self) -> dict[str, object]:
        """The flags that concern a model of this machine, as settings; None if not given."""
        own = (field.name for field in fields(self) if field.name not in ("server", "connection"))
        return {name: getattr(self, name) for name in own}

    def backend(self, of_engine: Mapping[str, object] = {}) -> Backend:
        """What translates. ``of_engine``: settings of an engine in this process.

        Raises:
            UsageError: the flags do not go together, or a file cannot be used.
            InvalidArgument: a setting is not valid. Names the flag or the variable.
        """
        connection = self.connection.options()
        flags = self.model_flags()
        if chosen_server(self.server, flags) is None:
            flags |= of_engine
        return choose_backend(self.server, flags, connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFlags(CatalogFlags):
    """A server, or a model that is run."""

    device: Annotated[str | None, setting_option("device")] = None


def _read_key(path: Path) -> str:
    try:
        key = path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise InvalidArgument(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidArgument("is no text") from None
    if not key:
        raise InvalidArgument("holds no key")
    return key
