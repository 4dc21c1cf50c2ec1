"""The page for browsers: its files, as they are in this package."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import ETag, hdrs, web

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Files of other kinds are not served."""

_PAGES = {"": "index.html", "status": "status.html"}
"""Files that are served under a path of their own."""

_HEADERS = {
    # the page loads nothing from elsewhere, runs no inline script, and cannot be framed
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # a browser asks each time, and gets 304 unless the server was updated
    hdrs.CACHE_CONTROL: "no-cache",
}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    content_type: str
    etag: str


class PageEndpoint:
    """Serves the page from memory. It needs no key: it asks the other endpoints for its content."""

    def __init__(self) -> None:
        self._files = dict(_read(files(__package__), ""))

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Adds ``/``, ``/status`` and ``/page/...``."""
        for path in _PAGES:
            router.add_get(f"/{path}", self.get_page)
        router.add_get("/page/{path:.+}", self.get_file)

    async def get_page(self, request: web.Request) -> web.Response:
        """One of ``_PAGES``."""
        return _response(request, self._files[_PAGES[request.path.strip("/")]])

    async def get_file(self, request: web.Request) -> web.Response:
        """A file of the page."""
        file = self._files.get(request.match_info["path"])
        if file is None:
            raise web.HTTPNotFound
        return _response(request, file)


def _read(folder: Traversable, prefix: str) -> list[tuple[str, _File]]:
    """Every file below ``folder`` that can be served, with its path."""
    found: list[tuple[str, _File]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _read(entry, f"{prefix}{entry.name}/")
        elif content_type := _TYPES.get(f".{entry.name.rpartition('.')[2]}"):
            body = entry.read_bytes()
            etag = hashlib.sha256(body).hexdigest()[:32]
            found.append((f"{prefix}{entry.name}", _File(body, content_type, etag)))
    return found


def _response(request: web.Request, file: _File) -> web.Response:
    known = {etag.value for etag in request.if_none_match or ()}
    if file.etag in known or "*" in known:
        response = web.Response(status=HTTPStatus.NOT_MODIFIED, headers=_HEADERS)
    else:
        response = web.Response(body=file.body, headers={**_HEADERS, hdrs.CONTENT_TYPE: file.content_type})
    response.etag = ETag(file.etag)
    return response
