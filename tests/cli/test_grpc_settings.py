"""What the command hands over to gRPC by the environment, which gRPC reads when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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
