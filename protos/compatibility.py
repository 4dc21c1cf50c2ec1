"""What changes of a contract break programs that were built from an earlier one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)

_OPTIONS = ("go_package", "java_package", "java_outer_classname", "java_multiple_files", "csharp_namespace",
            "swift_prefix")  # fmt: skip


def breaking_changes(before: FileDescriptorProto, now: FileDescriptorProto) -> list[str]:
    """One line for each change that breaks a program built from ``before``: on the wire, or in its source.

    Additions are fine. A message, field, enum, value or method that is gone, or that has another number, type
    or label, is not; nor is another name of the generated code.
    """
    found = [f"package is {now.package}, was {before.package}"] if now.package != before.package else []
    found += [
        f"option {name} differs"
        for name in _OPTIONS
        if getattr(now.options, name) != getattr(before.options, name)
    ]
    for message, later in _pairs("message", before.message_type, now.message_type, found):
        found += _message_changes(message, later)
    for enum, later_enum in _pairs("enum", before.enum_type, now.enum_type, found):
        found += _value_changes(enum, later_enum)
    for service, later_service in _pairs("service", before.service, now.service, found):
        found += _method_changes(service, later_service)
    return found


def _message_changes(before: DescriptorProto, now: DescriptorProto) -> Iterator[str]:
    fields = {field.number: field for field in now.field}
    for field in before.field:
        later = fields.get(field.number)
        if later is None:
            yield f"{before.name}.{field.name} = {field.number} is gone"
        elif (was := _shape(field, before)) != (now_is := _shape(later, now)):
            differing = ", ".join(key for key in was if was[key] != now_is[key])
            yield f"{before.name}.{field.name} = {field.number} has another {differing}"


def _shape(field: FieldDescriptorProto, message: DescriptorProto) -> Mapping[str, Any]:
    is_choice = field.HasField("oneof_index") and not field.proto3_optional
    return {
        "name": field.name,
        "type": field.type_name or field.type,
        "label": field.label,
        "presence": field.proto3_optional,
        "oneof": message.oneof_decl[field.oneof_index].name if is_choice else None,
    }


def _value_changes(before: EnumDescriptorProto, now: EnumDescriptorProto) -> Iterator[str]:
    names = {value.number: value.name for value in now.value}
    for value in before.value:
        if names.get(value.number) != value.name:
            yield f"{before.name}.{value.name} = {value.number} is gone or renamed"


def _method_changes(before: ServiceDescriptorProto, now: ServiceDescriptorProto) -> Iterator[str]:
    methods = {method.name: method for method in now.method}
    for method in before.method:
        later = methods.get(method.name)
        if later is None:
            yield f"{before.name}.{method.name} is gone"
        elif any(
            getattr(method, part) != getattr(later, part)
            for part in ("input_type", "output_type", "client_streaming", "server_streaming")
        ):
            yield f"{before.name}.{method.name} takes or gives something else"


def _pairs(kind: str, before: Iterable[N], now: Iterable[N], found: list[str]) -> Iterator[tuple[N, N]]:
    """The items that are in both; those that are gone are added to ``found``."""
    later = {item.name: item for item in now}
    for item in before:
        if item.name in later:
            yield item, later[item.name]
        else:
            found.append(f"{kind} {item.name} is gone")
