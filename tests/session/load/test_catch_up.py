"""Speech that runs longer than its source, in a call where nobody pauses to wait for it."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, samples_of
from tests.session.harness import (
    check_contract,
    chunks,
    collect,
    config,
    count_samples,
    house,
    of,
    speak,
    utterances,
)
from tests.virtual_time import virtual_time
from translate_svc.engine.request import Request
from translate_svc.session.utterances.speech_writer import (
    SHORTEST_PAUSES,
    Playout,
    catch_up_factor,
    hypothesis_pace,
)
from translate_svc.types import EndInput, SpeechChunk, TargetSettings

LONGER = 1.3
"""Speech, at factor 1, to its source."""


def wordy(request: Request) -> ScriptedRequest:
    """Speech that is ``LONGER`` than its source, times the factor asked for, in pieces of half a second."""

    def sequence(duration_factor: float) -> ScriptedSequence:
        units = round(LONGER * duration_factor * len(samples_of(request)) / 320)
        pieces = (25,) * (units // 25) + ((units % 25,) if units % 25 else ())
        return ScriptedSequence(piece_units=pieces, piece_interval_s=0.01)

    return ScriptedRequest(tuple(sequence(spec.duration_factor) for spec in request.sequences))


def call(*targets: TargetSettings, count: int = 40) -> tuple[dict[str, list[int]], list[Request]]:
    """``count`` utterances of 3.5 s every 3.6 s; by language, the lag at the end of each one's speech."""

    async def scenario() -> tuple[dict[str, list[int]], list[Request]]:
        async with house(wordy) as home:
            session = home.open(config(*targets))
            reader = asyncio.create_task(collect(session))
            audio = utterances(count, speech_s=3.0, pause_s=0.6)
            await speak(session, audio)
            await session.receive(EndInput(count_samples(chunks(audio))))
            events = await reader
        check_contract(events)
        lags: dict[str, list[int]] = {}
        for chunk in of(events, SpeechChunk):
            if chunk.final:
                lags.setdefault(chunk.language, []).append(chunk.output_lag_ms)
        return lags, home.engine.submitted

    with virtual_time() as runner:
        return runner.run(scenario())


def test_speech_longer_than_its_source_lags_ever_farther_unless_it_may_catch_up() -> None:
    """Forty utterances of 3.5 s, each into a language with and one without. Without catching up each adds
    a second of lag: 37 s in the end. With it the lag settles immediately and stays at 0.8 s.
    """
    patient = TargetSettings("fr")
    hurried = TargetSettings("es", catch_up_duration_factor=0.7)
    lags, requests = call(patient, hurried)
    growth = [later - earlier for earlier, later in zip(lags["fra"], lags["fra"][1:], strict=False)]
    assert lags["fra"][-1] > 30_000
    assert min(growth) > 500, "it grows with every utterance"
    assert max(lags["spa"]) < 1_000
    assert max(lags["spa"][5:]) - min(lags["spa"][5:]) < 100, "it settles"
    french, spanish = zip(
        *((spec.duration_factor for spec in each.sequences) for each in requests), strict=True
    )
    assert set(french) == {1.0}
    assert spanish[0] == 1.0, "nothing is being played yet"
    assert all(0.7 <= factor < 1.0 for factor in spanish[1:])
    assert spanish[-1] == pytest.approx(1 / LONGER, abs=0.05), "as fast as it takes, and no faster"


def test_who_may_hurry_only_a_little_falls_behind_more_slowly() -> None:
    lags, requests = call(TargetSettings("es", catch_up_duration_factor=0.9), count=20)
    free, _ = call(TargetSettings("es"), count=20)
    assert 5_000 < lags["spa"][-1] < free["spa"][-1] - 5_000
    assert min(each.sequences[0].duration_factor for each in requests) == 0.9


@pytest.mark.parametrize(
    ("backlog_s", "source_s", "factor"),
    [
        (0.0, 4.0, 1.2),
        (0.4, 4.0, 0.9),
        (1.0, 4.0, 0.75),
        (2.0, 4.0, 0.6),
        (9.0, 4.0, 0.6),
        (0.1, 0.0, 0.6),
        (1e-9, 4.0, 1.0),
    ],
)
def test_as_fast_as_the_backlog_needs_within_the_two_factors(
    backlog_s: float, source_s: float, factor: float
) -> None:
    chosen = catch_up_factor(backlog_s, source_s, duration_factor=1.2, catch_up_duration_factor=0.6)
    assert chosen == pytest.approx(factor)


def test_a_slow_voice_is_not_slower_for_catching_up() -> None:
    assert catch_up_factor(0.4, 4.0, duration_factor=0.8, catch_up_duration_factor=0.5) == 0.8


def translated(longer: float, minutes: int = 10) -> tuple[list[float], list[float]]:
    """What waits, and how words are hurried, where each hypothesis speaks for half a second of source.

    ``longer``: speech, at factor 1, to its source. A sixth of it is pauses.
    """
    waiting_s, waits, factors = 0.0, [], []
    for _ in range(minutes * 120):
        factor, pauses = hypothesis_pace(waiting_s, duration_factor=1.0, catch_up_duration_factor=0.8)
        spoken_s = 0.5 * longer * factor * (5 + pauses) / 6
        waiting_s = max(0.0, waiting_s + spoken_s - 0.5)
        waits.append(waiting_s)
        factors.append(factor)
    return waits, factors


@pytest.mark.parametrize(
    ("longer", "most_s", "hurried"), [(1.0, 0.1, 0.99), (1.1, 0.5, 0.95), (1.25, 1.2, 0.9), (1.35, 1.7, 0.83)]
)
def test_simultaneous_speech_settles_and_shortens_pauses_before_words(
    longer: float, most_s: float, hurried: float
) -> None:
    waits, factors = translated(longer)
    assert max(waits) < most_s
    assert waits[-1] == pytest.approx(waits[-600], abs=0.01), "it does not grow"
    assert min(factors) >= hurried


def test_simultaneous_speech_is_never_faster_than_it_may_be() -> None:
    pace = [
        hypothesis_pace(waiting_s, duration_factor=1.2, catch_up_duration_factor=0.9)
        for waiting_s in (0.0, 0.5, 1.0, 2.0, 3.0, 9.0)
    ]
    assert [words for words, _ in pace] == pytest.approx([1.2, 1.125, 1.05, 0.9, 0.9, 0.9])
    assert [pauses for _, pauses in pace] == pytest.approx([1.0, *[SHORTEST_PAUSES] * 5])


def test_the_backlog_is_what_is_left_to_hear() -> None:
    playout = Playout()
    assert playout.backlog_s(3.0) == 0.0
    assert playout.push(3.0, 2.0) == 3.0
    assert playout.push(4.0, 2.0) == 5.0
    assert [playout.backlog_s(now_s) for now_s in (4.0, 6.5, 7.0, 99.0)] == [3.0, 0.5, 0.0, 0.0]
