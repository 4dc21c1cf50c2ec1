"""Writes the reference of the contract as Markdown, from the comments of the .proto file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

from protos.generate import descriptors

_SYNTAX, _MESSAGES, _ENUMS, _SERVICES = 12, 4, 5, 6
"""Numbers of the fields of ``FileDescriptorProto``: source locations are paths of them."""
_FIELDS, _VALUES, _METHODS = 2, 2, 2

Path_ = tuple[int, ...]


def described_file() -> FileDescriptorProto:
    """The contract with its comments, as protoc reads it.

    Raises:
        subprocess.CalledProcessError: protoc refused the file; it has said why on stderr.
    """
    (file,) = FileDescriptorSet.FromString(descriptors(comments=True)).file
    return file


def reference(file: FileDescriptorProto) -> str:
    """The page: the service, then every message and enum in the order of the file."""
    comments = _Comments(file)
    lines = ["# The contract, message by message", ""]
    lines += [
        "Made from the comments of the `.proto` file. [The guide](../contract.md) shows it by example.",
        "",
    ]
    lines += [*comments.of((_SYNTAX,)), ""]
    for index, service in enumerate(file.service):
        lines += _service(service, (_SERVICES, index), comments)
    located: list[tuple[int, list[str]]] = []
    for index, message in enumerate(file.message_type):
        path = (_MESSAGES, index)
        located.append((comments.line(path), _message(message, path, comments)))
    for index, enum in enumerate(file.enum_type):
        path = (_ENUMS, index)
        located.append((comments.line(path), _enum(enum, path, comments)))
    for _, section in sorted(located, key=lambda each: each[0]):
        lines += section
    return "\n".join(lines) + "\n"


class _Comments:
    """The comments of a file by their place in it."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._texts: defaultdict[Path_, str] = defaultdict(str)
        self._lines: dict[Path_, int] = {}
        for location in file.source_code_info.location:
            path = tuple(location.path)
            self._lines.setdefault(path, location.span[0])
            self._texts[path] += location.leading_comments or location.trailing_comments

    def of(self, path: Path_) -> list[str]:
        """The comment at ``path`` as lines of Markdown; empty if there is none."""
        return list(markdown(self._texts[path].splitlines()))

    def line(self, path: Path_) -> int:
        """The line at which the item at ``path`` begins."""
        return self._lines[path]


def markdown(comment: Iterable[str]) -> Iterator[str]:
    """A comment as Markdown. Its lists, which are indented, stand at the margin; indented tables are code."""
    kind = ""
    for raw in comment:
        line = raw.removeprefix(" ").rstrip()
        before, kind = kind, _kind(line, kind)
        if before and kind and kind != before:
            yield ""
        if kind == "table":
            yield f"    {line[2:]}"
        else:
            yield _escaped(line[2:] if kind == "list" else line)


def _kind(line: str, before: str) -> str:
    """What a line is part of, where ``before`` is that of the line above it; empty: an empty line."""
    if not line:
        return ""
    if not line.startswith("  "):
        return "text"
    return "list" if line.lstrip().startswith("* ") or before == "list" else "table"


def _escaped(line: str) -> str:
    """Angle brackets would be tags; inside backticks they stay."""
    parts = line.split("`")
    parts[::2] = [part.replace("<", "&lt;").replace("[", "\\[") for part in parts[::2]]
    return "`".join(parts)


def _service(service: ServiceDescriptorProto, path: Path_, comments: _Comments) -> list[str]:
    lines = [f"## Service {service.name}", "", *comments.of(path), ""]
    for index, method in enumerate(service.method):
        taken = ("stream of " if method.client_streaming else "") + _link(method.input_type)
        given = ("stream of " if method.server_streaming else "") + _link(method.output_type)
        lines += [f"### {method.name}", "", f"{taken} → {given}", ""]
        lines += [*comments.of((*path, _METHODS, index)), ""]
    return lines


def _message(message: DescriptorProto, path: Path_, comments: _Comments) -> list[str]:
    lines = [f"## {message.name}", "", *comments.of(path), ""]
    for index, field in enumerate(message.field):
        choice = ""
        if field.HasField("oneof_index") and not field.proto3_optional:
            choice = f", one of `{message.oneof_decl[field.oneof_index].name}`"
        kind = f"{_label(field)}{_type(field)}{choice}"
        lines += _item(f"`{field.name}` = {field.number}: {kind}", comments.of((*path, _FIELDS, index)))
    return [*lines, ""]


def _enum(enum: EnumDescriptorProto, path: Path_, comments: _Comments) -> list[str]:
    lines = [f"## {enum.name}", "", *comments.of(path), ""]
    for index, value in enumerate(enum.value):
        lines += _item(f"`{value.name}` = {value.number}", comments.of((*path, _VALUES, index)))
    return [*lines, ""]


def _item(title: str, comment: list[str]) -> list[str]:
    """One entry of a list, with its comment as a paragraph of it."""
    if not comment:
        return [f"* {title}"]
    return [f"* {title}", "", *(f"    {line}" if line else "" for line in comment), ""]


def _label(field: FieldDescriptorProto) -> str:
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return "repeated "
    return "optional " if field.proto3_optional else ""


def _type(field: FieldDescriptorProto) -> str:
    if field.type_name:
        return _link(field.type_name)
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def _link(type_name: str) -> str:
    name = type_name.rpartition(".")[2]
    if not type_name.startswith(".translate_svc."):
        return f"`{type_name.removeprefix('.')}`"
    return f"[{name}](#{name.lower()})"
