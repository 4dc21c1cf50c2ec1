"""Certificates of a test's own authority, as PEM files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates into ``folder``; ``ca`` is its own."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.ca = folder / f"{name}.pem"
        self.ca.write_bytes(self._ca.cert_pem.bytes())

    def issue(
        self, name: str, *hosts: str, not_before: datetime | None = None, not_after: datetime | None = None
    ) -> Identity:
        """A certificate for ``hosts`` (default: 127.0.0.1 and localhost) in ``name``.pem and ``name``.key.

        Files of that name are replaced, as a renewal replaces them. Without dates it is valid for years.
        """
        issued = self._ca.issue_cert(
            *(hosts or ("127.0.0.1", "localhost")), not_before=not_before, not_after=not_after
        )
        identity = Identity(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        _replace(identity.certificate, b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        _replace(identity.key, issued.private_key_pem.bytes())
        return identity


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(content)
    os.replace(fresh, path)
