"""The demo's recordings, for those who want to try the page without a microphone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

from translate_svc import languages
from translate_svc.locations import demo_clips

_PREFIX = "demo_"
_LISTING = "clips.json"


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
