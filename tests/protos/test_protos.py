"""The public contract: checked-in stubs are what the file says, and the file keeps buf's style guide."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from translate_svc.v1 import speech_translation_pb2 as pb

ROOT = Path(__file__).resolve().parents[2]
STUBS = ("speech_translation_pb2.py", "speech_translation_pb2.pyi", "speech_translation_pb2_grpc.py")


def test_checked_in_stubs_are_what_the_proto_generates(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "protos" / "generate.py", tmp_path], check=True)
    for name in STUBS:
        fresh = (tmp_path / "translate_svc" / "v1" / name).read_text("utf-8")
        assert (ROOT / "translate_svc" / "v1" / name).read_text("utf-8") == fresh, (
            f"run `make protos`: {name}"
        )


def test_every_message_enum_and_rpc_is_described() -> None:
    source = (ROOT / "protos/translate_svc/v1/speech_translation.proto").read_text("utf-8").splitlines()
    trivial = {"ListLanguagesRequest", "GetServerInfoRequest", "GetServerInfoResponse"}
    for above, line in itertools.pairwise(source):
        match = re.match(r"\s*(message|enum|rpc|service) (\w+)", line)
        if match and match.group(2) not in trivial:
            assert above.strip().startswith("//"), f"{match.group(2)} has no comment"


def test_generated_code_has_a_place_in_every_language() -> None:
    """protoc-gen-go refuses a file without an import path; Java and C# would take names that clash."""
    options = pb.DESCRIPTOR.GetOptions()
    assert options.go_package.partition(";")[::2] == ("translate_svc/v1", "translatesvcv1")
    assert options.java_package == "com.translate_svc.v1"
    assert options.java_multiple_files
    assert options.csharp_namespace == "TranslateSvc.V1"
    assert options.swift_prefix


def test_the_requirements_are_what_the_stubs_were_made_with() -> None:
    """An older runtime refuses the stubs when they are imported."""
    requirements = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    stubs = [(ROOT / "translate_svc" / "v1" / name).read_text("utf-8") for name in STUBS]
    protobuf = re.search(r"# Protobuf Python Version: ([\d.]+)", stubs[0])
    grpcio = re.search(r"GRPC_GENERATED_VERSION = '([\d.]+)'", stubs[2])
    assert protobuf is not None
    assert grpcio is not None
    assert {f"protobuf>={protobuf[1]}", f"grpcio>={grpcio[1]}", f"grpcio-status>={grpcio[1]}"} <= set(
        requirements
    )
    assert protobuf[1].startswith("6."), "pipecat-ai asks for protobuf < 7"
