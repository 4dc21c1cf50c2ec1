"""The messages of a stream of Riva's: a configuration, and then audio."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.rpc.event_writer import Context
from translate_svc.rpc.riva.audio.audio_source import AudioReader
from translate_svc.rpc.riva.fields import refuse_others

_AUDIO = "audio_content"


async def read_message(context: Context) -> Any:
    """The client's next message; None after its last. Raises InvalidArgument if its bytes are none."""
    request = await context.read()
    if isinstance(request, TranslateSvcError):  # the deserializer of ErrorInterceptor returned it
        raise request
    return request if isinstance(request, Message) else None


def configuration_of(request: Any, field: str) -> Any:
    """The configuration in the first message of a stream; ``field``: where it is. Raises InvalidArgument."""
    if request is None or not request.HasField(field):
        raise InvalidArgument("must be the first message", field=field)
    refuse_others(request, (field, "id"))
    return getattr(request, field)


def audio_reader(context: Context, config_field: str) -> AudioReader:
    """Reads the audio after the configuration, which was in ``config_field``."""

    async def read() -> bytes | None:
        request = await read_message(context)
        if request is None:
            return None
        if request.HasField(config_field):
            raise InvalidArgument("was sent already", field=config_field)
        refuse_others(request, (_AUDIO, "id"))
        data: bytes = request.audio_content
        return data

    return AudioReader(read, _AUDIO)


def id_of(request: Any) -> Any:
    """What names the call for its client, in each answer; None: nothing."""
    return request.id if request.HasField("id") else None
