"""What all methods of Riva's services share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from translate_svc.rpc.authentication import caller, may_stay
from translate_svc.rpc.event_writer import Context
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.peer import peer
from translate_svc.rpc.read_limiter import ReadLimiter
from translate_svc.rpc.riva.audio.audio_source import AudioReader, open_audio
from translate_svc.rpc.riva.fields import renamed
from translate_svc.rpc.riva.messages import read_message
from translate_svc.rpc.riva.recognition_settings import RecognitionSettings
from translate_svc.serving.live_calls import LiveCalls
from translate_svc.serving.protocols import EventSink, TranslationService
from translate_svc.serving.stream_driver import StreamDriver, idle_timeout
from translate_svc.types import DEFAULT_ENCODING, AudioFormat, StreamConfig, StreamSettings

T = TypeVar("T")

NO_SPEECH = AudioFormat(DEFAULT_ENCODING, 16_000)
"""The output of calls without speech."""
SinkMaker = Callable[[int], EventSink]
"""What writes the events of a stream whose input has so many samples a second."""


@dataclass(frozen=True, slots=True)
class SpeechCall:
    """What a call with speech asks for.

    ``names``: Riva's names of the fields of ``StreamConfig`` that errors may name, beside those of
    ``recognition``.
    """

    recognition: RecognitionSettings
    settings: StreamSettings
    output: AudioFormat
    names: Mapping[str, str]


class RivaContext:
    """The service, and the live calls of the server."""

    def __init__(
        self, service: TranslationService, options: RpcOptions, calls: LiveCalls, reads: ReadLimiter
    ) -> None:
        """``reads`` bounds the streams whose first messages arrive."""
        self.service = service
        self.options = options
        self.calls = calls
        self.languages = service.languages()
        """The languages of the loaded checkpoint."""
        self._reads = reads

    async def read_first(self, context: Context) -> Any:
        """The first message of a stream; None: there is none.

        Raises:
            StreamTimeout: it did not come in time.
            ResourceExhausted: too many streams are being opened.
            InvalidArgument: its bytes are not a message.
        """
        with self.calls.admission(), self.calls.opening(caller()):
            async with self._reads.hold(peer()):
                return await self._in_time(read_message(context), self.options.config_timeout_s)

    async def read_next(self, context: Context) -> Any:
        """The next message of a stream; None after its last.

        Raises:
            StreamTimeout: none came for as long as a stream may be idle.
            InvalidArgument: its bytes are not a message.
        """
        return await self._in_time(read_message(context), self.options.idle_timeout_s)

    async def run_speech(self, call: SpeechCall, reader: AudioReader, sink_of: SinkMaker) -> None:
        """Opens a session once the audio tells what it is, and runs it to its end.

        Without any audio nothing is opened, and nothing written.

        Raises:
            TranslateSvcError: the call must fail with this error, whose field is Riva's.
        """
        audio, waited_s = call.recognition.audio, self.options.config_timeout_s
        names = {**call.recognition.names, **call.names, "audio": reader.field}
        with renamed(names):
            with self.calls.admission():
                self.calls.check_open()
                with self.calls.opening(caller()):
                    source = await self._in_time(open_audio(audio, reader), waited_s)
                if source is None:
                    return
                self.calls.check_open()
                config = StreamConfig(source.format, call.output, call.settings)
                session = await self.service.open_session(config, caller())
            sink = sink_of(source.format.sample_rate_hz)
            await self.calls.run(StreamDriver(source, sink, session, self.options), may_stay())

    async def _in_time(self, wait: Awaitable[T], timeout_s: float) -> T:
        try:
            async with asyncio.timeout(timeout_s) as patience:
                return await wait
        except TimeoutError:
            if not patience.expired():
                raise
            raise idle_timeout(timeout_s) from None
