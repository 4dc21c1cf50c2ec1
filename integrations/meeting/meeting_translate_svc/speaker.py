"""One person who speaks: sound in, turns and captions out, by one stream."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Protocol

from meeting_translate_svc.caption import Caption
from meeting_translate_svc.options import MeetingOptions
from meeting_translate_svc.sound.turns import RATE_HZ, SpeechKey
from meeting_translate_svc.tally import Tally
from meeting_translate_svc.trouble import Trouble
from meeting_translate_svc.unsent import Unsent
from translate_svc.client import AsyncClient, AsyncStream, SpeechDecoder, stream_settings
from translate_svc.errors import ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.types import (
    DEFAULT_ENCODING,
    AudioFormat,
    Echo,
    EndReason,
    LanguageDetected,
    Samples,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)

FORMAT = AudioFormat(DEFAULT_ENCODING, RATE_HZ)
"""The audio in both directions."""

_log = logging.getLogger("meeting_translate_svc")


class Floor(Protocol):
    """Where what people say is heard and read in other languages."""

    def say(self, language: str, key: SpeechKey, samples: Samples) -> None:
        """Adds to a speech."""

    def end(self, language: str, key: SpeechKey) -> None:
        """Ends a speech."""

    def show(self, caption: Caption) -> None:
        """Shows a text."""


@dataclass(slots=True)
class _Utterance:
    """What of an utterance is under way."""

    texts: dict[str, str] = field(default_factory=dict)
    unfinished: set[tuple[str, bool]] = field(default_factory=set)
    decoders: dict[str, SpeechDecoder] = field(default_factory=dict)


class Speaker:
    """Interprets one person into the languages of the meeting.

    The stream is resumed when its server is lost. One that cannot be resumed is replaced: what was in flight
    is lost then, and counted.
    """

    def __init__(
        self,
        client: AsyncClient,
        floor: Floor,
        options: MeetingOptions,
        *,
        speaker_id: int | str,
        display: str,
        spoken: str | None,
        tally: Tally,
    ) -> None:
        """``spoken``: the language that the person is known to speak; None: it is found out."""
        self._client = client
        self._floor = floor
        self._options = options
        self._speaker_id = speaker_id
        self._display = display
        self._tally = tally
        self._unsent = Unsent(options.max_unsent_s, tally)
        self._languages: tuple[str, ...] = ()
        self._stream: AsyncStream | None = None
        self._streams = 0
        self._trouble = Trouble(f"feed {speaker_id}: no stream for now")
        self._live: dict[int, _Utterance] = {}
        self._updates: set[asyncio.Task[None]] = set()
        self.named = spoken
        """The language that the person is known to speak."""
        self.language = spoken
        """The language that the person spoke last, or is known to speak."""

    def hear(self, pcm: bytes) -> None:
        """Takes what the person says: 16-bit PCM at 48 kHz."""
        self._unsent.add(pcm)

    def leave(self) -> None:
        """The person has left. ``run`` returns when everything that was said is interpreted."""
        self._unsent.end()

    def interpret_into(self, languages: tuple[str, ...]) -> None:
        """Interprets into these languages (Seamless codes) from the next utterance on."""
        before, self._languages = self._languages, languages
        if self._stream is not None and set(before) != set(languages):
            self._update(self._stream)

    async def run(self) -> None:
        """Interprets until the person has left.

        Raises:
            TranslateSvcError: the server does not take the settings, or the caller; names the field.
        """
        while not self._unsent.is_over:
            try:
                await self._interpret()
            except (Unavailable, ResourceExhausted) as error:
                self._trouble.warn(error)
                await asyncio.sleep(self._options.retry_s)
            finally:
                self._drop_live()

    async def _interpret(self) -> None:
        """One stream, from its beginning to its end."""
        config = StreamConfig(FORMAT, FORMAT, self._settings())
        self._streams += 1
        async with self._client.open(config, resume=True) as stream:
            self._stream = stream
            self._trouble.is_over()
            if self._settings() != config.settings:
                self._update(stream)
            stream.feed(self._unsent.parts())
            try:
                async for event in stream:
                    self._take(event)
            except TranslateSvcError as error:
                self._tally.lost_streams += 1
                raise Unavailable(f"the stream was lost: {error}") from error
            finally:
                self._stream = None
                self._tally.resumptions += len(stream.resumptions)

    def _settings(self) -> StreamSettings:
        options = self._options
        named = self.named
        silent = options.echo is Echo.SILENT
        targets = [code for code in self._languages if not (silent and code == named)]
        factor = options.catch_up_duration_factor
        return stream_settings(
            targets=[TargetSettings(code, catch_up_duration_factor=factor) for code in targets],
            source=named or "auto",
            include=["transcript"] if options.captions or not targets else [],
            simultaneous=options.simultaneous,
            source_candidates=() if named or len(self._languages) < 2 else self._languages,
            echo=options.echo,
        )

    def _update(self, stream: AsyncStream) -> None:
        task = asyncio.create_task(stream.update(self._settings()))
        self._updates.add(task)
        task.add_done_callback(self._updated)

    def _updated(self, task: asyncio.Task[None]) -> None:
        self._updates.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("feed %s: languages could not be changed: %s", self._speaker_id, error)

    def _take(self, event: SessionEvent) -> None:
        match event:
            case TextDelta():
                self._take_text(event)
            case SpeechChunk():
                self._take_speech(event)
            case LanguageDetected() if event.language:
                self.language = event.language
            case SpeechEnded() if event.reason is EndReason.CLEARED:
                self._end(event.utterance_id)
            case UtteranceDone():
                self._count(event.status)
                self._end(event.utterance_id)

    def _take_text(self, event: TextDelta) -> None:
        if not self._options.captions:
            return
        if event.transcript and self._options.echo is Echo.PASS and event.language in self._languages:
            return  # it comes as a target, too
        utterance = self._live.setdefault(event.utterance_id, _Utterance())
        text = utterance.texts.get(event.language, "") + event.delta
        utterance.texts[event.language] = text
        if text.strip():
            self._floor.show(
                Caption(
                    language=event.language,
                    speaker_id=self._speaker_id,
                    speaker=self._display,
                    utterance=f"{self._speaker_id}-{self._streams}-{event.utterance_id}",
                    text=text.strip(),
                    final=event.final,
                    original=event.transcript or event.language == self.language,
                )
            )

    def _take_speech(self, event: SpeechChunk) -> None:
        utterance = self._live.setdefault(event.utterance_id, _Utterance())
        decoder = utterance.decoders.setdefault(event.language, SpeechDecoder(FORMAT))
        self._floor.say(event.language, self._key(event.utterance_id), decoder.decode(event))
        if event.final:
            del utterance.decoders[event.language]
            self._floor.end(event.language, self._key(event.utterance_id))

    def _key(self, utterance_id: int) -> SpeechKey:
        return SpeechKey(self._speaker_id, self._streams, utterance_id)

    def _end(self, utterance_id: int) -> None:
        utterance = self._live.pop(utterance_id, _Utterance())
        for language in utterance.decoders:
            self._floor.end(language, self._key(utterance_id))

    def _drop_live(self) -> None:
        """Ends what the stream has left unfinished."""
        for utterance_id in tuple(self._live):
            self._end(utterance_id)

    def _count(self, status: UtteranceStatus) -> None:
        match status:
            case UtteranceStatus.OK:
                self._tally.done += 1
            case UtteranceStatus.EMPTY:
                self._tally.empty += 1
            case _:
                self._tally.failed += 1
