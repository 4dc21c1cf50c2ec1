"""Messages as the frames of a multipart message: the first is MessagePack, the others are raw arrays."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from translate_svc import errors
from translate_svc.errors import ResourceExhausted, TranslateSvcError

Frame = bytes | memoryview
T = TypeVar("T")


class Encoder:
    """Encodes messages. Arrays are not copied: the sender must not change them afterwards."""

    def __init__(self) -> None:
        self._arrays: list[Frame] = []
        self._encoder = msgspec.msgpack.Encoder(enc_hook=self._encode_other)

    def encode(self, message: msgspec.Struct) -> list[Frame]:
        """The frames of a message."""
        self._arrays = []
        return [self._encoder.encode(message), *self._arrays]

    def _encode_other(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            # a view of an empty array cannot be cast
            self._arrays.append(np.ascontiguousarray(value).data.cast("B") if value.size else b"")
            return len(self._arrays), value.dtype.str
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, TranslateSvcError):
            retry_after_s = value.retry_after_s if isinstance(value, ResourceExhausted) else 0.0
            return type(value).__name__, value.description, value.field, retry_after_s
        raise NotImplementedError(f"{type(value).__name__} cannot be sent")


class Decoder(Generic[T]):
    """Decodes messages of the given type, a ``Struct`` or a union of tagged ones."""

    def __init__(self, kind: Any) -> None:
        self._frames: Sequence[Frame] = ()
        self._decoder = msgspec.msgpack.Decoder(kind, dec_hook=self._decode_other)

    def decode(self, frames: Sequence[Frame]) -> T:
        """The message. Its arrays are copies and may be written to.

        Raises:
            ValueError: it is not a message of this type.
        """
        self._frames = frames
        try:
            message: T = self._decoder.decode(frames[0])
        except (msgspec.DecodeError, IndexError) as error:
            raise ValueError(f"not a message of this schema: {error}") from None
        finally:
            self._frames = ()
        return message

    def _decode_other(self, kind: Any, value: Any) -> Any:
        if (typing.get_origin(kind) or kind) is np.ndarray:
            index, dtype = value
            return np.frombuffer(self._frames[index], dtype).copy()
        if kind is TranslateSvcError:
            return _error(*value)
        raise NotImplementedError(f"{kind} cannot be received")


def _error(name: str, description: str, field: str, retry_after_s: float) -> TranslateSvcError:
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, TranslateSvcError)):
        kind = TranslateSvcError
    error: TranslateSvcError = kind(description, field=field)
    if isinstance(error, ResourceExhausted):
        error.retry_after_s = retry_after_s
    return error
