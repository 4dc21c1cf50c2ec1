"""Each event once: texts word by word, speech sample by sample, whatever comes again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from translate_svc.client.resuming.deduplication import EventDeduplicator
from translate_svc.types import (
    DraftReport,
    EndReason,
    GoAway,
    LanguageDetected,
    Progress,
    SampleRange,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamWarning,
    TextDelta,
    TokenInfo,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

SOURCE = SampleRange(0, 16_000)
DONE = UtteranceDone(0, SOURCE, UtteranceStatus.OK, Usage())


def text(delta: str, *, final: bool = False, tokens: int = 0) -> TextDelta:
    infos = tuple(TokenInfo(delta, number, -0.1) for number in range(tokens))
    return TextDelta(0, SOURCE, "spa", delta, final, transcript=False, tokens=infos)


def pcm(start: int, count: int, *, final: bool = False) -> SpeechChunk:
    data = b"".join((start + index).to_bytes(2, "little") for index in range(count))
    return SpeechChunk(0, SOURCE, "spa", start, data, final, sample_count=count)


def opus(start: int, packets: Sequence[bytes], *, final: bool = False) -> SpeechChunk:
    count = 960 * len(packets)
    return SpeechChunk(0, SOURCE, "spa", start, b"", final, packets=tuple(packets), sample_count=count)


def broken(first: Sequence[SessionEvent], again: Sequence[SessionEvent]) -> list[SessionEvent]:
    """What the program gets of the first call, and then of the second one."""
    deduplicator = EventDeduplicator()
    got = [part for event in first for part in deduplicator.accept(event)]
    got += deduplicator.rewind(0, 0)
    return got + [part for event in again for part in deduplicator.accept(event)]


def said(events: Sequence[SessionEvent]) -> str:
    return "|".join(event.delta for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize(
    ("again", "rest"),
    [
        (["Mi", " mujer", " va"], "Mi| mujer| va"),
        (["Mi mujer", " va"], "Mi| mujer| va"),
        (["Mi m", "ujer va"], "Mi| mujer| va"),
        (["M", "i", " mujer", " va", " a"], "Mi| mujer| va| a"),
    ],
)
def test_a_text_goes_on_where_it_broke(again: list[str], rest: str) -> None:
    got = broken([text("Mi"), text(" mujer")], [text(delta) for delta in again])
    assert said(got) == rest
    assert not [event for event in got if isinstance(event, StreamWarning)]


def test_the_end_of_a_text_comes_although_its_words_had_come() -> None:
    got = broken([text("Mi")], [text("Mi"), text("", final=True)])
    assert said(got) == "Mi|"
    assert isinstance(got[-1], TextDelta)
    assert got[-1].final


@pytest.mark.parametrize(
    ("again", "rest"),
    [
        ([" tienda", " de", " correos", " abre"], "La| oficina| abre"),
        ([" tienda", ""], "La| oficina|"),
    ],
)
def test_a_text_that_comes_differently_goes_on_after_as_many_words(again: list[str], rest: str) -> None:
    first = [text("La"), text(" oficina")]
    if len(again) > 2:
        first.append(text(" de"))
        first.append(text(" correo"))
        rest = "La| oficina| de| correo| abre"
    second = [text("Una"), *map(text, again[:-1]), text(again[-1], final=True)]
    got = broken(first, second)
    assert said(got) == rest
    (warning,) = [event for event in got if isinstance(event, StreamWarning)]
    assert (warning.code, warning.utterance_id, warning.language) == ("resumed_text_differs", 0, "spa")


def test_a_text_without_spaces_that_comes_differently_goes_on_after_as_many_characters() -> None:
    got = broken([text("我的妻")], [text("他的"), text("妻子今晚", final=True)])
    assert said(got) == "我的妻|子今晚"


@pytest.mark.parametrize("sizes", [(3, 4, 3), (7, 3), (10,), (1,) * 10])
def test_speech_goes_on_at_the_very_sample(sizes: tuple[int, ...]) -> None:
    again, start = [], 0
    for size in sizes:
        again.append(pcm(start, size, final=start + size == 10))
        start += size
    chunks = [event for event in broken([pcm(0, 4), pcm(4, 1)], again) if isinstance(event, SpeechChunk)]
    assert b"".join(chunk.data for chunk in chunks) == pcm(0, 10).data
    place = 0
    for chunk in chunks:
        assert chunk.start_sample == place
        assert len(chunk.data) == 2 * chunk.sample_count
        place += chunk.sample_count
    assert [chunk.final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_packets_come_once() -> None:
    packets = [b"a", b"b", b"c", b"d"]
    got = broken([opus(0, packets[:3])], [opus(0, packets[:2]), opus(1_920, packets[2:], final=True)])
    chunks = [event for event in got if isinstance(event, SpeechChunk)]
    assert [chunk.packets for chunk in chunks] == [(b"a", b"b", b"c"), (b"d",)]
    assert [chunk.start_sample for chunk in chunks] == [0, 2_880]
    assert [chunk.sample_count for chunk in chunks] == [2_880, 960]


def test_the_end_of_a_speech_comes_although_its_samples_had_come() -> None:
    got = broken([pcm(0, 4)], [pcm(0, 4, final=True)])
    last = got[-1]
    assert isinstance(last, SpeechChunk)
    assert (last.final, last.data, last.sample_count, last.start_sample) == (True, b"", 0, 4)


def test_starts_ends_warnings_and_drafts_come_once() -> None:
    draft = DraftReport(0, "spa", False, 8_000, 0, "", "Mi", " mujer", "near_end")
    events: list[SessionEvent] = [
        SpeechStarted(0, 0), draft, StreamWarning("short_text", "m", 0, "spa"),
        SpeechEnded(0, SOURCE, EndReason.SILENCE), DONE,
    ]  # fmt: skip
    assert broken(events[:3], events) == events
    assert broken(events, events) == events


def test_progress_never_goes_back_and_a_move_is_not_told() -> None:
    got = broken(
        [Progress(100, 50, b"t"), GoAway(1_000)], [Progress(60, 50, b"t"), Progress(70, 60, b"u"), DONE]
    )
    assert got == [Progress(100, 50, b"t"), Progress(100, 60, b"u"), DONE]


def test_what_is_committed_costs_no_memory() -> None:
    deduplicator = EventDeduplicator()
    for number in range(100):
        place = 16_000 * number
        deduplicator.accept(SpeechStarted(number, place))
        deduplicator.accept(SpeechEnded(number, SampleRange(place, place + 8_000), EndReason.SILENCE))
        deduplicator.accept(
            UtteranceDone(number, SampleRange(place, place + 8_000), UtteranceStatus.OK, Usage())
        )
        deduplicator.forget(place + 8_000)
    assert not deduplicator._utterances
    assert deduplicator.next_id(0) == 100


def test_the_language_is_told_once_for_each_time() -> None:
    """An utterance that grows is told it by its first sound and by all of it."""
    first, last = LanguageDetected(0, "eng", 0.9, sure=True), LanguageDetected(0, "eng", 0.99, sure=True)
    again = LanguageDetected(0, "eng", 0.9000001, sure=True)
    started = SpeechStarted(0, 0)
    assert broken([started, first], [started, again, last]) == [started, first, last]
    assert broken([started, first, last, DONE], [started, again, last, DONE]) == [started, first, last, DONE]
