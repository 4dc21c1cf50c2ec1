"""Files at addresses of web servers that do not give them whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from translate_svc.cli.media.remote_files import download, matching, open_address
from translate_svc.errors import InvalidArgument


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2].partition(".")[0]
        if name == "around":
            self.send_response(302)
            self.send_header("Location", self.path)
        elif name.isdigit():
            self.send_response(int(name))
        else:
            self.send_response(200)
        self.send_header("Content-Length", "10" if name == "broken" else "5")
        self.end_headers()
        self.wfile.write(b"sound")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_file_is_copied_under_its_own_name(site: str, tmp_path: Path) -> None:
    assert download(f"{site}/talk.mp3", tmp_path) == tmp_path / "talk.mp3"
    assert (tmp_path / "talk.mp3").read_bytes() == b"sound"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("404.mp3", "there is no such file"),
        ("500.mp3", "500, message='Internal Server Error'"),
        ("broken.mp3", "received 5 of 10 bytes"),
        ("around.mp3", "TooManyRedirects"),
    ],
)
def test_an_answer_that_is_no_whole_file_is_refused(site: str, tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said) as refused:
        download(f"{site}/{name}", tmp_path)
    assert refused.value.field == f"{site}/{name}"


def test_an_address_that_leads_in_a_circle_names_no_folder(site: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot be read") as refused:
        list(matching(f"{site}/around", {".mp3"}))
    assert refused.value.field == f"{site}/around"


@pytest.mark.parametrize("address", ["http://example.org/a.mp3", "simplecache::https://example.org/a.mp3"])
def test_a_large_file_may_take_long_and_a_silent_server_may_not(address: str) -> None:
    system, _ = open_address(address)
    timeout = getattr(system, "fs", system).client_kwargs["timeout"]
    assert timeout.total is None
    assert 0 < timeout.sock_read < 300
