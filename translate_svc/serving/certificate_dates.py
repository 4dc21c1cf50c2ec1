"""From when to when a server's certificate is valid, and what an operator must hear of it in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_NOTICE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class CertificateDates:
    """When a certificate is valid, in UTC."""

    not_before: datetime
    not_after: datetime

    @classmethod
    def of(cls, chain: bytes) -> CertificateDates | None:
        """Those of the first certificate of a PEM chain, the server's own; None if they cannot be read."""
        # imported here because the command of the client alone, which has no cryptography, imports this file
        from cryptography import x509

        try:
            own = x509.load_pem_x509_certificate(chain)
        except ValueError:  # OpenSSL, which is stricter or laxer elsewhere, decides whether it can be used
            return None
        return cls(own.not_valid_before_utc, own.not_valid_after_utc)

    def problem(self, now: datetime | None = None) -> str:
        """What is wrong with them, or will be within 14 days; empty if nothing. ``now``: by default now."""
        now = now or datetime.now(UTC)
        if now < self.not_before:
            return f"is not valid before {_text(self.not_before)}: clients refuse the server until then"
        if now > self.not_after:
            return f"expired on {_text(self.not_after)}: clients refuse the server"
        if now > self.not_after - _NOTICE:
            return f"expires on {_text(self.not_after)}: clients refuse the server from then on"
        return ""


def _text(date: datetime) -> str:
    return f"{date:%Y-%m-%d %H:%M} UTC"
