"""Makes one utterance of the sentences of a text: its events are joined on their way to the reader."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from translate_svc.session.long_text.sentences import Sentence, separator
from translate_svc.session.observer import StreamObserver
from translate_svc.session.outbound.outbox import Outbox
from translate_svc.session.utterances.speech_writer import SpeechWriter
from translate_svc.types import (
    LOW_CONFIDENCE,
    SampleRange,
    SentenceConfidence,
    SessionEvent,
    SpeechChunk,
    StageTiming,
    StreamWarning,
    TextConfidence,
    TextDelta,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

_NO_SAMPLES = np.empty(0, np.float32)


class JoinedOutbox(Outbox):
    """Takes the events of sentences, which are utterances 0 to n - 1, and hands out those of utterance 0.

    * **Text.** Deltas come in the order of the sentences, which the lanes of ``UtteranceRouter`` keep. The
      first one of a later sentence begins with what stands between the two, each first one with the mark of
      its sentence, and each last one ends with what stands behind it. One delta is ``final``.
    * **Speech.** All sentences in one language share one of ``writers``, so positions and the state of
      resampler and codec go on, with a pause between sentences. A last, empty or nearly empty chunk is
      ``final``.
    * **Warnings** tell the number of their sentence, from 1, if there are several. They come in the order of
      the sentences: that of a later one waits for the ends of those before it.
    * **Done.** Usage and timings are sums; a text is as sure as its least sure sentence, and says where each
      one stands. FAILED if a sentence has failed, EMPTY if all are empty.
    """

    def __init__(
        self, observer: StreamObserver, sentences: Sequence[Sentence], writers: Mapping[str, SpeechWriter]
    ) -> None:
        """``writers``: of the speech, by language."""
        super().__init__(observer)
        self._sentences = sentences
        self._writers = writers
        self._done: dict[int, UtteranceDone] = {}
        self._begun: defaultdict[str, int] = defaultdict(lambda: -1)  # the last sentence with text
        self._places = _Places()
        self._warnings: defaultdict[int, list[StreamWarning]] = defaultdict(list)  # that wait, by sentence
        self._first_open = 0  # the first sentence that is not done
        self._unsure: set[tuple[str, int]] = set()  # language and sentence
        self._last_text: dict[str, TextDelta] = {}
        self._last_speech: dict[str, SpeechChunk] = {}

    def put(self, event: SessionEvent, on_taken: Callable[[], None] = lambda: None) -> None:
        """Joins an event of a sentence. ``on_taken`` of one that the reader does not get is called now."""
        match event:
            case TextDelta():
                self._put_text(event, on_taken)
            case SpeechChunk():
                chunk = replace(event, utterance_id=0, final=False)
                self._last_speech[event.language] = chunk
                super().put(chunk, on_taken)
            case StreamWarning(utterance_id=int(sentence)):
                if event.code == LOW_CONFIDENCE and event.language is not None:
                    self._unsure.add((event.language, sentence))
                several = len(self._sentences) > 1
                message = f"sentence {sentence + 1}: {event.message}" if several else event.message
                self._warnings[sentence].append(replace(event, utterance_id=0, message=message))
                self._put_warnings()
                on_taken()
            case UtteranceDone():
                self._done[event.utterance_id] = event
                self._put_warnings()
                if len(self._done) == len(self._sentences):
                    self._finish(on_taken)
                else:
                    on_taken()
            case _:
                super().put(event, on_taken)

    def _put_warnings(self) -> None:
        """Puts those that wait for no earlier sentence."""
        while True:
            for warning in self._warnings.pop(self._first_open, ()):
                super().put(warning)
            if self._first_open not in self._done:
                return
            self._first_open += 1

    def _put_text(self, event: TextDelta, on_taken: Callable[[], None]) -> None:
        language, joined = event.language, event
        sentence = self._sentences[event.utterance_id]
        begins = event.delta or (event.final and sentence.is_mark)
        if begins and self._begun[language] != event.utterance_id:
            skipped = self._sentences[self._begun[language] + 1 : event.utterance_id + 1]
            before = skipped[-1].mark
            if self._begun[language] >= 0:
                before = _widest(separator(each, language) for each in skipped) + before
            self._begun[language] = event.utterance_id
            self._places.pass_over(language, before)
            joined = joined.led_by(before)
        self._places.add(language, event.utterance_id, event.delta)
        if event.final and self._begun[language] == event.utterance_id:
            self._places.pass_over(language, sentence.behind)
            joined = replace(joined, delta=joined.delta + sentence.behind)
        final = event.final and event.utterance_id == len(self._sentences) - 1
        joined = replace(joined, utterance_id=0, final=final)
        self._last_text[language] = joined
        if joined.delta or joined.tokens or final:
            super().put(joined, on_taken)
        else:
            on_taken()

    def _finish(self, on_taken: Callable[[], None]) -> None:
        for delta in (each for each in self._last_text.values() if not each.final):
            super().put(replace(delta, delta="", tokens=(), final=True))
        for chunk in self._last_speech.values():
            super().put(self._last_chunk(chunk))
        done = _sum([self._told(self._done[index]) for index in range(len(self._sentences))])
        written_ms = round(sum(writer.written_s for writer in self._writers.values()) * 1000)
        super().put(replace(done, usage=replace(done.usage, speech_ms=written_ms)), on_taken)

    def _told(self, done: UtteranceDone) -> UtteranceDone:
        """The end of a sentence, whose confidences say where it stands."""
        number = done.utterance_id
        if self._sentences[number].is_mark:
            return replace(done, status=UtteranceStatus.OK)
        confidences = []
        for each in done.confidences:
            place = self._places.of(each.language, number)
            unsure = (each.language, number) in self._unsure
            told = () if place is None else (SentenceConfidence(*place, each.confidence, unsure),)
            confidences.append(replace(each, sentences=told))
        return replace(done, confidences=tuple(confidences))

    def _last_chunk(self, chunk: SpeechChunk) -> SpeechChunk:
        writer = self._writers[chunk.language]
        start_sample = writer.written_samples
        rest = writer.write(_NO_SAMPLES, final=True)
        return replace(
            chunk,
            start_sample=start_sample,
            data=rest.data,
            packets=rest.packets,
            sample_count=rest.sample_count,
            units=(),
            character_durations=(),
            final=True,
        )


def _widest(separators: Iterable[str]) -> str:
    """That with the most line breaks: sentences without a translation lie between."""
    return max(separators, key=len)


def _sum(sentences: Sequence[UtteranceDone]) -> UtteranceDone:
    usage = Usage()
    for each in sentences:
        usage += each.usage
    statuses = {each.status for each in sentences}
    if UtteranceStatus.FAILED in statuses:
        status = UtteranceStatus.FAILED
    elif statuses == {UtteranceStatus.EMPTY}:
        status = UtteranceStatus.EMPTY
    else:
        status = UtteranceStatus.OK
    return UtteranceDone(
        utterance_id=0,
        source=SampleRange(0, 0),
        status=status,
        usage=replace(usage, utterances=1),
        timings=_timings(sentences),
        end_to_first_text_ms=_first(each.end_to_first_text_ms for each in sentences),
        end_to_first_audio_ms=_first(each.end_to_first_audio_ms for each in sentences),
        confidences=_confidences(sentences),
    )


def _timings(sentences: Sequence[UtteranceDone]) -> tuple[StageTiming, ...]:
    found: dict[str, StageTiming] = {}
    for timing in (timing for each in sentences for timing in each.timings):
        known = found.get(timing.stage)
        found[timing.stage] = (
            timing
            if known is None
            else replace(
                known,
                duration_ms=known.duration_ms + timing.duration_ms,
                batch_size=max(known.batch_size, timing.batch_size),
            )
        )
    return tuple(found.values())


def _first(times_ms: Iterable[float | None]) -> float | None:
    return next((each for each in times_ms if each is not None), None)


def _confidences(sentences: Sequence[UtteranceDone]) -> tuple[TextConfidence, ...]:
    by_language: defaultdict[str, list[TextConfidence]] = defaultdict(list)
    for each in (each for done in sentences for each in done.confidences):
        by_language[each.language].append(each)
    return tuple(
        replace(
            min(found, key=lambda each: each.confidence),
            sentences=tuple(sentence for each in found for sentence in each.sentences),
        )
        for found in by_language.values()
    )


class _Places:
    """Where sentences stand in the joined texts, in code points."""

    def __init__(self) -> None:
        self._written: Counter[str] = Counter()  # by language
        self._found: dict[tuple[str, int], tuple[int, int]] = {}  # by language and sentence

    def add(self, language: str, sentence: int, delta: str) -> None:
        """Adds a delta of the sentence."""
        if delta:
            start, _ = self._found.get((language, sentence), (self._written[language], 0))
            self._written[language] += len(delta)
            self._found[language, sentence] = start, self._written[language]

    def pass_over(self, language: str, text: str) -> None:
        """What stands between sentences, or around one, is part of none."""
        self._written[language] += len(text)

    def of(self, language: str, sentence: int) -> tuple[int, int] | None:
        """The first code point and that behind the last; None if nothing was written."""
        return self._found.get((language, sentence))
