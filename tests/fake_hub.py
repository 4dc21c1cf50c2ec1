"""A Hugging Face hub on a loopback port: model info, tree, resolve, and a CDN on another host name.

Answers as huggingface.co does, as far as huggingface_hub and a download need it: commit and ETag headers,
redirects to signed addresses for large files (LFS), byte ranges, error codes. It can be set to fail.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.published_layout import LFS_SUFFIXES

COMMIT = "5f8cc790b19fc3f67a61c105133b20b34e3dcb76"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request. ``range_start`` is 0 where none was asked for."""

    method: str
    path: str
    range_start: int
    token: str


@dataclass(slots=True, eq=False)
class FakeHub:
    """One model repository.

    Attributes:
        folder: its files.
        hub_id: its name.
        commit: of ``main``.
        token: needed to see the repository, empty: none.
        gated: access was not granted.
        cuts: for a file, after how many bytes each next response breaks off.
        forged: contents sent in place of a file's own, same length or not.
        ranges: whether ranges are honoured.
        statuses: for a file, the status that is answered instead of it, as often as it is listed.
        seen: all requests, in order.
    """

    folder: Path
    hub_id: str
    commit: str = COMMIT
    token: str = ""
    gated: bool = False
    cuts: dict[str, list[int]] = field(default_factory=dict)
    forged: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    statuses: dict[str, list[int]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    @property
    def endpoint(self) -> str:
        """What ``HF_ENDPOINT`` is set to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def cdn(self) -> str:
        """Where large files lie: the same server by another name, hence another origin."""
        return f"http://localhost:{self.port}/cdn"

    def downloads(self, name: str) -> list[Seen]:
        """Requests that were answered with bytes of one file."""
        place = "/cdn/" if name.endswith(LFS_SUFFIXES) else "/resolve/"
        return [each for each in self.seen if place in each.path and each.path.endswith("/" + name)]

    @contextmanager
    def serve(self) -> Iterator[FakeHub]:
        """Serves until left."""
        hub = self

        class Handler(_Handler):
            repository = hub

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.port = server.server_address[1]
            thread = threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
            )
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    repository: FakeHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def _answer(self) -> None:
        hub, path = self.repository, unquote(urlsplit(self.path).path)
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        hub.seen.append(Seen(self.command, path, int(start[1]) if start else 0, token))
        if path.startswith("/cdn/"):
            self._send_file(path.rsplit("/", 1)[1])
        elif not re.match(rf"/(api/models/)?{hub.hub_id}(/|$)", path) or (hub.token and token != hub.token):
            self._refuse(401, "RepoNotFound", "Invalid username or password.")
        elif f"/{hub.hub_id}/resolve/" in path:
            self._resolve(*path.split("/resolve/")[1].split("/", 1))
        else:
            self._api(path.removeprefix(f"/api/models/{hub.hub_id}").strip("/").split("/"))

    def _api(self, parts: list[str]) -> None:
        hub = self.repository
        if len(parts) > 1 and parts[1] not in ("main", hub.commit):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {parts[1]}")
        elif parts[0] == "tree":
            files = sorted(path for path in hub.folder.iterdir() if path.is_file())
            self._send_json([_listed(path) for path in files])
        else:
            info = {"id": hub.hub_id, "modelId": hub.hub_id, "sha": hub.commit, "private": False, "tags": []}
            self._send_json(info | {"gated": hub.gated, "siblings": []})

    def _resolve(self, revision: str, name: str) -> None:
        hub = self.repository
        if revision not in ("main", hub.commit):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif hub.gated:
            self._refuse(403, "GatedRepo", f"Access to model {hub.hub_id} is restricted")
        elif not (hub.folder / name).is_file():
            self._refuse(404, "EntryNotFound", "Entry not found")
        elif name.endswith(LFS_SUFFIXES):
            listed = _listed(hub.folder / name)
            self.send_response(302)
            self.send_header("Location", f"{hub.cdn}/{listed['lfs']['oid']}/{name}?signature=x")
            self.send_header("X-Repo-Commit", hub.commit)
            self.send_header("X-Linked-Size", str(listed["size"]))
            self.send_header("X-Linked-ETag", f'"{listed["lfs"]["oid"]}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send_file(name)

    def _send_file(self, name: str) -> None:
        hub = self.repository
        if hub.statuses.get(name):
            self._refuse(hub.statuses[name].pop(0), "", "try again")
            return
        content = hub.forged.get(name, (hub.folder / name).read_bytes())
        start = hub.seen[-1].range_start if hub.ranges else 0
        rest = content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("X-Repo-Commit", hub.commit)
        self.send_header("ETag", f'"{_blob_id(content)}"')
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        cuts = hub.cuts.get(name)
        if self.command == "HEAD":
            return
        if cuts:
            self.wfile.write(rest[: cuts.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(rest)

    def _send_json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: int, code: str, message: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _listed(path: Path) -> dict[str, Any]:
    """A file as the tree lists it: the blob of an LFS file is its pointer."""
    content = path.read_bytes()
    entry: dict[str, Any] = {"type": "file", "path": path.name, "size": len(content)}
    if not path.name.endswith(LFS_SUFFIXES):
        return entry | {"oid": _blob_id(content)}
    sha256 = hashlib.sha256(content).hexdigest()
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(content)}\n".encode()
    )
    lfs = {"oid": sha256, "size": len(content), "pointerSize": len(pointer)}
    return entry | {"oid": _blob_id(pointer), "lfs": lfs}


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
