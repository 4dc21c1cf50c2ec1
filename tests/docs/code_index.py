"""Where each name of the code is defined, and what else a page may call by its name."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from translate_svc.observability.labels import ERROR_CAUSES, WARNING_CODES
from translate_svc.v1 import speech_translation_pb2 as pb

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("translate_svc", "tests", "training", "benchmarks", "fuzz", "protos")

_Scope = ast.Module | ast.ClassDef
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def names_in(file: Path) -> frozenset[str]:
    """All that a Python file defines: ``Class``, ``Class.method``, ``Class.attribute``, ``CONSTANT``, ..."""
    return frozenset(_names(ast.parse(file.read_text("utf-8"))))


def _names(scope: _Scope, prefix: str = "") -> Iterator[str]:
    for node in scope.body:
        match node:
            case ast.ClassDef():
                yield prefix + node.name
                yield from _names(node, f"{prefix}{node.name}.")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield prefix + node.name
                yield from (prefix + name for name in _own_attributes(node))
            case ast.Assign(targets=targets):
                yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name


def _own_attributes(function: _Function) -> Iterator[str]:
    """What a method assigns to ``self``."""
    for node in ast.walk(function):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


@functools.cache
def code_names() -> frozenset[str]:
    """Those of all Python files, generated stubs aside."""
    files = (file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
    return frozenset(name for file in files if "v1" not in file.parts for name in names_in(file))


@functools.cache
def contract_names() -> frozenset[str]:
    """Messages, fields (``Message.field``), methods and enum values of the contract."""
    names = {method.name for method in pb.DESCRIPTOR.services_by_name["SpeechTranslation"].methods}
    for message in pb.DESCRIPTOR.message_types_by_name.values():
        names |= {message.name} | {f"{message.name}.{field.name}" for field in message.fields}
    for kind in pb.DESCRIPTOR.enum_types_by_name.values():
        names |= {kind.name} | {f"{kind.name}.{value.name}" for value in kind.values}
    return frozenset(names)


@functools.cache
def project_names() -> frozenset[str]:
    """Codes of warnings and errors, markers of tests, extras of the distribution."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    markers = {line.split(":")[0] for line in project["tool"]["pytest"]["ini_options"]["markers"]}
    return frozenset({*WARNING_CODES, *ERROR_CAUSES, *markers, *project["project"]["optional-dependencies"]})


@functools.cache
def make_targets() -> frozenset[str]:
    """What ``make`` can be asked for."""
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def is_known(name: str) -> bool:
    """Whether a name, dotted or not, is defined; of ``Class.method`` the last part alone is enough."""
    known = code_names() | contract_names() | project_names()
    return name in known or any(each.endswith(f".{name}") for each in known)
