"""The contract breaks no program that was built from the last release, and the check would find it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from protos import check
from protos.compatibility import breaking_changes
from translate_svc.v1 import speech_translation_pb2 as pb


def released() -> FileDescriptorProto:
    (file,) = FileDescriptorSet.FromString(check.RELEASED.read_bytes()).file
    return file


def now() -> FileDescriptorProto:
    return FileDescriptorProto.FromString(pb.DESCRIPTOR.serialized_pb)


def test_programs_of_the_last_release_go_on() -> None:
    assert breaking_changes(released(), now()) == []


def _drop_message(file: FileDescriptorProto) -> None:
    del file.message_type[0]


def _drop_field(file: FileDescriptorProto) -> None:
    del file.message_type[0].field[0]


def _rename_field(file: FileDescriptorProto) -> None:
    file.message_type[0].field[0].name = "other"


def _renumber_field(file: FileDescriptorProto) -> None:
    file.message_type[0].field[0].number = 99


def _retype_field(file: FileDescriptorProto) -> None:
    field = next(each for each in file.message_type[0].field if not each.type_name)
    field.type = FieldDescriptorProto.TYPE_FIXED32


def _repeat_field(file: FileDescriptorProto) -> None:
    file.message_type[0].field[0].label = FieldDescriptorProto.LABEL_REPEATED


def _leave_oneof(file: FileDescriptorProto) -> None:
    message = next(each for each in file.message_type if each.name == "StreamingTranslateRequest")
    message.field[0].ClearField("oneof_index")


def _rename_value(file: FileDescriptorProto) -> None:
    file.enum_type[0].value[1].name = "OTHER"


def _drop_method(file: FileDescriptorProto) -> None:
    del file.service[0].method[0]


def _unstream_method(file: FileDescriptorProto) -> None:
    file.service[0].method[0].client_streaming = False


def _move_package(file: FileDescriptorProto) -> None:
    file.package = "translate_svc.v2"


def _move_go_package(file: FileDescriptorProto) -> None:
    file.options.go_package = "elsewhere"


BREAKS = (
    _drop_message, _drop_field, _rename_field, _renumber_field, _retype_field, _repeat_field, _leave_oneof,
    _rename_value, _drop_method, _unstream_method, _move_package, _move_go_package,
)  # fmt: skip


@pytest.mark.parametrize("change", BREAKS, ids=lambda change: change.__name__.strip("_"))
def test_what_would_break_a_program_is_found(change: Callable[[FileDescriptorProto], None]) -> None:
    changed = now()
    change(changed)
    assert breaking_changes(now(), changed)


def test_additions_break_nothing() -> None:
    file = now()
    file.message_type.add(name="Newer").field.add(name="a", number=1)
    file.message_type[0].field.add(name="newer", number=999, type=FieldDescriptorProto.TYPE_INT64)
    file.enum_type[0].value.add(name="ENCODING_NEWER", number=99)
    file.service[0].method.add(name="Newer", input_type=".translate_svc.v1.Newer")
    assert breaking_changes(now(), file) == []


@pytest.mark.parametrize("required", [True, False])
def test_where_buf_cannot_be_fetched_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, required: bool
) -> None:
    monkeypatch.setattr(check, "_FOLDER", tmp_path / "buf")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")

    def unreachable(command: list[str], **_: object) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", unreachable)
    assert check.check(required=required) == int(required)
    assert capsys.readouterr().err == f"buf is left out: npm cannot fetch {check.BUF}\n"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert check.check(required=required) == int(required)
    assert capsys.readouterr().err == "buf is left out: npm is not installed\n"
