from __future__ import annotations

import pytest

from translate_svc.session.capacity.stream_lag import StreamLag

RATE_HZ = 1_000


def stream() -> StreamLag:
    lag = StreamLag(RATE_HZ)
    lag.arrive(0, 20, 100.0)
    return lag


def test_without_anything_due_there_is_no_lag() -> None:
    assert stream().seconds(105.0) is None


def test_an_utterance_counts_from_when_it_is_due_until_it_is_answered_and_a_while_after() -> None:
    lag = stream()
    lag.expect(0, lag.due_s(2_000, 102.0))
    assert [lag.seconds(at_s) for at_s in (102.0, 103.5, 105.0)] == [0.0, 1.5, 3.0]
    lag.answer(0, 105.0)
    lag.answer(0, 109.0)
    assert [lag.seconds(at_s) for at_s in (106.0, 114.9, 115.0)] == [3.0, 3.0, None]


def test_the_oldest_one_counts() -> None:
    lag = stream()
    lag.expect(0, 102.0)
    lag.expect(1, 104.0)
    assert lag.seconds(105.0) == 3.0
    lag.answer(0, 105.0)
    lag.forget()
    assert lag.seconds(105.0) == 3.0, "what was late was late"


@pytest.mark.parametrize(
    ("position", "arrived_s", "due_s"),
    [
        (5_000, 105.0, 105.0),  # in real time
        (5_000, 108.0, 108.0),  # 3 s late
        (5_000, 100.5, 105.0),  # a file: ten times as fast as it plays
    ],
)
def test_audio_is_due_when_it_has_come_and_would_have_been_spoken(
    position: int, arrived_s: float, due_s: float
) -> None:
    assert stream().due_s(position, arrived_s) == due_s


def test_a_file_is_never_behind() -> None:
    lag = stream()
    for number in range(10):
        arrived_s = 100.0 + number * 0.5
        lag.expect(number, lag.due_s((number + 1) * 5_000, arrived_s))
    assert lag.seconds(105.0, lag.due_s(60_000, 101.0)) == 0.0


def test_audio_that_waits_to_be_heard_counts() -> None:
    lag = stream()
    assert lag.seconds(110.0, lag.due_s(4_000, 104.0)) == 6.0


def test_what_waited_for_the_reader_is_due_when_it_reads_again() -> None:
    lag = stream()
    lag.expect(0, 102.0)
    lag.expect(1, 109.0)
    assert lag.seconds(110.0, 104.0, reader_late_s=108.0) == 2.0
    lag.answer(0, 110.0)
    lag.answer(1, 110.0)
    assert lag.seconds(110.5, None, reader_late_s=108.0) == 1.0
    assert lag.seconds(111.0, None, reader_late_s=110.8) == 0.0


def test_speech_in_a_long_message_is_due_when_that_has_come() -> None:
    lag = stream()
    lag.arrive(20, 8_000, 108.0)
    assert lag.due_s(3_000, 103.0) == 108.0
    assert lag.due_s(8_500, 108.5) == 108.5


def test_a_first_message_that_is_long_is_due_as_it_would_have_been_spoken() -> None:
    lag = StreamLag(RATE_HZ)
    lag.arrive(0, 60_000, 100.0)
    assert [lag.due_s(position, 40.0 + position / RATE_HZ) for position in (5_000, 59_000)] == [105.0, 159.0]
