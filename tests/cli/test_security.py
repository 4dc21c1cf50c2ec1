"""TLS and API keys from the command line, both ends real."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.cli.conftest import Command
from tests.cli.process import STARTER, run, serving
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.resume_tokens import ResumeTokens, TokenBinding
from translate_svc.client import AsyncClient, ClientOptions, tls_credentials
from translate_svc.errors import Unauthenticated


def test_a_key_is_made_and_its_line_admits_it(command: Command, tmp_path: Path) -> None:
    code, output, error = command("keys", "new", "alice")
    assert (code, error) == (0, "")
    key, line = output.splitlines()
    assert line.startswith("alice:")
    file = tmp_path / "keys"
    file.write_text(line)
    code, output, _ = command("keys", "new", "bob", "--file", str(file))
    assert code == 0, "the line before had no end"
    keys = ApiKeys(file)
    assert keys.authenticate(key) == "alice"
    assert keys.authenticate(output.strip()) == "bob"


def test_a_resume_key_is_made_and_servers_take_it(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "resume-keys"
    assert command("keys", "resume", "--file", str(file)) == (0, "", "")
    assert file.stat().st_mode & 0o077 == 0, "it is a secret"
    binding, old = TokenBinding("alice", "pcm"), ResumeTokens(file, 60)
    token = old.seal({"position": 7}, binding)
    code, output, _ = command("keys", "resume")
    assert code == 0
    file.write_text(output + file.read_text())
    assert ResumeTokens(file, 60).open(token, binding) == {"position": 7}


def test_a_name_that_is_none_makes_no_key(command: Command) -> None:
    code, output, error = command("keys", "new", "Alice:")
    assert (code, output) == (1, "")
    assert error.startswith("translate-svc: name: must be")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--tls-certificate", "{ca}"), "--tls-certificate: needs --tls-key"),
        (("--tls-client-ca", "{ca}"), "--tls-client-ca: needs --tls-certificate"),
        (("--tls-certificate", "{certificate}", "--tls-key", "missing"), "--tls-key: cannot be read"),
        (("--tls-certificate", "{key}", "--tls-key", "{key}"), "--tls-certificate: holds no PEM certificate"),
        (
            ("--tls-certificate", "{ca}", "--tls-key", "{key}"),
            "--tls-key: does not belong to --tls-certificate",
        ),
        (("--api-keys", "missing"), "--api-keys: cannot be read"),
        (("--resume-keys", "missing"), "--resume-keys: cannot be read"),
        (("--api-keys", "{ca}"), "--api-keys: line 1 is not NAME:SHA256"),
        (
            ("--host", "0.0.0.0", "--api-keys", "{keys}"),
            "--host: is not loopback: give --tls-certificate and",
        ),
    ],
)
def test_what_is_wrong_is_said_before_a_model_is_loaded(
    command: Command, tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    authority = Authority(tmp_path)
    server = authority.issue("server")
    keys = tmp_path / "keys"
    keys.write_text("alice:" + "a" * 64)
    names = {"ca": authority.ca, "certificate": server.certificate, "key": server.key, "keys": keys}
    given = [flag.format(**names) for flag in flags]
    code, output, error = command("serve", "--model", "no-such-model", *given)
    assert (code, output) == (1, "")
    assert error.splitlines()[-1].startswith(f"translate-svc: {said}")


async def test_with_certificate_and_key_one_is_let_in_from_anywhere(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, caller = authority.issue("server"), authority.issue("caller", "caller")
    key_file = tmp_path / "keys"
    key = new_key()
    key_file.write_text(key_line("alice", key))
    async with serving(
        *("--model", STARTER, "--host", "0.0.0.0", "--api-keys", str(key_file)),
        *("--tls-certificate", str(server.certificate), "--tls-key", str(server.key)),
        *("--tls-client-ca", str(authority.ca)),
    ) as (_, address):
        target = address.replace("0.0.0.0", "127.0.0.1")
        credentials = tls_credentials(ca=authority.ca, certificate=caller.certificate, key=caller.key)
        async with AsyncClient(target, ClientOptions(credentials=credentials, api_key=key)) as client:
            assert (await client.info()).model.name == "starter"
        async with AsyncClient(target, ClientOptions(credentials=credentials)) as client:
            with pytest.raises(Unauthenticated):
                await client.info()
        mine = tmp_path / "mine"
        mine.write_text(key + "\n", encoding="utf-8-sig")  # as some editors write it
        tls = ["--tls-ca", str(authority.ca), "--tls-certificate", str(caller.certificate)]
        tls += ["--tls-key", str(caller.key)]
        listed, refused = await asyncio.gather(
            run("languages", "--json", "--server", target, *tls, "--api-key-file", str(mine)),
            run("top", "--once", "--server", target, *tls),
        )
        codes = [json.loads(line)["code"] for line in listed[1].splitlines()]
        assert codes == ["deu", "eng", "fra", "spa"], listed
        assert (refused[0], refused[1]) == (1, "")
        assert refused[2].startswith("translate-svc: send one API key")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--tls-ca", "system"), "--server: TLS and API keys are for a server"),
        (("--server", "h:1", "--tls-ca", "missing"), "--tls-ca: cannot be read"),
        (("--server", "h:1", "--tls-key", "k.pem"), "--tls-key: needs --tls-certificate"),
        (("--server", "h:1", "--api-key-file", "missing"), "--api-key-file: cannot be read"),
        (("--server", "h:1", "--api-key-file", os.devnull), "--api-key-file: holds no key"),
        (("--server", "h:1", "--api-key-file", "pyproject.toml"), "--api-key-file: holds characters"),
    ],
)
def test_what_is_wrong_with_the_way_to_a_server_is_named(
    command: Command, flags: tuple[str, ...], said: str
) -> None:
    code, output, error = command("languages", *flags)
    assert (code, output) == (2, "")
    assert error.startswith(f"translate-svc: {said}")


def test_a_key_does_not_go_out_in_plaintext(command: Command, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("tsvc_secret")
    code, _, error = command("languages", "--server", "example.org:1", "--api-key-file", str(mine))
    assert code == 1
    assert error.startswith("translate-svc: api_key: would travel in plaintext")
    assert "tsvc_secret" not in error
