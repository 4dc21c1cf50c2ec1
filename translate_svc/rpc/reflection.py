"""Server reflection under both of its names: ``grpc.reflection.v1`` and ``grpc.reflection.v1alpha``.

grpcio-reflection serves only ``v1alpha``. Newer tools never ask for it, or only after ``v1``. Both versions
have the same messages on the wire, so one servicer serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

V1_PACKAGE = "grpc.reflection.v1"
_V1ALPHA_PACKAGE = reflection_pb2.DESCRIPTOR.package
_SERVICE = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
_METHOD = _SERVICE.methods_by_name["ServerReflectionInfo"]


def add_reflection(server: grpc.aio.Server, service_names: Iterable[str]) -> None:
    """Adds reflection to ``server``, for these services and for reflection itself.

    The services must be in the default descriptor pool.
    """
    own_name = f"{V1_PACKAGE}.{_SERVICE.name}"
    names = (*service_names, reflection.SERVICE_NAME)
    servicer = reflection.aio.ReflectionServicer(  # type: ignore[attr-defined]  # the stubs lack it
        (*names, own_name), pool=_pool(names)
    )
    add_v1alpha: Callable[..., None] = reflection_pb2_grpc.add_ServerReflectionServicer_to_server
    add_v1alpha(servicer, server)
    handler: Any = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(own_name, {_METHOD.name: handler}),)
    )


def _pool(names: Iterable[str]) -> descriptor_pool.DescriptorPool:
    """A pool with the files that define these services, and the file of reflection ``v1``.

    That file must not go into the default pool: another library may have added its own version there.
    """
    pool = descriptor_pool.DescriptorPool()

    def add(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            add(dependency)
        pool.AddSerializedFile(file.serialized_pb)

    for name in names:
        add(descriptor_pool.Default().FindFileContainingSymbol(name))
    pool.Add(_v1_file())
    return pool


def _v1_file() -> descriptor_pb2.FileDescriptorProto:
    """The file of ``v1alpha`` with its package renamed. The two versions differ in nothing else."""
    file = descriptor_pb2.FileDescriptorProto.FromString(reflection_pb2.DESCRIPTOR.serialized_pb)
    file.name = f"{V1_PACKAGE.replace('.', '/')}/reflection.proto"
    file.package = V1_PACKAGE

    def renamed(type_name: str) -> str:
        return type_name.replace(f".{_V1ALPHA_PACKAGE}.", f".{V1_PACKAGE}.", 1)

    for message in file.message_type:
        for field in message.field:
            if field.HasField("type_name"):
                field.type_name = renamed(field.type_name)
    for method in file.service[0].method:
        method.input_type, method.output_type = renamed(method.input_type), renamed(method.output_type)
    return file
