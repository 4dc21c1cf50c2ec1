"""Translates the texts of a file, which become events as those of a stream do."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from translate_svc.cli.backends.backend import Translator
from translate_svc.cli.backends.patience import Patience
from translate_svc.cli.media.text_files import Passage, TextFile
from translate_svc.cli.output.channel_sides import ChannelSide
from translate_svc.cli.output.growing_texts import GrowingTexts
from translate_svc.cli.output.sinks import Sink
from translate_svc.cli.output.unsure_texts import UnsureTexts, mark_in_files, with_marks
from translate_svc.cli.targets import SPEECH_FORMAT
from translate_svc.types import (
    Closed,
    SampleRange,
    SessionEvent,
    SpeechChunk,
    StreamSettings,
    StreamWarning,
    TextDelta,
    TranslateRequest,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

TEXT_RATE_HZ = 1_000
"""Positions of events are milliseconds."""

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class _Result:
    """What the model made of a passage."""

    passage: Passage
    first_id: int
    events: list[SessionEvent]

    def as_stream(self, settings: StreamSettings, *, transcript: bool) -> Iterator[SessionEvent]:
        """Its events: every cue is an utterance of its own. The last one has the usage and the warnings, the
        first one the speech.
        """
        cues = self.passage.cues
        places = [SampleRange(cue.start_ms, cue.end_ms) for cue in cues]
        last_id = self.first_id + len(cues) - 1
        if transcript:
            texts = [(settings.source_language or "", [cue.text for cue in cues])]
            yield from self._deltas(texts, places, transcript=True)
        said: defaultdict[str, str] = defaultdict(str)
        for event in self.events:
            if isinstance(event, TextDelta):
                said[event.language] += event.delta
        parted = [(code, self.passage.parted(text)) for code, text in said.items()]
        yield from self._deltas(parted, places, transcript=False)
        for event in self.events:
            if isinstance(event, SpeechChunk):
                yield replace(event, utterance_id=self.first_id, source=places[0])
            elif isinstance(event, StreamWarning):
                yield replace(event, utterance_id=last_id)
            elif isinstance(event, UtteranceDone):
                for number, place in enumerate(places[:-1], self.first_id):
                    yield UtteranceDone(number, place, event.status, Usage())
                yield replace(self._in_cues(event), utterance_id=last_id, source=places[-1])

    def _in_cues(self, done: UtteranceDone) -> UtteranceDone:
        """Where sentences stand is known in a text that is one cue."""
        if len(self.passage.cues) == 1:
            return done
        return replace(done, confidences=tuple(replace(each, sentences=()) for each in done.confidences))

    def _deltas(
        self, texts: list[tuple[str, list[str]]], places: list[SampleRange], *, transcript: bool
    ) -> Iterator[TextDelta]:
        for code, parts in texts:
            for number, (part, place) in enumerate(zip(parts, places, strict=True), self.first_id):
                yield TextDelta(number, place, code, part, final=True, transcript=transcript)


async def translate_texts(
    text: TextFile,
    settings: StreamSettings,
    translator: Translator,
    sinks: Sequence[Sink],
    end_ms: int,
    *,
    patience: Patience,
    transcript: bool = False,
) -> None:
    """Translates all passages, writes the events to ``sinks`` in their order and finishes them.

    Args:
        text: what to translate.
        settings: targets, source language and guards.
        translator: does it.
        sinks: take the events. Positions are in milliseconds.
        end_ms: how long dubs are at least.
        patience: waits where the server is full.
        transcript: the texts of the source are events too.

    Raises:
        TranslateSvcError: a text is refused, or the server is lost, or full for ten minutes.
    """
    try:
        async for result in _results(text.passages, settings, translator, patience):
            for event in result.as_stream(settings, transcript=transcript):
                for sink in sinks:
                    sink.write(event)
    except BaseExceptionGroup as failures:
        # the first one is the cause; it ended the others
        raise failures.exceptions[0] from None
    for sink in sinks:
        sink.write(Closed(complete=True))
        await asyncio.to_thread(sink.finish, end_ms)


async def _results(
    passages: Sequence[Passage], settings: StreamSettings, translator: Translator, patience: Patience
) -> AsyncIterator[_Result]:
    """A few passages are translated at once; results come in their order."""
    running: deque[asyncio.Task[_Result]] = deque()
    first_id = 0
    async with asyncio.TaskGroup() as tasks:
        for passage in passages:
            if len(running) == _AT_ONCE:
                yield await running.popleft()
            translating = _translated(passage, first_id, settings, translator, patience)
            running.append(tasks.create_task(translating))
            first_id += len(passage.cues)
        while running:
            yield await running.popleft()


async def _translated(
    passage: Passage, first_id: int, settings: StreamSettings, translator: Translator, patience: Patience
) -> _Result:
    if not any(map(str.isalnum, passage.text)):
        return _Result(passage, first_id, _as_it_is(passage.text, settings))
    request = TranslateRequest(
        passage.text,
        settings.targets,
        SPEECH_FORMAT,
        settings.source_language,
        guards=settings.guards,
        beam_search=settings.beam_search,
        terms=settings.terms,
    )
    return _Result(passage, first_id, await patience.events(translator, request))


def _as_it_is(text: str, settings: StreamSettings) -> list[SessionEvent]:
    """The events of a text without a word, such as a note. A server refuses one that cannot be seen."""
    nowhere = SampleRange(0, 0)
    codes = [target.language for target in settings.targets]
    texts = [TextDelta(0, nowhere, code, text, final=True, transcript=False) for code in codes]
    return [*texts, UtteranceDone(0, nowhere, UtteranceStatus.OK, Usage())]


class PlainSink:
    """Writes the translations of a plain text, with its paragraphs; a sentence that the model is unsure of
    ends in ``(?)``.
    """

    def __init__(self, text: TextFile, codes: Sequence[str], files: dict[str, list[Path]]) -> None:
        """``files``: to write, by language."""
        self._text = text
        self._files = files
        self._unsure = UnsureTexts()
        self._said: dict[str, list[str]] = {code: [""] * len(text.passages) for code in codes}
        self._growing = GrowingTexts(self._rendered_files)

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Keeps a text."""
        if isinstance(event, TextDelta) and not event.transcript:
            self._said[event.language][event.utterance_id] += event.delta
        elif isinstance(event, StreamWarning):
            self._unsure.add(event)
        elif isinstance(event, UtteranceDone):
            for (_, language), confidence in self._unsure.take(event).items():
                said = self._said[language]
                said[event.utterance_id] = with_marks(said[event.utterance_id], confidence, mark_in_files)
            self._growing.grow()

    def rendered(self, code: str, form: str) -> str:
        """The whole text in one language."""
        return self._text.plain(self._said[code])

    def finish(self, source_samples: int) -> None:
        """Writes the files."""
        self._growing.finish()

    def keep(self) -> None:
        """Writes the texts of a run that fails or is interrupted, if there are any."""
        if any(map(any, self._said.values())):
            self._growing.keep()

    def _rendered_files(self) -> Iterator[tuple[Path, str]]:
        for code, paths in self._files.items():
            for path in paths:
                yield path, self.rendered(code, "txt")
