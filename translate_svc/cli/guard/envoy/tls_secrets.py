"""Certificates for Envoy: what it reads, and how it learns that the operator's files have changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from translate_svc.serving.tls_files import CurrentTls, TlsFiles

_TYPES = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
_SERVER, _CALLERS = "server", "callers"
_LINKS = "tls"


def tls_context(folder: Path, files: TlsFiles, protocol: str) -> dict[str, Any]:
    """The transport socket of a listener that serves TLS with what ``TlsSecrets`` has put into ``folder``."""
    common: dict[str, Any] = {
        "alpn_protocols": [protocol],
        "tls_certificate_sds_secret_configs": [_source(folder, _SERVER)],
    }
    if files.client_ca is not None:
        common["validation_context_sds_secret_config"] = _source(folder, _CALLERS)
    context = {
        "@type": f"{_TYPES}.DownstreamTlsContext",
        "common_tls_context": common,
        "require_client_certificate": files.client_ca is not None,
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


class TlsSecrets:
    """Links to the operator's files, in a folder that Envoy watches.

    Envoy reads the files again when something is moved into the folder of their names, so a link is made anew
    once the files have changed and belong together. Envoy by itself would miss a file that is written in
    place, and the halves of a renewal. The key is not copied.
    """

    def __init__(self, folder: Path, files: TlsFiles) -> None:
        """Raises InvalidArgument if the files cannot be used. Names the setting."""
        self._files = files
        self._links = folder / _LINKS
        self._current = CurrentTls(files, TlsFiles.read)
        self._links.mkdir()
        self._link()
        server = {
            "certificate_chain": {"filename": str(self._links / "certificate")},
            "private_key": {"filename": str(self._links / "key")},
        }
        _write_secret(folder, _SERVER, {"tls_certificate": server})
        if files.client_ca is not None:
            callers = {"trusted_ca": {"filename": str(self._links / "client_ca")}}
            _write_secret(folder, _CALLERS, {"validation_context": callers})

    def renew(self) -> None:
        """Lets Envoy read the files again, if they have changed and can be used."""
        if self._current.renew():
            self._link()

    def _link(self) -> None:
        files = {
            "certificate": self._files.certificate, "key": self._files.key, "client_ca": self._files.client_ca
        }  # fmt: skip
        for name, path in files.items():
            if path is not None:
                fresh = self._links / f"{name}.fresh"
                fresh.symlink_to(path.absolute())
                os.replace(fresh, self._links / name)


def _source(folder: Path, name: str) -> dict[str, Any]:
    return {"name": name, "sds_config": {"path_config_source": {"path": str(_secret(folder, name))}}}


def _secret(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _write_secret(folder: Path, name: str, content: dict[str, Any]) -> None:
    secret = {"@type": f"{_TYPES}.Secret", "name": name, **content}
    _secret(folder, name).write_text(json.dumps({"resources": [secret]}), "utf-8")
