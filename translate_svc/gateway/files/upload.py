"""Receives a multipart form with one audio file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from aiohttp import BodyPartReader, web
from aiohttp.http import HttpProcessingError

from translate_svc.errors import InvalidArgument, StreamTimeout
from translate_svc.gateway.failures import RequestTooLarge, UnknownParameter
from translate_svc.gateway.options import KIB, MIB, GatewayOptions

_IN_MEMORY_BYTES = MIB
_MAX_FIELD_BYTES = 16 * KIB
_MAX_FIELDS = 64
_MALFORMED = (ValueError, AssertionError, KeyError, HttpProcessingError, RuntimeError)
"""What aiohttp raises of a body that is no form; RuntimeError: of a ``_charset_`` that is no name."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioForm:
    """The fields of a form.

    Attributes:
        file: the audio file, at its beginning. Above a mebibyte it lies on the disk.
        fields: values by name, without the ``[]`` that a list's name may end with.
    """

    file: BinaryIO
    fields: dict[str, list[str]]

    def one(self, name: str, default: str = "") -> str:
        """The value of a field that is given once.

        Raises:
            InvalidArgument: it is given several times.
        """
        values = self.fields.get(name, [default])
        if len(values) != 1:
            raise InvalidArgument("must be given once", field=name)
        return values[0]


@asynccontextmanager
async def receive_form(
    request: web.Request, known: frozenset[str], options: GatewayOptions
) -> AsyncIterator[AudioForm]:
    """The form of a request. Its file is deleted at the end of the block.

    Raises:
        InvalidArgument: the body is no multipart form, or has no ``file`` or several.
        UnknownParameter: a field is not in ``known``.
        RequestTooLarge: the file, or a field, is larger than the server takes.
        StreamTimeout: nothing came for ``GatewayOptions.upload_timeout_s``, or not all within
            ``upload_limit_s``.
    """
    length = request.content_length
    if length is not None and length > options.max_file_bytes + _MAX_FIELDS * _MAX_FIELD_BYTES:
        raise _too_large(options)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spooled:
        file = cast(BinaryIO, spooled)
        try:
            async with asyncio.timeout(options.upload_limit_s):
                fields = await _receive(request, known, file, options)
        except TimeoutError:
            limit_s = options.upload_limit_s
            raise StreamTimeout(f"the file did not arrive within {limit_s:g} s") from None
        file.seek(0)
        yield AudioForm(file, fields)


async def _receive(
    request: web.Request, known: frozenset[str], file: BinaryIO, options: GatewayOptions
) -> dict[str, list[str]]:
    """Writes the file to ``file``, and returns the other fields."""
    fields: dict[str, list[str]] = {}
    files = 0
    async for part in _parts(request, options):
        name = (part.name or "").removesuffix("[]")
        if name == "file":
            files += 1
            await _receive_file(part, file, options)
            continue
        if not name:
            raise InvalidArgument("a part of the form has no name")
        if name not in known:
            raise UnknownParameter("is not a parameter of this server", field=name[:64])
        fields.setdefault(name, []).append(await _receive_field(part, name, options))
    if files != 1:
        raise InvalidArgument("is required" if not files else "must be given once", field="file")
    return fields


async def _parts(request: web.Request, options: GatewayOptions) -> AsyncIterator[BodyPartReader]:
    try:
        reader = await request.multipart()
    except _MALFORMED:
        raise _malformed() from None
    for _ in range(_MAX_FIELDS):
        async with _arriving(options):
            part = await reader.next()
        if part is None:
            return
        if not isinstance(part, BodyPartReader):
            raise InvalidArgument("a form within a form is not served")
        yield part
    raise InvalidArgument("the form has too many fields")


async def _receive_file(part: BodyPartReader, file: BinaryIO, options: GatewayOptions) -> None:
    while chunk := await _chunk(part, options):
        file.write(chunk)
        if file.tell() > options.max_file_bytes:
            raise _too_large(options)


async def _receive_field(part: BodyPartReader, name: str, options: GatewayOptions) -> str:
    data = b""
    while chunk := await _chunk(part, options):
        data += chunk
        if len(data) > _MAX_FIELD_BYTES:
            raise RequestTooLarge(f"has more than {_MAX_FIELD_BYTES} bytes", field=name)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidArgument("is not UTF-8 text", field=name) from None


async def _chunk(part: BodyPartReader, options: GatewayOptions) -> bytes:
    async with _arriving(options):
        return await part.read_chunk(64 * KIB)


@asynccontextmanager
async def _arriving(options: GatewayOptions) -> AsyncIterator[None]:
    """Around whatever waits for bytes of the body, between parts as within them.

    Raises:
        InvalidArgument: what came is no form.
        StreamTimeout: the next piece did not come in time.
    """
    try:
        async with asyncio.timeout(options.upload_timeout_s):
            yield
    except _MALFORMED:
        raise _malformed() from None
    except TimeoutError:
        waited_s = options.upload_timeout_s
        raise StreamTimeout(f"nothing of the file came for {waited_s:g} s") from None


def _malformed() -> InvalidArgument:
    return InvalidArgument("the body is not multipart/form-data, or ends before its last boundary")


def _too_large(options: GatewayOptions) -> RequestTooLarge:
    return RequestTooLarge(f"has more than {options.max_file_bytes} bytes", field="file")
