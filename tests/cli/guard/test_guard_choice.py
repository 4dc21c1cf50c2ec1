"""``--guard auto``: on where others can connect and a guard can be had; else a line says what to do."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from tests.cli.guard import needs_envoy
from translate_svc.cli.guard.guard_choice import with_guard
from translate_svc.config import Settings


def chosen(by_certificate: bool = False, **settings: Any) -> str:
    return with_guard(Settings(**settings), by_certificate=by_certificate).guard


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever level an earlier test has left behind."""
    caplog.set_level(logging.INFO, logger="translate_svc")


@pytest.fixture
def without_envoy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "envoy", None)
    monkeypatch.setenv("PATH", "/nonexistent")


@needs_envoy
@pytest.mark.parametrize(
    ("host", "guard"),
    [
        ("0.0.0.0", "on"),
        ("::", "on"),
        ("192.0.2.1", "on"),
        ("example.org", "on"),
        ("127.0.0.1", "off"),
        ("::1", "off"),
        ("localhost", "off"),
        ("unix:/run/x.sock", "off"),
    ],
)
def test_it_is_on_where_others_can_connect(host: str, guard: str) -> None:
    assert chosen(host=host) == guard


@needs_envoy
@pytest.mark.parametrize("host", ["127.0.0.1", "unix:/run/x.sock"])
def test_the_http_port_alone_is_reason_enough(host: str) -> None:
    assert chosen(host=host, http="0.0.0.0:8000") == "on"
    assert chosen(host=host, http="127.0.0.1:8000") == "off"


@pytest.mark.parametrize("said", ["on", "off"])
def test_what_the_operator_says_counts(said: str, caplog: pytest.LogCaptureFixture) -> None:
    assert chosen(host="0.0.0.0", guard=said) == said
    assert chosen(host="127.0.0.1", guard=said) == said
    assert chosen(host="0.0.0.0", guard=said, by_certificate=True) == said
    assert not caplog.records


@needs_envoy
def test_callers_known_by_certificates_go_on_without_one(caplog: pytest.LogCaptureFixture) -> None:
    assert chosen(host="0.0.0.0", by_certificate=True) == "off"
    assert "know them by keys" in caplog.text


@pytest.mark.usefixtures("without_envoy")
def test_without_envoy_it_goes_on_and_names_the_one_command(caplog: pytest.LogCaptureFixture) -> None:
    assert chosen(host="0.0.0.0") == "off"
    assert "pip install 'translate-svc[guard]'" in caplog.text
    caplog.clear()
    assert chosen(host="127.0.0.1") == "off"
    assert not caplog.records
