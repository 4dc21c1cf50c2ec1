"""A processor that hears speech and emits its translation, as text and as speech."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import numpy as np
from pipecat.audio.utils import create_stream_resampler
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    StartFrame,
    TranscriptionFrame,
    TranslationFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    UserAudioRawFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transcriptions.language import Language
from pipecat.utils.time import time_now_iso8601

from pipecat_translate_svc.connection import RATE_HZ, Connection, ServerConnection

_INCLUDE = ["speech_activity", "utterances"]


class TranslateSvcProcessor(FrameProcessor):
    """Translates the ``InputAudioRawFrame`` that pass through it.

    For each utterance it emits, downstream:

    * ``InterimTranscriptionFrame`` and ``TranscriptionFrame``: the transcript, if its language was given;
    * ``TranslationFrame``: the finished translation;
    * ``TTSStartedFrame``, ``TTSAudioRawFrame``, ``TTSStoppedFrame``: the translation spoken, unless
      ``speech`` is off. The text then has ``skip_tts``, so that no other voice repeats it.

    An ``InterruptionFrame`` drops all that is not translated or not spoken yet. An ``EndFrame`` waits until
    everything that was said is translated.
    """

    def __init__(
        self,
        *,
        target_language: str,
        source_language: str | None = None,
        between: tuple[str, str] | None = None,
        simultaneous: bool | None = None,
        speech: bool = True,
        speaker_id: int | None = None,
        connection: Connection = Connection(),  # noqa: B008 - frozen
        **kwargs: Any,
    ) -> None:
        """
        Args:
            target_language: BCP-47 tag of the language to translate into.
            source_language: BCP-47 tag of the language that is heard, or ``"auto"``; needed for
                transcriptions.
            between: BCP-47 tags of the languages of two people who speak in turns: each utterance goes into
                the other one. ``target_language`` is one of them, and ``source_language`` is found out.
            simultaneous: translate while somebody speaks, or after each utterance. None: as the server's
                checkpoint can.
            speech: whether the translation is spoken.
            speaker_id: a voice of the target language, as ``GET /v1/models`` lists them.
            connection: the server.
            **kwargs: of ``FrameProcessor``.
        """
        super().__init__(**kwargs)
        self._options = connection
        if between is not None and (source_language is not None or target_language not in between):
            raise ValueError(
                "between has target_language as one of its two, and no source_language beside it"
            )
        output: dict[str, Any] = {"language": target_language, "speech": speech}
        if speaker_id is not None:
            output["speaker_id"] = speaker_id
        if between is not None:
            others = [{"language": each, "speech": speech} for each in between if each != target_language]
            output["targets"] = [dict(output), *others]
        self._settings = _settings(_heard(source_language, between), output, simultaneous)
        self._server = ServerConnection(connection, self._settings, self._take, self._fail)
        self._running: asyncio.Task[None] | None = None
        self._resampler = create_stream_resampler()
        self._user_id = ""
        self._said, self._translated = "", ""
        self._spoken_id: str | None = None
        self._clears = 0

    def set_target_language(self, language: str) -> None:
        """Translates into another language from the next utterance on, if the server takes it.

        Raises:
            ValueError: it is a conversation between two languages.
        """
        output = self._settings["audio"]["output"]
        if "targets" in output:
            raise ValueError("a conversation keeps the languages of `between`")
        # voices belong to a language
        self._server.change_output({"language": language, "speech": output["speech"]})

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Implements ``FrameProcessor.process_frame``."""
        await super().process_frame(frame, direction)
        if isinstance(frame, EndFrame):
            await self._finish()
        elif isinstance(frame, CancelFrame):
            await self._stop()
        elif isinstance(frame, InterruptionFrame):
            await self._clear()
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self._running = self.create_task(self._server.run())
        elif isinstance(frame, InputAudioRawFrame) and direction is FrameDirection.DOWNSTREAM:
            await self._hear(frame)

    async def cleanup(self) -> None:
        """Implements ``FrameProcessor.cleanup``."""
        await self._stop()
        await super().cleanup()

    async def _hear(self, frame: InputAudioRawFrame) -> None:
        if isinstance(frame, UserAudioRawFrame):
            self._user_id = frame.user_id
        pcm = frame.audio
        if frame.num_channels > 1:
            channels = np.frombuffer(pcm, "<i2").reshape(-1, frame.num_channels)
            pcm = channels.mean(axis=1).astype("<i2").tobytes()
        self._server.append(await self._resampler.resample(pcm, frame.sample_rate, RATE_HZ))

    async def _finish(self) -> None:
        if self._running is None:
            return
        self._server.finish()
        await asyncio.wait({self._running}, timeout=self._options.finish_timeout_s)
        await self._stop()

    async def _stop(self) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            await self.cancel_task(running)

    async def _clear(self) -> None:
        if self._server.clear():
            self._clears += 1
        self._said, self._translated = "", ""
        await self._end_speech()

    async def _take(self, event: dict[str, Any]) -> None:
        """Turns one event of the server into frames."""
        match event["type"]:
            case "session.input_audio_buffer.cleared":
                self._clears = max(0, self._clears - 1)
            case "session.utterance.done":
                await self._end_speech()
            case _ if self._clears:
                return  # it was said before the interruption
            case "session.input_transcript.delta":
                await self._transcribe(event)
            case "session.output_transcript.delta":
                await self._translate(event)
            case "session.output_audio.delta":
                await self._speak(event)

    async def _transcribe(self, event: dict[str, Any]) -> None:
        self._said += event["delta"]
        about = self._user_id, time_now_iso8601(), _language(event["language"])
        if event["is_final"]:
            text, self._said = self._said.strip(), ""
            await self.push_frame(TranscriptionFrame(text, *about, finalized=True))
        else:
            await self.push_frame(InterimTranscriptionFrame(self._said.strip(), *about))

    async def _translate(self, event: dict[str, Any]) -> None:
        self._translated += event["delta"]
        if not event["is_final"]:
            return
        text, self._translated = self._translated.strip(), ""
        frame = TranslationFrame(text, self._user_id, time_now_iso8601(), _language(event["language"]))
        frame.skip_tts = self._settings["audio"]["output"]["speech"] or None
        await self.push_frame(frame)

    async def _speak(self, event: dict[str, Any]) -> None:
        if self._spoken_id is None:
            self._spoken_id = f"{self.name}-{event['utterance_id']}"
            await self.push_frame(TTSStartedFrame(context_id=self._spoken_id))
        audio, rate_hz = base64.b64decode(event["delta"]), event["sample_rate"]
        await self.push_frame(TTSAudioRawFrame(audio, rate_hz, event["channels"], context_id=self._spoken_id))
        if event["is_final"]:
            await self._end_speech()

    async def _end_speech(self) -> None:
        if self._spoken_id is not None:
            spoken_id, self._spoken_id = self._spoken_id, None
            await self.push_frame(TTSStoppedFrame(context_id=spoken_id))

    async def _fail(self, error: Exception, goes_on: bool) -> None:
        """Reports an error to the pipeline. Speech in flight is lost with its connection."""
        if not self._server.begun:
            self._clears, self._said, self._translated = 0, "", ""
            await self._end_speech()
        message = f"translate-svc: {error or type(error).__name__}"
        await self.push_error(message, exception=error, force_treat_as_permanent=not goes_on)


def _heard(source: str | None, between: tuple[str, str] | None) -> dict[str, Any]:
    """The input of a session: whose languages are heard."""
    transcription = {"model": "translate-svc"}
    if between is not None:
        return {"language": "auto", "candidates": list(between), "transcription": transcription}
    if source is None:
        return {}
    return {"language": source, "transcription": transcription | {"language": source}}


def _settings(heard: dict[str, Any], output: dict[str, Any], simultaneous: bool | None) -> dict[str, Any]:
    """The settings of a session, as ``session.update`` takes them."""
    settings: dict[str, Any] = {"audio": {"input": heard, "output": output}, "include": _INCLUDE}
    if simultaneous is not None:
        settings["simultaneous"] = {} if simultaneous else None
    return settings


def _language(tag: str) -> Language | None:
    """Pipecat's member for a BCP-47 tag; None if it has none."""
    try:
        return Language(tag)
    except ValueError:
        return None
