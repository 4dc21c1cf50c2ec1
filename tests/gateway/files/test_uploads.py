"""Uploads: bounded in size, number and time, and given up when the client leaves."""

from __future__ import annotations

import asyncio
import gzip
import io
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import soundfile

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, failing_script
from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import ROOT
from tests.waiting import until
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.engine.request import Request
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer
from translate_svc.session.admission import AdmissionOptions

PATH = "/v1/audio/translations"
PATHS = (PATH, "/v1/audio/transcriptions")
CLIP = (ROOT / "tests" / "data" / "eng_two.flac").read_bytes()
CHARSET = b'Content-Disposition: form-data; name="_charset_"\r\n\r\n' + b"x" * 50
NOTHING = {"admitted": 0, "requests": 0, "vad_places": 0}


def form(content: bytes = CLIP) -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field("model", "m")
    data.add_field("file", io.BytesIO(content), filename="a.flac")
    return data


def slow_script(request: Request) -> ScriptedRequest:
    return ScriptedRequest((ScriptedSequence(),) * len(request.sequences), encode_s=3_600.0)


async def post(server: GatewayServer, data: object, path: str = PATH, key: str = "") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        aiohttp.ClientSession(server.target, headers=headers) as http,
        http.post(path, data=data) as response,
    ):
        body = await response.json()
        return response.status, body["error"]["code"] if "error" in body else body["text"]


@pytest.mark.parametrize("declared", [True, False])
async def test_a_file_that_is_too_large_is_not_kept(declared: bool) -> None:
    options = GatewayOptions(max_file_bytes=len(CLIP) - 1)
    async with model_free_service() as service, GatewayServer(service, options) as server:
        assert await post(server, form() if declared else _in_chunks(form())) == (413, "request_too_large")
        assert await post(server, form(bytes(3_000_000))) == (413, "request_too_large")


def _in_chunks(data: aiohttp.FormData) -> aiohttp.Payload:
    payload = data()
    payload._size = None  # a body without Content-Length
    return payload


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no form",
        {"model": "m"},
        {"model": "m", "file": ""},
    ],
    ids=range(4),
)
async def test_what_is_no_form_is_refused(data: object) -> None:
    async with model_free_service() as service, GatewayServer(service) as server:
        status, code = await post(server, data)
        assert (status, code) == (400, "invalid_value")


async def test_two_files_are_one_too_many() -> None:
    data = form()
    data.add_field("file", CLIP, filename="b.flac")
    async with model_free_service() as service, GatewayServer(service) as server:
        assert await post(server, data) == (400, "invalid_value")


async def test_only_so_many_at_a_time() -> None:
    async with (
        model_free_service(slow_script) as service,
        GatewayServer(service, GatewayOptions(max_uploads=1)) as server,
    ):
        first = asyncio.create_task(post(server, form()))
        await until(lambda: bool(service.held["requests"]))
        assert await post(server, form()) == (429, "overloaded")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_admission_is_that_of_streams() -> None:
    async with (
        model_free_service(admission=AdmissionOptions(max_waiting_requests=0)) as service,
        GatewayServer(service) as server,
        aiohttp.ClientSession(server.target) as http,
        http.post(PATH, data=form()) as response,
    ):
        assert response.status == 429
        assert int(response.headers["Retry-After"]) >= 1


async def test_a_text_with_a_hole_is_no_answer() -> None:
    async with model_free_service(failing_script) as service, GatewayServer(service) as server:
        assert await post(server, form()) == (500, "translation_failed")
        await until(lambda: service.held == NOTHING)


BEGINNING = b"--b\r\nContent-Disposition: form-data; name=file; filename=a.flac\r\n\r\n" + CLIP[:1_000]
NOT_WHOLE = "The body is not multipart/form-data, or ends before its last boundary."


async def status_of(parts: AsyncIterator[bytes], options: GatewayOptions) -> int:
    """What a client gets whose form comes in these parts."""
    async with (
        model_free_service() as service,
        GatewayServer(service, options) as server,
        aiohttp.ClientSession(server.target) as http,
        http.post(PATH, data=parts, headers={"Content-Type": "multipart/form-data; boundary=b"}) as response,
    ):
        return response.status


@pytest.mark.parametrize(
    "head",
    [b"no colon", b"X: " + b"a" * 70_000, b"X: y\r\n" * 50_000, b"X: a\0b", CHARSET],
    ids=["no colon", "long", "many", "a zero byte", "charset"],
)
async def test_a_part_that_cannot_be_read_is_the_clients_error(head: bytes) -> None:
    async def form() -> AsyncIterator[bytes]:
        yield b"--b\r\n" + head + b"\r\n\r\nabc\r\n--b--\r\n"

    assert await status_of(form(), GatewayOptions()) == 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (BEGINNING, NOT_WHOLE),
        (BEGINNING + CLIP, NOT_WHOLE),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--b--\r\n", "A part of the form has no name."),
    ],
    ids=["cut off", "cut off later", "without a name"],
)
async def test_a_form_that_is_not_whole_is_the_clients_error(body: bytes, said: str) -> None:
    assert await answer({"Content-Type": "multipart/form-data; boundary=b"}, body) == (400, said)


@pytest.mark.parametrize(
    "body", [BEGINNING, gzip.compress(BEGINNING)[:-8] + bytes(8)], ids=["plain", "broken"]
)
async def test_a_body_that_cannot_be_unpacked_is_the_clients_error(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Encoding": "gzip"}
    assert await answer(headers, body) == (400, "The body is not encoded as its headers say.")
    assert not [each for each in caplog.records if each.levelname in ("WARNING", "ERROR")]


async def answer(headers: dict[str, str], body: bytes) -> tuple[int, str]:
    """The status and the message that a client gets for this body."""
    async with (
        model_free_service() as service,
        GatewayServer(service) as server,
        aiohttp.ClientSession(server.target) as http,
        http.post(PATH, data=body, headers=headers) as response,
    ):
        return response.status, (await response.json())["error"]["message"]


@pytest.mark.parametrize("sent", ["nothing", "half a head", "a field", "a piece of the file"])
async def test_a_client_that_stops_sending_is_given_up(sent: str) -> None:
    begun = {
        "nothing": b"",
        "half a head": BEGINNING[:20],
        "a field": b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--b\r\n',
        "a piece of the file": BEGINNING,
    }

    async def stalling() -> AsyncIterator[bytes]:
        yield begun[sent]
        await asyncio.sleep(60)
        yield b"\r\n--b--\r\n"

    assert await status_of(stalling(), GatewayOptions(upload_timeout_s=0.2)) == 408


async def test_a_client_that_sends_for_ever_is_given_up() -> None:
    async def trickling() -> AsyncIterator[bytes]:
        yield BEGINNING
        while True:
            await asyncio.sleep(0.05)
            yield b"x"

    options = GatewayOptions(upload_timeout_s=30, upload_limit_s=0.5)
    assert await status_of(trickling(), options) == 408


@pytest.mark.parametrize("suffix", ["flac", "ogg"])
async def test_a_small_file_that_holds_too_much_sound_is_refused(suffix: str) -> None:
    """FLAC states its duration; of Ogg it is known when the end is read."""
    content = io.BytesIO()
    soundfile.write(content, np.zeros(8_000 * 90, np.int16), 8_000, format=suffix)
    options = GatewayOptions(max_file_duration_s=60)
    async with model_free_service() as service, GatewayServer(service, options) as server:
        assert await post(server, form(content.getvalue())) == (413, "request_too_large")
        await until(lambda: service.held == NOTHING)


async def test_a_caller_that_fills_its_places_leaves_others_theirs(tmp_path: Path) -> None:
    """It is told that the limit is its own. Who comes when all places are taken learns that of the server."""
    keys = [new_key() for _ in range(3)]
    (tmp_path / "keys").write_text("\n".join(key_line(f"caller-{n}", key) for n, key in enumerate(keys)))
    options = GatewayOptions(max_uploads=3, max_uploads_per_caller=2)
    async with (
        model_free_service(slow_script) as service,
        GatewayServer(service, options, callers=Callers(ApiKeys(tmp_path / "keys"))) as server,
    ):
        inside = []
        for number, key in enumerate((keys[0], keys[0], keys[1])):
            if number == 2:
                for path in PATHS:
                    assert await post(server, form(), path, keys[0]) == (429, "rate_limit_exceeded")
            inside.append(asyncio.create_task(post(server, form(), key=key)))
            await until(lambda: service.held["requests"] == len(inside))
        for path in PATHS:
            assert await post(server, form(), path, keys[2]) == (429, "overloaded")
        for each in inside:
            each.cancel()
        await asyncio.gather(*inside, return_exceptions=True)


async def test_a_client_that_leaves_is_no_error_of_the_server(caplog: pytest.LogCaptureFixture) -> None:
    async with model_free_service(slow_script) as service, GatewayServer(service) as server:
        leaving = asyncio.create_task(post(server, form()))
        await until(lambda: bool(service.held["requests"]))
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await until(lambda: service.held == NOTHING)
    assert not [each for each in caplog.records if each.levelname in ("WARNING", "ERROR")]


async def test_a_full_disk_fails_the_file_that_needs_it_and_no_other() -> None:
    """Files above a mebibyte are kept on disk. Of this process no file may grow beyond that."""
    small, large = form(), form(bytes(3_000_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with model_free_service() as service, GatewayServer(service) as server:
        expected = await post(server, form())
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, before[1]))
        try:
            answers = await asyncio.gather(post(server, small), post(server, large))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert list(answers) == [expected, (429, "overloaded")]
        await until(lambda: service.held == NOTHING)
