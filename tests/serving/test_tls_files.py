"""A certificate that is not valid, or not for much longer, is said with its date."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.certificates import Authority
from translate_svc.serving.certificate_dates import CertificateDates
from translate_svc.serving.tls_files import CurrentTls, TlsFiles

_DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("begins_days", "ends_days", "said"),
    [
        (-30, -1, "expired on {end}: clients refuse the server"),
        (2, 300, "is not valid before {begin}: clients refuse the server until then"),
        (-30, 13, "expires on {end}: clients refuse the server from then on"),
        (-30, 15, ""),
    ],
)
def test_a_certificate_with_bad_dates_is_told_when_it_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, begins_days: int, ends_days: int, said: str
) -> None:
    authority, now = Authority(tmp_path), datetime.now(UTC)
    issued = authority.issue("server")
    tls = CurrentTls(TlsFiles(issued.certificate, issued.key), TlsFiles.read)
    assert _warnings(caplog) == []
    begin, end = now + begins_days * _DAY, now + ends_days * _DAY
    authority.issue("server", not_before=begin, not_after=end)
    expected = f"tls_certificate: {said}".format(begin=_text(begin), end=_text(end)) if said else ""
    assert tls.renew()
    assert not tls.renew()  # the second connection says nothing again
    assert _warnings(caplog) == [expected] * bool(said)
    CurrentTls(TlsFiles(issued.certificate, issued.key), TlsFiles.read)  # as at a start
    assert _warnings(caplog) == [expected] * 2 * bool(said)


def test_dates_come_near_while_the_server_runs(tmp_path: Path) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + 100 * _DAY
    issued = Authority(tmp_path).issue("server", not_after=end)
    dates = CertificateDates.of(issued.certificate.read_bytes())
    assert dates is not None
    assert not dates.problem()
    assert dates.problem(end - 13 * _DAY).startswith("expires on")
    assert dates.problem(end + _DAY).startswith("expired on")


def test_files_that_could_not_be_read_count_as_soon_as_they_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A renewed key belongs to root until somebody mends its permissions, which changes no date."""
    authority = Authority(tmp_path)
    issued = authority.issue("server")
    tls = CurrentTls(TlsFiles(issued.certificate, issued.key), TlsFiles.read)
    before = tls.value
    authority.issue("server")

    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as permissions:
        permissions.setattr(Path, "read_bytes", denied)
        assert [tls.renew(), tls.renew()] == [False, False]
    assert tls.value is before
    assert tls.renew()
    assert tls.value.key == issued.key.read_bytes()
    (error,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert error.startswith("tls_certificate: cannot be read: Permission denied")


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


def _text(date: datetime) -> str:
    return f"{date:%Y-%m-%d %H:%M} UTC"
