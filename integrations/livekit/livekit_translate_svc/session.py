"""One session: audio in, translated audio and texts out, over OpenAI's translation protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
from livekit import rtc
from livekit.agents.beta.translation import (
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    OutputSpeechStopped,
    OutputTranscript,
    TranslatedAudioFrame,
    TranslationModelError,
    TranslationModelSession,
)
from livekit.agents.utils import aio
from livekit.agents.utils.aio.channel import ChanClosed, ChanEmpty

from livekit_translate_svc.heard_audio import RATE_HZ, HeardAudio

if TYPE_CHECKING:
    from livekit_translate_svc.translation_model import Connection, TranslateSvcModel

_PART_BYTES = 32 * 1024
_MAX_UNSENT_BYTES = 30 * 2 * RATE_HZ
_FINAL_CODES = (1008, 1009)
"""Close codes after which a new connection would end the same way."""
_PASSING = (408, 425, 429)
"""Statuses of a client's mistakes that pass."""


class ServerRefused(Exception):
    """The server does not take the session: its settings, its key or its audio are wrong."""


class ConnectionLost(Exception):
    """The connection has ended, and a new one may work."""


class TranslateSvcSession(TranslationModelSession[Literal["error"]]):
    """Connects by itself, and again when the connection is lost. Speech in flight is then lost."""

    def __init__(self, model: TranslateSvcModel, connection: Connection, settings: dict[str, Any]) -> None:
        super().__init__(model)
        self._connection = connection
        self._settings = settings
        self._changes = 0
        self._taken = settings["audio"]["output"]
        self._heard = HeardAudio()
        self._unsent = bytearray()
        self._unsent_events: list[dict[str, Any]] = []
        self._wake = asyncio.Event()
        self._spoken: aio.Chan[TranslatedAudioFrame | OutputSpeechStopped] = aio.Chan()
        self._speaking = False
        self._clears = 0
        self._transcript = ""
        self._begun = False
        self._task = asyncio.create_task(self._run(), name="translate_svc_session")

    @property
    def audio_stream(self) -> AsyncIterable[TranslatedAudioFrame | OutputSpeechStopped]:
        """Implements ``TranslationModelSession.audio_stream``."""
        return self._spoken

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        """Implements ``TranslationModelSession.push_audio``. The last 30 s wait for a connection."""
        self._unsent += self._heard.convert(frame)
        if len(self._unsent) > _MAX_UNSENT_BYTES:
            del self._unsent[: len(self._unsent) - _MAX_UNSENT_BYTES]
        self._wake.set()

    def clear_audio(self) -> None:
        """Drops speech that is not translated yet, and translations that are not played yet."""
        self._unsent.clear()
        with contextlib.suppress(ChanEmpty, ChanClosed):
            while True:
                self._spoken.recv_nowait()
        self._end_speech()
        if self._begun:
            self._clears += 1
            self._send({"type": "session.input_audio_buffer.clear"})

    def update_options(self, *, target_language: str) -> None:
        """Implements ``TranslationModelSession.update_options``; it holds from the next utterance on, if the
        server takes it.
        """
        output = {"language": target_language}
        self._settings["audio"]["output"] = output
        self._changes += 1
        update = {"type": "session.update", "event_id": f"change_{self._changes}"}
        # also before the session has begun: the settings may be on their way
        self._send(update | {"session": {"audio": {"output": output}}})

    async def aclose(self) -> None:
        """Implements ``TranslationModelSession.aclose``."""
        self._closing = True
        await aio.cancel_and_wait(self._task)

    def _send(self, event: dict[str, Any]) -> None:
        self._unsent_events.append(event)
        self._wake.set()

    async def _run(self) -> None:
        """Keeps a connection until the session is closed or cannot continue."""
        attempts = 0
        try:
            async with aiohttp.ClientSession() as http:
                while True:
                    try:
                        await self._converse(http)
                    except ServerRefused as error:
                        self._report(error, recoverable=False)
                        return
                    except (aiohttp.ClientError, OSError, ConnectionLost) as error:
                        attempts = 0 if self._begun else attempts + 1
                        self._interrupted()
                        if attempts > self._connection.max_retries:
                            self._report(error, recoverable=False)
                            return
                        self._report(error, recoverable=True)
                        await asyncio.sleep(self._connection.retry_interval_s * 2**attempts)
        finally:
            self._spoken.close()

    async def _converse(self, http: aiohttp.ClientSession) -> None:
        """One connection, from its beginning to its end.

        Raises:
            ServerRefused: another connection would not help.
            ConnectionLost, aiohttp.ClientError, OSError: it might.
        """
        key = self._connection.api_key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        refusal = ""
        try:
            connecting = await http.ws_connect(self._connection.url, headers=headers, max_msg_size=0)
        except aiohttp.WSServerHandshakeError as error:
            if error.status in _PASSING or not 400 <= error.status < 500:
                raise
            raise ServerRefused(f"{self._connection.url} answers {error.status} {error.message}") from None
        async with connecting as socket:
            await socket.send_json({"type": "session.update", "session": self._settings})
            sending = asyncio.create_task(self._send_all(socket))
            try:
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        refusal = self._take(message.json()) or refusal
            finally:
                await aio.cancel_and_wait(sending)
        if socket.close_code in _FINAL_CODES:
            raise ServerRefused(refusal or f"the server closed the session with {socket.close_code}")
        raise ConnectionLost(refusal or f"the connection was closed with {socket.close_code}")

    async def _send_all(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._wake.wait()
                self._wake.clear()
                if not self._begun:
                    continue
                events, self._unsent_events = self._unsent_events, []
                for event in events:
                    await socket.send_json(event)
                while self._unsent:
                    part = bytes(self._unsent[:_PART_BYTES])
                    del self._unsent[:_PART_BYTES]
                    audio = base64.b64encode(part).decode()
                    await socket.send_json({"type": "session.input_audio_buffer.append", "audio": audio})

    def _take(self, event: dict[str, Any]) -> str:
        """Takes one event of the server. Returns the message of an error that may end the connection."""
        match event["type"]:
            case "session.updated":
                self._begun = True
                if (language := event["session"]["audio"]["output"]["language"]) != self._taken["language"]:
                    self._taken = {"language": language}
                self._wake.set()
            case "session.utterance.speech_started":
                self.emit("input_speech_started", InputSpeechStarted())
            case "session.utterance.speech_stopped":
                self.emit("input_speech_stopped", InputSpeechStopped())
            case "session.input_audio_buffer.cleared":
                self._clears = max(0, self._clears - 1)
            case "session.input_transcript.delta":
                self._take_transcript(event)
            case "session.output_transcript.delta":
                self._take_translation(event)
            case "session.output_audio.delta" if not self._clears:
                self._speak(event)
            case "session.utterance.done":
                self._end_speech()
            case "error":
                return self._take_error(event["error"])
        return ""

    def _take_transcript(self, event: dict[str, Any]) -> None:
        """Tells the whole text of the utterance so far, as LiveKit has it for what was heard."""
        self._transcript += event["delta"]
        final = event["is_final"]
        text = InputTranscript(self._transcript.strip(), final, event["language"])
        if final:
            self._transcript = ""
        self.emit("input_transcript", text)

    def _take_translation(self, event: dict[str, Any]) -> None:
        self.emit("output_transcript", OutputTranscript(event["delta"], event["is_final"], event["language"]))

    def _take_error(self, error: dict[str, Any]) -> str:
        """Returns its message, unless the connection cannot end for it."""
        message: str = error["message"]
        if not self._begun and error["type"] == "invalid_request_error":
            # key or settings are wrong: nothing would ever come
            raise ServerRefused(message)
        self._report(ServerRefused(message), recoverable=True)
        if error["event_id"] != f"change_{self._changes}":
            return message
        self._settings["audio"]["output"] = self._taken  # the next connection would be refused
        return ""

    def _speak(self, event: dict[str, Any]) -> None:
        data = base64.b64decode(event["delta"])
        frame = rtc.AudioFrame(
            data, event["sample_rate"], event["channels"], len(data) // (2 * event["channels"])
        )
        self._speaking = True
        self._spoken.send_nowait(TranslatedAudioFrame(frame, event["language"]))
        if event["is_final"]:
            self._end_speech()

    def _end_speech(self) -> None:
        """Marks the end of a translation, if one was being spoken."""
        if self._speaking and not self._spoken.closed:
            self._spoken.send_nowait(OutputSpeechStopped())
        self._speaking = False

    def _interrupted(self) -> None:
        """The connection is lost, and with it all speech in flight."""
        self._begun, self._clears, self._transcript = False, 0, ""
        self._unsent_events.clear()
        self._end_speech()

    def _report(self, error: Exception, *, recoverable: bool) -> None:
        label = self.translation_model.label
        event = TranslationModelError(
            timestamp=time.time(), label=label, error=error, recoverable=recoverable
        )
        self.emit("error", event)
