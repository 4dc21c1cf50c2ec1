"""What the command hands over to gRPC by the environment, which gRPC reads when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.certificates import Authority

_FIRST_IMPORT = """
import os, sys
from importlib.abc import MetaPathFinder

class Watch(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "grpc":
            sys.meta_path.remove(self)
            print(os.environ.get("GRPC_EXPERIMENTS", "not set"))

sys.meta_path.insert(0, Watch())
from translate_svc.cli.main import main
import translate_svc.rpc.server, translate_svc.client
"""

_REFUSED_HANDSHAKE = """
import translate_svc.cli
import asyncio
from pathlib import Path
from tests.rpc.scripted_session import ScriptedService
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.rpc.tls import server_credentials
from translate_svc.serving.tls_files import TlsFiles

async def main():
    files = TlsFiles(Path({certificate!r}), Path({key!r}))
    async with RpcServer(ScriptedService(), RpcOptions(), server_credentials(files)) as server:
        host, _, port = server.target.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\\r\\n\\r\\n")
        await reader.read()
        writer.close()
        print("refused")

asyncio.run(main())
"""


def experiments(**environment: str) -> str:
    """``GRPC_EXPERIMENTS`` at the moment at which gRPC is first imported by the command's modules."""
    known = {name: value for name, value in os.environ.items() if name != "GRPC_EXPERIMENTS"}
    return subprocess.run(
        [sys.executable, "-c", _FIRST_IMPORT],
        env=known | environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


# a process that imports gRPC takes its time on a busy machine
pytestmark = pytest.mark.timeout(300)


def test_no_message_goes_through_a_thread_of_grpcs_own() -> None:
    assert experiments() == "-event_engine_listener"


def test_an_operator_decides_otherwise() -> None:
    assert experiments(GRPC_EXPERIMENTS="event_engine_listener") == "event_engine_listener"


def test_an_empty_setting_is_a_setting() -> None:
    assert experiments(GRPC_EXPERIMENTS="") == ""


def test_a_handshake_that_fails_is_no_line_of_grpcs_own(tmp_path: Path) -> None:
    """Whoever connects without TLS would write lines into a log that is JSON."""
    issued = Authority(tmp_path).issue("server")
    code = _REFUSED_HANDSHAKE.format(certificate=str(issued.certificate), key=str(issued.key))
    known = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=known, check=True, capture_output=True, text=True
    )
    assert (ended.stdout, ended.stderr) == ("refused\n", "")
