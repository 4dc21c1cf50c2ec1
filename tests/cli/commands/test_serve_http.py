"""``translate-svc serve --http`` as its operator meets it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.cli.conftest import Command
from tests.cli.process import serving
from tests.gateway.clients import clip, connect, pcm16
from translate_svc.access.api_keys import key_line, new_key
from translate_svc.access.client_secrets import ClientSecrets
from translate_svc.access.resume_tokens import new_resume_key, shared_keys
from translate_svc.cli.commands.serve import READY_PREFIX
from translate_svc.client import AsyncClient
from translate_svc.types import Caller


async def _second_address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    assert line.startswith(f"{READY_PREFIX}http://127.0.0.1:"), line
    return line.removeprefix(READY_PREFIX).strip()


async def test_one_process_serves_both_and_a_drain_finishes_what_was_said() -> None:
    async with serving("--http", "127.0.0.1:0", "--drain-grace-s", "6") as (process, address):
        http = await _second_address(process)
        async with AsyncClient(address) as client, connect(http) as session:
            assert (await client.info()).model.name == "starter"
            await session.open("es", include=["speech_activity"])
            await session.append(pcm16(clip("eng_1.flac")))
            # a busy server may leave out every draft, and then the drain alone translates
            await session.until("session.utterance.speech_started")
            process.send_signal(signal.SIGTERM)
            assert await session.to_the_end() == 1012
            assert session.of("error")[-1]["error"]["code"] == "unavailable"
            assert session.of("session.output_transcript.delta")[-1]["is_final"]
        _, error = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
    log = [json.loads(line) for line in error.decode().splitlines() if line.startswith("{")]
    ended = [entry for entry in log if entry["message"] == "stream ended"]
    assert [(entry["status"], entry["cause"]) for entry in ended] == [("1012", "unavailable")]


async def test_keys_and_certificate_are_those_of_grpc(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("server")
    keys, key = tmp_path / "keys", new_key()
    keys.write_text(key_line("alice", key))
    resume_keys = tmp_path / "resume-keys"
    resume_keys.write_text(new_resume_key())
    made_elsewhere, _ = ClientSecrets(shared_keys(resume_keys)).seal(Caller("alice"), {}, 600)
    pair = ("--tls-certificate", str(issued.certificate), "--tls-key", str(issued.key))
    shared = ("--resume-keys", str(resume_keys))
    async with serving("--http", "127.0.0.1:0", *pair, "--api-keys", str(keys), *shared) as (process, _):
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        http = line.removeprefix(READY_PREFIX).strip()
        assert http.startswith("https://")
        trusting = ssl.create_default_context(cafile=authority.ca)
        for credential in (key, made_elsewhere):
            header = {"Authorization": f"Bearer {credential}"}
            async with connect(http, ssl=trusting, headers=header) as session:
                await session.open("es")
        async with connect(http, ssl=trusting) as session:
            assert await session.to_the_end() == 1008


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--http", "0.0.0.0:0"), "--http: is not loopback"),
        (("--http", "127.0.0.1:0", "--telephone", "none.toml"), "--telephone: cannot be read"),
        (("--audiosocket", "127.0.0.1:0"), "--audiosocket: needs --telephone"),
        (("--telephone", "none.toml"), "--telephone: needs --http or --audiosocket"),
        (("--wyoming", "0.0.0.0:0"), "--wyoming: is not loopback"),
        (("--wyoming", "nowhere"), "--wyoming: must be HOST:PORT"),
        (("--http", "nowhere"), "--http: must be HOST:PORT"),
        (("--http", "127.0.0.1:0", "--http-ice-servers", "stun.example"), "--http-ice-servers: must be like"),
        (("--http", "127.0.0.1:0", "--http-origins", "example.org"), "--http-origins: must be like"),
    ],
)
def test_what_is_wrong_is_named_before_a_model_is_loaded(
    command: Command, flags: tuple[str, ...], said: str
) -> None:
    code, output, error = command("serve", *flags, "--model", "no-such-model")
    assert (code, output) == (1, "")
    assert f"translate-svc: {said}" in error


def test_one_port_for_both_protocols_is_refused_before_a_model_is_loaded(command: Command) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    http = f"127.0.0.1:{port}"
    code, _, error = command("serve", "--model", "no-such-model", "--port", port, "--http", http)
    assert (code, error) == (
        1,
        f"translate-svc: --http: {http} is in use: choose another (0 takes a free one)\n",
    )
