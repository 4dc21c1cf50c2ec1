"""Calls made of keywords, for the asynchronous and the blocking client."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import Generic, TypeVar

from translate_svc.client.input_encoder import Audio
from translate_svc.client.stream_config import stream_config, stream_settings
from translate_svc.client.translate_request import translate_request
from translate_svc.types import (
    DEFAULT_ENCODING,
    AudioFormat,
    BeamSearchSettings,
    Echo,
    Encoding,
    GuardSettings,
    Inspect,
    Segmentation,
    SimultaneousSettings,
    StreamConfig,
    TargetSettings,
    Term,
    TranslateRequest,
    VadSettings,
)
from translate_svc.wire.requests import DEFAULT_OUTPUT

StreamT = TypeVar("StreamT")
CallT = TypeVar("CallT")


class KeywordCalls(abc.ABC, Generic[StreamT, CallT]):
    """Builds configurations and requests from keywords, and opens them."""

    @abc.abstractmethod
    def open(self, config: StreamConfig, *, resume: bool = False) -> StreamT:
        """A stream with ``config`` as its first message."""

    @abc.abstractmethod
    def call(self, request: TranslateRequest) -> CallT:
        """A call of Translate with ``request``."""

    def stream(
        self,
        *,
        targets: Iterable[str | TargetSettings],
        sample_rate_hz: int,
        source: str | None = None,
        include: Iterable[str | Inspect] = (),
        encoding: str | Encoding = DEFAULT_ENCODING,
        channels: int = 1,
        channel: int = 0,
        output: AudioFormat = DEFAULT_OUTPUT,
        segmentation: str | Segmentation = Segmentation.VAD,
        vad: VadSettings = VadSettings(),  # noqa: B008 - frozen
        guards: GuardSettings = GuardSettings(),  # noqa: B008 - frozen
        simultaneous: SimultaneousSettings | bool | None = None,
        beam_search: BeamSearchSettings | int | None = None,
        source_candidates: Iterable[str] = (),
        echo: str | Echo = Echo.SPEAK,
        terms: Iterable[Term | str] = (),
        resume: bool = False,
    ) -> StreamT:
        """A stream, to be opened by ``with``, or ``async with``. Languages are Seamless codes or BCP-47 tags.

        Samples may be sent in any encoding. Some encodings need PyAV and support one sample rate only.
        ``channel``, from 1, selects one of several ``channels``. ``simultaneous``: text and speech come while
        the speaker still speaks. True: with the server's defaults; False or None: after each utterance.
        ``beam_search``: better texts for more work; a number is that of the beams. ``terms``: words of your
        own, which the translation contains where the source says them; a string is kept as it is.

        ``source``: ``"auto"`` finds out the language of each utterance, of ``source_candidates`` if there are
        any, and tells it by ``LanguageDetected``. ``echo``: what becomes of a target that is spoken already.
        With ``"silent"``, and targets that are the candidates, it is a conversation.

        ``resume``: when the stream loses its server, or is told to go away, it continues at another one or at
        the same. Input after the commit point is sent again (``ClientOptions.max_replay_bytes`` bounds the
        memory for that), and each event comes once. Speech of an utterance that was half delivered may
        be joined with an audible seam if a target has a ``catch_up_duration_factor``.

        Raises:
            InvalidArgument, Unsupported: an argument cannot be sent. Names the field.
        """
        settings = stream_settings(
            targets=targets,
            source=source,
            include=include,
            segmentation=segmentation,
            vad=vad,
            guards=guards,
            simultaneous=simultaneous,
            beam_search=beam_search,
            source_candidates=source_candidates,
            echo=echo,
            terms=terms,
        )
        config = stream_config(
            settings,
            sample_rate_hz=sample_rate_hz,
            encoding=encoding,
            channels=channels,
            channel=channel,
            output=output,
        )
        return self.open(config, resume=resume)

    def translate(
        self,
        *,
        targets: Iterable[str | TargetSettings],
        text: str | None = None,
        samples: Audio | None = None,
        sample_rate_hz: int | None = None,
        source: str | None = None,
        include: Iterable[str | Inspect] = (),
        encoding: str | Encoding = DEFAULT_ENCODING,
        channels: int = 1,
        channel: int = 0,
        output: AudioFormat = DEFAULT_OUTPUT,
        guards: GuardSettings = GuardSettings(),  # noqa: B008 - frozen
        beam_search: BeamSearchSettings | int | None = None,
        source_candidates: Iterable[str] = (),
        echo: str | Echo = Echo.SPEAK,
        terms: Iterable[Term | str] = (),
    ) -> CallT:
        """One text or one short clip as a single utterance. Nothing is sent before the call is used.

        A text needs its ``source`` language. ``samples`` and ``sample_rate_hz`` are as for ``stream``. For a
        transcription, pass no targets and ``include=["transcript"]``.

        Raises:
            InvalidArgument, Unsupported: an argument cannot be sent. Names the field.
        """
        request = translate_request(
            text=text,
            samples=samples,
            sample_rate_hz=sample_rate_hz,
            encoding=encoding,
            channels=channels,
            channel=channel,
            source=source,
            targets=targets,
            include=include,
            output=output,
            guards=guards,
            beam_search=beam_search,
            source_candidates=source_candidates,
            echo=echo,
            terms=terms,
        )
        return self.call(request)
