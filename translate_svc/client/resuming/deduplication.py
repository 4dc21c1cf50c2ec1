"""What of a stream's events the program has had already, so that it gets each once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from translate_svc.types import (
    Cleared,
    DraftReport,
    EndReason,
    GoAway,
    LanguageDetected,
    Opened,
    Progress,
    SampleRange,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamWarning,
    TextDelta,
    Updated,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)


@dataclass(slots=True)
class _Text:
    """One text of an utterance: the part handed to the caller, and how much of it has come again."""

    handed: str = ""
    handed_tokens: int = 0
    is_final: bool = False
    replayed: str = ""
    replayed_tokens: int = 0
    skipped: int = 0
    """How many characters of ``replayed`` are dealt with."""
    catching_up: bool = False
    diverged: bool = False

    def rewind(self) -> None:
        self.replayed, self.replayed_tokens, self.skipped = "", 0, 0
        self.catching_up = not self.is_final

    def accept(self, delta: TextDelta) -> TextDelta | None:
        """What of ``delta`` is new; None if nothing is."""
        if self.is_final:
            return None
        first_token = max(0, self.handed_tokens - self.replayed_tokens)
        self.replayed += delta.delta
        self.replayed_tokens += len(delta.tokens)
        if self.catching_up and not self._has_caught_up(delta.final):
            return None
        text, tokens = self.replayed[self.skipped :], delta.tokens[first_token:]
        self.skipped = len(self.replayed)
        self.handed += text
        self.handed_tokens += len(tokens)
        self.is_final = delta.final
        if not text and not tokens and not delta.final:
            return None
        return (
            delta
            if text == delta.delta and tokens == delta.tokens
            else replace(delta, delta=text, tokens=tokens)
        )

    def _has_caught_up(self, is_final: bool) -> bool:
        """Whether all text that the caller has came again; sets ``skipped`` then.

        As a rule the same text comes again. If it differs (another model, or steps left out under load), as
        many words are skipped as the caller has; in a text without spaces, characters.
        """
        if self.replayed.startswith(self.handed):
            self.skipped = len(self.handed)
        elif self.handed.startswith(self.replayed) and not is_final:
            return False
        else:
            self.diverged = self.diverged or not self.handed.startswith(self.replayed)
            words = len(self.handed.split())
            rest = self.replayed.split(maxsplit=words)
            if len(rest) > words:
                self.skipped = len(self.replayed[: -len(rest[-1])].rstrip())
            elif not is_final:
                return False
            else:
                spaced = words > 1
                self.skipped = len(self.replayed) if spaced else min(len(self.handed), len(self.replayed))
        self.catching_up = False
        return True


@dataclass(slots=True)
class _Speech:
    """One speech of an utterance: how much was handed on, and how much of it has come again."""

    samples: int = 0
    size_bytes: int = 0
    packets: int = 0
    is_final: bool = False
    replayed_bytes: int = 0
    replayed_packets: int = 0

    def rewind(self) -> None:
        self.replayed_bytes = self.replayed_packets = 0

    def accept(self, chunk: SpeechChunk) -> SpeechChunk | None:
        """What of ``chunk`` is new; None if nothing is. An encoded speech comes again byte by byte."""
        if self.is_final:
            return None
        data = chunk.data[max(0, self.size_bytes - self.replayed_bytes) :]
        packets = chunk.packets[max(0, self.packets - self.replayed_packets) :]
        self.replayed_bytes += len(chunk.data)
        self.replayed_packets += len(chunk.packets)
        self.is_final = chunk.final
        is_whole = len(data) == len(chunk.data) and len(packets) == len(chunk.packets)
        if not is_whole and not data and not packets and not chunk.final:
            return None
        start_sample, end_sample = self.samples, chunk.start_sample + chunk.sample_count
        self.samples = max(self.samples, end_sample)
        self.size_bytes += len(data)
        self.packets += len(packets)
        if is_whole and start_sample == chunk.start_sample:
            return chunk
        count = max(0, end_sample - start_sample)
        return replace(chunk, start_sample=start_sample, data=data, packets=packets, sample_count=count)


@dataclass(slots=True)
class _Utterance:
    """The results of one utterance that the caller has."""

    position: int = 0
    has_started: bool = False
    ended: SampleRange | None = None
    is_done: bool = False
    texts: dict[tuple[str, bool], _Text] = field(default_factory=dict)
    speeches: dict[str, _Speech] = field(default_factory=dict)
    once: set[SessionEvent] = field(default_factory=set)
    """Warnings and reports of drafts."""
    languages: int = 0
    """How many times its language was told."""
    replayed_languages: int = 0

    def rewind(self) -> None:
        self.replayed_languages = 0
        for text in self.texts.values():
            text.rewind()
        for speech in self.speeches.values():
            speech.rewind()


class EventDeduplicator:
    """Passes on each event of a stream once, also where it comes again after a resumption.

    Ids of utterances, and places in a text or a speech, are the same in every run. Memory is freed as
    ``forget`` is called.
    """

    def __init__(self) -> None:
        self._utterances: dict[int, _Utterance] = {}
        self._next_id = 0
        self._is_open = False
        self._updated = 0
        self._replayed_updates = 0
        self._committed = -1
        self._received = 0
        self._awaited: set[int] = set()

    def accept(self, event: SessionEvent) -> list[SessionEvent]:
        """What of ``event`` the program has not had: nothing, all, a part, or a warning in addition."""
        match event:
            case TextDelta():
                return self._text(event)
            case SpeechChunk():
                speeches = self._utterance(event.utterance_id).speeches
                chunk = speeches.setdefault(event.language, _Speech()).accept(event)
                return [] if chunk is None else [chunk]
            case Opened():
                is_first, self._is_open = not self._is_open, True
                return [event] if is_first else []
            case Updated():
                self._replayed_updates += 1
                is_new = self._replayed_updates > self._updated
                self._updated = max(self._updated, self._replayed_updates)
                return [event] if is_new else []
            case Progress():
                return self._progress(event)
            case GoAway():
                return []  # the stream moves by itself
            case _:
                return [event] if self._is_new(event) else []

    def rewind(self, position: int, applied_updates: int) -> list[SessionEvent]:
        """From here on all after ``position`` comes again, but not the first ``applied_updates`` updates.

        Returns answers to updates that are applied, but were lost on their way.
        """
        missing = max(0, applied_updates - self._updated)
        self._replayed_updates = applied_updates
        self._updated = max(self._updated, applied_updates)
        self._awaited = {n for n, each in self._utterances.items() if each.position >= position}
        for utterance in self._utterances.values():
            utterance.rewind()
        return [Updated(self.next_id(position))] * missing

    def forget(self, position: int) -> None:
        """Forgets utterances before ``position``, which do not come again."""
        for number, utterance in list(self._utterances.items()):
            if utterance.is_done and utterance.ended is not None and utterance.ended.end <= position:
                del self._utterances[number]

    @property
    def is_replaying(self) -> bool:
        """Whether utterances that the program has seen have yet to start again."""
        return bool(self._awaited)

    def next_id(self, position: int) -> int:
        """Id of the first utterance that starts at ``position`` or later."""
        later = (n for n, each in self._utterances.items() if each.has_started and each.position >= position)
        return min(later, default=self._next_id)

    def give_up(self, position: int) -> list[SessionEvent]:
        """A ``clear`` at ``position`` drops what came before it: the ends of utterances, then ``Cleared``."""
        events: list[SessionEvent] = []
        for number, utterance in sorted(self._utterances.items()):
            if utterance.is_done or utterance.position >= position:
                continue
            source = utterance.ended or SampleRange(utterance.position, position)
            if utterance.ended is None:
                events.append(SpeechEnded(number, source, EndReason.CLEARED))
            events.append(UtteranceDone(number, source, UtteranceStatus.CLEARED, Usage(utterances=1)))
        for event in events:
            self._is_new(event)
        return [*events, Cleared(position)]

    def _progress(self, event: Progress) -> list[SessionEvent]:
        """The program sees no step back, although a resumed stream has received less at first."""
        if event.committed_samples <= self._committed:
            return []
        self._committed = event.committed_samples
        self._received = max(self._received, event.received_samples)
        return [replace(event, received_samples=self._received)]

    def _text(self, event: TextDelta) -> list[SessionEvent]:
        texts = self._utterance(event.utterance_id).texts
        text = texts.setdefault((event.language, event.transcript), _Text())
        had_diverged = text.diverged
        delta = text.accept(event)
        events: list[SessionEvent] = [] if delta is None else [delta]
        if text.diverged and not had_diverged:
            message = "the text came differently after the stream had moved: words at the seam may be wrong"
            warning = StreamWarning("resumed_text_differs", message, event.utterance_id, event.language)
            events.insert(0, warning)
        return events

    def _is_new(self, event: SessionEvent) -> bool:
        """Whether the program has not had ``event`` yet. Notes that it has it now."""
        match event:
            case SpeechStarted(number, position):
                utterance = self._utterance(number)
                self._awaited.discard(number)
                is_new, utterance.has_started = not utterance.has_started, True
                utterance.position = position
                return is_new
            case SpeechEnded(number, source):
                utterance = self._utterance(number)
                is_new, utterance.ended = utterance.ended is None, source
                return is_new
            case UtteranceDone(number):
                utterance = self._utterance(number)
                is_new, utterance.is_done = not utterance.is_done, True
                return is_new
            case LanguageDetected(number):  # the probability may differ in its last digits
                utterance = self._utterance(number)
                utterance.replayed_languages += 1
                is_new = utterance.replayed_languages > utterance.languages
                utterance.languages = max(utterance.languages, utterance.replayed_languages)
                return is_new
            case DraftReport(utterance_id=number):
                return _add(self._utterance(number).once, event)
            case StreamWarning(utterance_id=int(number)):
                return _add(self._utterance(number).once, event)
            case _:
                return True

    def _utterance(self, number: int) -> _Utterance:
        self._next_id = max(self._next_id, number + 1)
        return self._utterances.setdefault(number, _Utterance())


def _add(events: set[SessionEvent], event: SessionEvent) -> bool:
    """Whether ``event`` was not among ``events``, which it joins."""
    is_new = event not in events
    events.add(event)
    return is_new
