"""The page's files as the server serves them: types, headers, and nothing from elsewhere."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.clients import ROOT
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.page.page_endpoint import SamplesEndpoint
from translate_svc.gateway.server import GatewayServer
from translate_svc.serving.protocols import TranslationService

PAGE = ROOT / "translate_svc" / "gateway" / "page"
TEXTS = sorted(path for path in PAGE.rglob("*") if path.suffix in (".html", ".css", ".js", ".svg"))
MAX_LINES = 300
NAMESPACES = {"http://www.w3.org/2000/svg"}


async def test_each_file_has_its_type_and_the_headers_that_keep_it_to_itself(server: GatewayServer) -> None:
    types = {
        "": "text/html",
        "status": "text/html",
        "page/app.js": "text/javascript",
        "page/audio/recorder_worklet.js": "text/javascript",
        "page/styles/base.css": "text/css",
        "page/icon.svg": "image/svg+xml",
    }
    async with aiohttp.ClientSession(f"{server.target}/") as http:
        for path, content_type in types.items():
            async with http.get(path) as response:
                assert (response.status, response.content_type) == (200, content_type), path
                policy = response.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["Cache-Control"] == "no-cache"
                assert await response.read()


async def test_a_browser_that_has_the_file_gets_no_second_copy(server: GatewayServer) -> None:
    async with aiohttp.ClientSession(f"{server.target}/") as http:
        async with http.get("page/app.js") as first:
            etag = first.headers["ETag"]
        async with http.get("page/app.js", headers={"If-None-Match": etag}) as again:
            assert again.status == 304
            assert await again.read() == b""
        async with http.get("page/app.js", headers={"If-None-Match": '"other"'}) as other:
            assert other.status == 200


@pytest.mark.parametrize(
    "path", ["page/", "page/none.js", "page/page_endpoint.py", "page/../server.py", "page/styles"]
)
async def test_nothing_but_the_page_is_served(server: GatewayServer, path: str) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{server.target}/{path}") as response:
        assert response.status == 404


async def test_the_page_needs_no_key_and_its_numbers_do(service: TranslationService, tmp_path: Path) -> None:
    key = new_key()
    (tmp_path / "keys").write_text(key_line("alice", key))
    keys = ApiKeys(tmp_path / "keys")
    async with (
        GatewayServer(service, GatewayOptions(), callers=Callers(keys)) as server,
        aiohttp.ClientSession(f"{server.target}/") as http,
    ):
        async with http.get("status") as page:
            assert page.status == 200
        async with http.get("status.json") as refused:
            assert refused.status == 401
        async with http.get("status.json", headers={"Authorization": f"Bearer {key}"}) as answer:
            body = await answer.json()
            assert body["load"]["live_streams"] == 0
            assert body["limits"]["max_streams"] > 0
            assert body["model"]["name"]
            assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(PAGE)))
def test_nothing_comes_from_elsewhere_and_files_are_short(path: Path) -> None:
    text = path.read_text("utf-8")
    outside = set(re.findall(r"""https?://[^\s"'`)$]+""", text)) - NAMESPACES
    assert not outside
    assert len(text.splitlines()) <= MAX_LINES
    if path.suffix == ".html":
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", text), (
            "the policy forbids these"
        )


def test_the_wheel_has_every_file_of_the_page() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["translate_svc"]
    packaged = {path for pattern in patterns for path in (ROOT / "translate_svc").glob(pattern)}
    assert set(TEXTS) <= packaged


async def test_the_demo_can_be_played_from_the_page(server: GatewayServer) -> None:
    listing = json.loads((ROOT / "tests" / "data" / "clips.json").read_text("utf-8"))["clips"]
    clips = {clip["file"]: clip for clip in listing}
    async with aiohttp.ClientSession(f"{server.target}/") as http:
        async with http.get("page/samples.json") as response:
            samples = await response.json()
        assert [sample["language"] for sample in samples] == ["en", "es", "fr", "de"]
        for sample in samples:
            clip = clips[sample["file"]]
            assert sample["text"] == clip["texts"][clip["source_language"]]
            async with http.get(f"page/samples/{sample['file']}") as response:
                assert (response.status, response.content_type) == (200, "audio/flac")
                assert await response.read() == (ROOT / "tests" / "data" / sample["file"]).read_bytes()
        for missing in ("page/samples/eng_1.flac", "page/samples/clips.json"):
            async with http.get(missing) as response:
                assert response.status == 404


def test_a_package_without_recordings_has_none(tmp_path: Path) -> None:
    assert not SamplesEndpoint(tmp_path)._samples
