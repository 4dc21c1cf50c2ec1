"""``make audit`` tells advisories, and says when it cannot know of any."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from release import audit

FINE = {"name": "six", "version": "1.17.0", "vulns": []}
BAD = {
    "name": "oldlib",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}],
}
UNKNOWN = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture
def address() -> Iterator[str]:
    """A server with advisories at /good, without them at /bare, and with nothing at /gone."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if self.path == "/gone" else 200)
            self.end_headers()
            self.wfile.write(b'{"vulnerabilities": []}' if self.path == "/good" else b"{}")

        def log_message(self, *arguments: Any) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("problem", "dependencies", "flags", "code", "said"),
    [
        ("", [FINE], [], 0, "audit: 0 advisories against 1 distributions"),
        ("", [FINE, UNKNOWN], [], 0, "against 1 distributions, 1 unknown to PyPI: torch"),
        ("", [FINE, BAD], [], 1, "oldlib 1.0: PYSEC-2026-1"),
        ("", [UNKNOWN], [], 2, "against 0 distributions"),
        ("it cannot be reached", [], [], 0, "audit: skipped: it cannot be reached"),
        ("it cannot be reached", [], ["--required"], 2, "audit: skipped: it cannot be reached"),
        ("", None, [], 2, "audit: pip-audit fails: no such file"),
    ],
)
def test_how_it_ends(
    problem: str,
    dependencies: list[Any] | None,
    flags: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = tmp_path / "pip-audit"
    report = json.dumps({"dependencies": dependencies})
    answer = "echo 'no such file' >&2" if dependencies is None else f"echo '{report}'"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(sys, "argv", ["audit", *flags])
    monkeypatch.setattr(audit, "service_problem", lambda address: problem)
    with pytest.raises(SystemExit) as end:
        audit.main()
    assert end.value.code == code
    output = capsys.readouterr()
    assert said in output.out + output.err
