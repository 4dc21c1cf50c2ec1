"""``translate-svc serve`` as its operator meets it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Mapping

import numpy as np
import pytest

from tests.cli.conftest import Command
from tests.cli.process import STARTER, environment, serving
from translate_svc.client import AsyncClient
from translate_svc.errors import Unavailable
from translate_svc.types import Closed, GoAway


async def _log(process: asyncio.subprocess.Process) -> list[dict[str, str]]:
    _, error = await process.communicate()
    return [json.loads(line) for line in error.decode().splitlines() if line.startswith("{")]


@pytest.mark.parametrize(
    "name",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
async def test_it_says_where_it_listens_and_stops_when_told(name: signal.Signals) -> None:
    async with serving() as (process, address):
        async with AsyncClient(address) as client:
            info = await client.info()
            assert info.model.name == "starter"
            assert {language.code for language in await client.languages()} == {"eng", "spa", "fra", "deu"}
        process.send_signal(name)
        log = await asyncio.wait_for(_log(process), 60)
        assert process.returncode == 0
    assert all({"time", "level", "logger", "message"} <= entry.keys() for entry in log)
    assert log[-1]["message"] == "stopped"


async def test_a_live_stream_is_told_and_may_end_by_itself() -> None:
    async with serving("--drain-grace-s", "30") as (process, address), AsyncClient(address) as client:
        async with client.stream(targets=["es"], source="en", sample_rate_hz=16_000) as stream:
            await stream.send(np.zeros(16_000, np.float32))
            process.send_signal(signal.SIGTERM)
            kinds = []
            async for event in stream:
                kinds.append(type(event))
                if isinstance(event, GoAway):
                    assert event.deadline_ms == 30_000
                    await stream.end()
            assert kinds[-1] is Closed
        await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0


async def test_a_second_signal_does_not_wait_for_streams() -> None:
    async with serving("--drain-grace-s", "3600") as (process, address), AsyncClient(address) as client:
        async with client.stream(targets=["es"], source="en", sample_rate_hz=16_000) as stream:

            async def hasten() -> None:
                async for event in stream:
                    if isinstance(event, GoAway):
                        process.send_signal(signal.SIGTERM)

            process.send_signal(signal.SIGTERM)
            with pytest.raises(Unavailable):
                await hasten()
        await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("flags", "variables", "said"),
    [
        ((), {"TRANSLATE_SVC_MAX_STREAMS": "lots"}, "TRANSLATE_SVC_MAX_STREAMS: must be a whole number"),
        (
            (),
            {"TRANSLATE_SVC_MODLE": "x"},
            "TRANSLATE_SVC_MODLE: is not a setting; did you mean TRANSLATE_SVC_MODEL?",
        ),
        (("--max-streams", "0"), {}, "--max-streams: must be"),
        (("--config", "absent.toml"), {}, "--config: absent.toml cannot be read: No such file"),
        (("--log-format", "xml"), {}, "--log-format: must be auto, text, json or logfmt"),
        (("--min-silence-ms", "10"), {}, "--min-silence-ms: must be within"),
        (("--port", "0", "--model", "no-such-model"), {}, "--model: no model directory at"),
        (("--port", "0", "--model", "tests/data"), {}, "config.json: is missing"),
        (
            ("--port", "0", "--device", "toaster", "--model", STARTER),
            {},
            "--device: must be auto or one of",
        ),
        (("--host", "0.0.0.0", "--model", STARTER), {}, "--host: is not loopback: give --tls"),
        (
            (),
            {"TRANSLATE_SVC_HOST": "0.0.0.0"},
            "TRANSLATE_SVC_HOST: is not loopback: give TRANSLATE_SVC_TLS",
        ),
        (
            ("--host", "192.0.2.1", "--insecure"),
            {},
            "--host: 192.0.2.1:50051: Cannot assign requested address",
        ),
        (("--host", "no-such-host.invalid", "--insecure"), {}, "--host: is not an address of this machine"),
        (("--host", "[::1]"), {}, "--host: is not an address of this machine: write ::1"),
        (("--host", "unix:"), {}, "--host: needs a path: unix:/PATH"),
        (("--host", "unix:/no/such/x.sock"), {}, "--host: /no/such is not a folder"),
        ((), {"TRANSLATE_SVC_HOST": f"unix:/{'x' * 110}"}, "TRANSLATE_SVC_HOST: has a path of more than 107"),
        (
            ("--http", "127.0.0.1:0", "--http-source-language", "tlh", "--port", "0", "--model", STARTER),
            {},
            "--http-source-language: is not a language of the model",
        ),
        (("--http", "127.0.0.1:70000"), {}, "--http: must be HOST:PORT"),
        (
            ("--admin", "--admin-host", "192.0.2.1", "--port", "0"),
            {},
            "--admin-host: is not an address of this machine",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_an_exit_code(
    command: Command, flags: tuple[str, ...], variables: Mapping[str, str], said: str
) -> None:
    code, output, error = command("serve", *flags, variables=variables)
    complaints = [line for line in error.splitlines() if not line.startswith("{")]
    assert (code, output) == (1, "")
    assert len(complaints) == 1
    assert complaints[0].startswith(f"translate-svc: {said}")


def test_variables_of_a_kubernetes_service_are_ignored_with_one_line(command: Command) -> None:
    links = {
        "TRANSLATE_SVC_SERVICE_HOST": "10.96.0.7",
        "TRANSLATE_SVC_SERVICE_PORT": "50051",
        "TRANSLATE_SVC_PORT": "tcp://10.96.0.7:50051",
    }
    code, _, error = command("serve", "--port", "0", "--model", "no-such-model", variables=links)
    *log, complaint = error.splitlines()
    assert (code, complaint.startswith("translate-svc: --model: no model directory at")) == (1, True)
    (said,) = [json.loads(line)["message"] for line in log]
    assert said.startswith(
        "3 variables of Kubernetes Services are not settings and are ignored, such as TRANSLATE_"
    )
    assert said.endswith("enableServiceLinks: false")


_WITHOUT_THE_EXTRA = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        heavy = {"torch", "onnxruntime", "grpc_health", "grpc_reflection", "prometheus_client", "aiohttp"}
        if name.partition(".")[0] in heavy:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ["translate-svc", *sys.argv[1:]]
from translate_svc.cli.main import main
main()
"""


def test_only_selftest_needs_transformers(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "translate_svc.models.seamless.reference", raising=False)
    monkeypatch.delitem(sys.modules, "translate_svc.models.selftest.comparison", raising=False)
    monkeypatch.setitem(sys.modules, "transformers", None)
    said = "translate-svc: transformers is missing: pip install 'translate-svc[reference]'\n"
    assert command("selftest", "--model", STARTER) == (1, "", said)
    assert command("say", "Good morning.", "--from", "en", "--to", "es")[:2] == (0, "Buenos días.\n")


@pytest.mark.parametrize(("command", "code"), [("--help", 0), ("serve", 1)])
async def test_without_the_extra_it_says_so(command: str, code: int) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WITHOUT_THE_EXTRA, command),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    output, error = (text.decode() for text in await process.communicate())
    assert process.returncode == code, error
    if code:
        assert error.splitlines()[-1].endswith("pip install 'translate-svc[server]'")
        assert "Traceback" not in error
    else:
        assert "serve" in output
        assert "demo" in output


def test_a_taken_port_is_named_before_the_model_is_loaded(command: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        flags = ("serve", "--model", "no-such-model")
        said = f"127.0.0.1:{port} is in use: choose another (0 takes a free one)\n"
        assert command(*flags, "--port", port) == (1, "", f"translate-svc: --port: {said}")
        variables = {"TRANSLATE_SVC_PORT": port}
        expected = f"translate-svc: TRANSLATE_SVC_PORT: {said}"
        assert command(*flags, variables=variables) == (1, "", expected)


def test_the_admin_port_cannot_be_the_server_s(command: Command) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    flags = ("serve", "--model", "no-such-model", "--port", port, "--admin-port", port)
    code, _, error = command(*flags, variables={"TRANSLATE_SVC_ADMIN": "true"})
    said = f"translate-svc: --port: 127.0.0.1:{port} is in use: choose another (0 takes a free one)"
    assert (code, error.splitlines()[-1]) == (1, said)


def test_one_address_of_a_name_is_enough(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose resolver knows IPv6 and whose network does not."""

    def both(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        kinds = (socket.SOCK_STREAM, 0, "")
        return [
            (socket.AF_INET6, *kinds, ("2001:db8::1", port)),
            (socket.AF_INET, *kinds, ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    code, _, error = command("serve", "--model", "no-such-model", "--host", "localhost", "--port", "0")
    assert (code, error.splitlines()[-1].split(":")[1]) == (1, " --model")
