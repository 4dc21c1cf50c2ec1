"""The page for browsers: its files, as they are in this package."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import asdict, dataclass
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from aiohttp import ETag, hdrs, web

from translate_svc import languages
from translate_svc.gateway.context import GatewayContext
from translate_svc.locations import demo_clips
from translate_svc.types import Scope

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
_PREFIX = "demo_"
_LISTING = "clips.json"


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


class StatusEndpoint:
    """The numbers of ``translate-svc top``, for the page."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def get(self, request: web.Request) -> web.Response:
        """``{version, model, limits, load}``; most counters in ``load`` only grow (``ServerLoad``)."""
        who, _ = await self._context.authenticator.session_caller(request, Scope.INFO)
        info = self._context.service.info()
        limits = who.caller.limits.within(info.limits)
        body = {
            "version": info.version,
            "model": asdict(info.model),
            "limits": {"max_streams": limits.max_streams, "max_targets": limits.max_targets},
            "load": asdict(info.load),
        }
        return web.json_response(body, headers={hdrs.CACHE_CONTROL: "no-store"})


class SamplesEndpoint:
    """Serves the recordings that come with the package. Needs no key."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder``: of the recordings and their ``clips.json``; by default the packaged one."""
        self._folder = folder or demo_clips()
        self._samples = _samples(self._folder)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Adds ``/page/samples.json`` and ``/page/samples/...``."""
        router.add_get("/page/samples.json", self.list_samples)
        router.add_get("/page/samples/{file}", self.get_sample)

    async def list_samples(self, request: web.Request) -> web.Response:
        """``[{file, language, text}]``; empty if there are no recordings."""
        return web.json_response(self._samples, headers={hdrs.CACHE_CONTROL: "no-cache"})

    async def get_sample(self, request: web.Request) -> web.Response:
        """One of the listed recordings."""
        name = request.match_info["file"]
        if all(sample["file"] != name for sample in self._samples):
            raise web.HTTPNotFound
        body = await asyncio.to_thread((self._folder / name).read_bytes)
        return web.Response(body=body, content_type="audio/flac", headers={hdrs.CACHE_CONTROL: "no-cache"})


def _samples(folder: Path) -> list[dict[str, Any]]:
    listing = folder / _LISTING
    if not listing.is_file():
        return []
    clips: list[dict[str, Any]] = json.loads(listing.read_text(encoding="utf-8"))["clips"]
    known = languages.packaged()
    return [
        {"file": clip["file"], "language": language.bcp47, "text": clip["texts"][clip["source_language"]]}
        for clip in clips
        if clip["file"].startswith(_PREFIX) and (language := known.find(clip["source_language"]))
    ]
