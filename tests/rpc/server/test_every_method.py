"""Each method of the contract has its hand-written parts: a scope, and a call in the client."""

from __future__ import annotations

import ast
from pathlib import Path

from translate_svc import client
from translate_svc.rpc.authentication import SCOPES
from translate_svc.v1 import speech_translation_pb2 as pb

METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["SpeechTranslation"].methods]
CLIENTS = Path(client.__file__).parent


def names_and_texts(folder: Path) -> set[str]:
    """All attributes and strings of the files in ``folder``."""
    nodes = [node for file in folder.glob("*.py") for node in ast.walk(ast.parse(file.read_text("utf-8")))]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return texts | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def test_it_needs_a_scope() -> None:
    assert list(SCOPES) == METHODS


def test_the_client_calls_it() -> None:
    """The blocking client calls it through the asynchronous one."""
    assert set(METHODS) - names_and_texts(CLIENTS / "aio") == set()
