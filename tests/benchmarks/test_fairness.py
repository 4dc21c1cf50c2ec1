"""``make fairness``: its callers are of their kinds, lose nothing unseen, and what it finds is judged."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from benchmarks.attacks.heard import Heard, Sample
from benchmarks.fairness.kinds import KINDS, Site
from benchmarks.fairness.measure import BYSTANDERS, measure
from benchmarks.fairness.neighbours import LOADS, NONE, ONE, neighbour
from benchmarks.fairness.result import FairnessResult, Lateness, Turns, lateness, result
from benchmarks.newcomers import GreedyCaller, NewcomersResult, come, meet
from benchmarks.soak.server import ServerSetup
from benchmarks.soak.server_process import ServerProcess, server_process
from tests.waiting import until

HEAVY = "20 openai"
PLACES = 10
_in_the_servers_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[ServerProcess]:
    async with server_process(ServerSetup(max_streams=PLACES, max_running_requests=4, http=True)) as running:
        yield running


@pytest.fixture
def site(server: ServerProcess) -> Site:
    """Without keys: it needs none."""
    return Site(server.target, server.http, defaultdict(str))


# ------------------------------------------------------------------ callers


@pytest.mark.realtime
@_in_the_servers_loop
async def test_callers_of_all_kinds_hear_every_utterance_whole(site: Site) -> None:
    callers = {kind: site.caller(kind, "", 2, 6.0) for kind in KINDS}
    await asyncio.gather(*(caller.run() for caller in callers.values()))
    assert all(caller.opened.is_set() for caller in callers.values())
    assert [caller.heard.lost for caller in callers.values()] == [[]] * len(KINDS)
    ended = {kind: len(caller.heard.texts) for kind, caller in callers.items()}
    assert ended == {"utterance": 2, "targets": 2 * 3, "simultaneous": 1, "openai": 1}


@pytest.mark.realtime
@_in_the_servers_loop
@pytest.mark.parametrize("name", LOADS)
async def test_a_neighbour_is_given_what_its_load_asks_for_and_leaves_nothing(
    server: ServerProcess, site: Site, name: str
) -> None:
    wanted = LOADS[name].at_once
    async with neighbour(site, LOADS[name]) as beside:
        await until(lambda: beside.given >= min(1, wanted))
        if LOADS[name].kind:
            await until(lambda: beside.refused >= wanted - PLACES)
    assert not beside.failures
    assert beside.counts() == {"given": beside.given, "refused": beside.refused, "failed": 0}
    await server.at_rest()


@pytest.mark.realtime
@_in_the_servers_loop
async def test_a_newcomer_waits_while_the_server_is_full_and_no_longer(site: Site) -> None:
    greedy = GreedyCaller(site, dict.fromkeys(KINDS, PLACES))
    speaking = asyncio.create_task(greedy.run())
    await until(lambda: greedy.held == PLACES)
    coming, began_s = asyncio.create_task(come(site, "openai", "", stays_s=1.0)), time.monotonic()
    await asyncio.sleep(1.0)
    assert not coming.done()
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)
    assert 1.0 <= await coming <= time.monotonic() - began_s
    assert not greedy.failed
    assert greedy.held == 0


@pytest.mark.realtime
@_in_the_servers_loop
async def test_newcomers_of_all_kinds_come_in_where_there_is_room(site: Site) -> None:
    greedy = GreedyCaller(site, {"utterance": 1, "openai": 1})
    speaking = asyncio.create_task(greedy.run())
    await until(lambda: greedy.held == 2)
    met = await meet(site, greedy, ["first", "second", "third", "fourth"], stays_s=1.0)
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)
    assert met.held == (2, 2)
    assert {kind: len(waits_s) for kind, waits_s in met.waits_s.items()} == dict.fromkeys(KINDS, 1)
    assert met.failed == {}


# ------------------------------------------------------------------ what one heard


def test_an_utterance_is_lost_unless_all_its_texts_and_speeches_have_come() -> None:
    heard = Heard(("spa", "deu"))
    for number in range(4):
        heard.begin(number)
        heard.text(number, "spa", "hola", final=True)
        heard.speech(number, "spa", final=True)
    heard.text(0, "deu", "hallo", final=True)
    heard.speech(0, "deu", final=True)
    heard.done(0, "ok")
    heard.text(1, "deu", "", final=True)
    heard.speech(1, "deu", final=True)
    heard.done(1, "ok")
    heard.text(2, "deu", "hallo", final=False)
    heard.speech(2, "deu", final=False)
    heard.done(2, "ok")
    heard.done(3, "failed")
    for number in (4, 5):
        heard.begin(number)
    heard.end(4, time.monotonic())
    heard.done(4, "empty")
    heard.done(5, "empty")  # the end of the stream has cut it
    assert [each.outcome for each in heard.lost] == [
        "ok, without text deu",
        "ok, without all speech deu, all text deu",
        "failed, without all speech deu, all text deu, text deu",
        "empty, without all speech deu, all speech spa, all text deu, all text spa, text deu, text spa",
    ]


@pytest.mark.parametrize(("simultaneous", "which"), [(False, 0), (True, 1)], ids=["first", "last"])
def test_what_counts_is_the_first_text_and_in_simultaneous_mode_the_last(
    simultaneous: bool, which: int
) -> None:
    heard = Heard(("spa", "deu"), simultaneous)
    heard.begin(0)
    heard.text(0, "spa", "antes", final=False)
    heard.end(0, time.monotonic() - 1.0)
    came = []
    for delta, final in (("de", False), ("", True)):
        heard.text(0, "spa", delta, final=final)
        came.append(len(heard.texts))
    assert came == [1 - which, 1]
    (sample,) = heard.texts
    assert sample.ms >= 1000
    heard.text(0, "deu", "davor", final=True)
    assert len(heard.texts) == 2, "each language has its own"


# ------------------------------------------------------------------ the judgement


def turns(name: str, p95_ms: float) -> Turns:
    bystanders = {kind: Lateness(9, 0, p95_ms, p95_ms, [p95_ms]) for kind in ("utterance", "openai")}
    return Turns(name, bystanders, 5, 0, 0, 5.0, 0.5, 0.5, 0.1)


def found(one_ms: float, heavy_ms: float, lost: int = 0, alone_ms: float = 100.0) -> FairnessResult:
    made = [turns(NONE, alone_ms), turns(ONE, one_ms), turns(HEAVY, heavy_ms)]
    return result(made, {"utterance": 0, "openai": lost}, 10.0, 1.0)


def test_a_heavy_neighbour_is_compared_with_one_recording_at_a_time() -> None:
    measured = found(one_ms=200, heavy_ms=220)
    assert measured.ratios_to_one == {HEAVY: {"utterance": 1.1, "openai": 1.1}}
    assert measured.ratios_to_none[ONE] == {"utterance": 2.0, "openai": 2.0}
    assert measured.ratios_to_none[HEAVY] == {"utterance": 2.2, "openai": 2.2}
    assert measured.unfair() == []


def test_what_is_late_or_lost_is_unfair_and_said() -> None:
    assert len(found(one_ms=200, heavy_ms=224).unfair()) == len(("utterance", "openai"))
    assert found(one_ms=200, heavy_ms=200, lost=3).unfair() == ["openai lost 3 utterances"]


def test_texts_that_are_late_without_a_neighbour_tell_of_a_busy_machine() -> None:
    assert found(200, 200, alone_ms=501).too_busy
    assert not found(900, 900, alone_ms=499).too_busy
    met = NewcomersResult({}, (0, 0), {}, 0, {})
    assert replace(met, alone_ms=501.0).too_busy
    assert not replace(met, alone_ms=499.0).too_busy


def test_one_bad_turn_decides_nothing_and_an_empty_one_is_an_error() -> None:
    texts = [Sample(at_s, ms) for at_s, ms in ((1.0, 100.0), (2.0, 9000.0), (3.0, 110.0), (3.5, 90.0))]
    windows = [(1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]
    measured = lateness(texts, [Sample(2.5, 0.0, "failed"), Sample(9.0, 0.0, "failed")], windows)
    assert (measured.texts, measured.lost) == (4, 1)
    assert measured.p95_of_turns_ms == [100.0, 9000.0, 109.0]
    assert measured.p95_ms == 109.0
    with pytest.raises(ValueError, match="no text"):
        lateness(texts, [], [*windows, (4.0, 5.0)])


# ------------------------------------------------------------------ the whole


@pytest.mark.realtime
@pytest.mark.slow
@pytest.mark.timeout(560)
async def test_its_short_form_finds_every_kind_beside_every_neighbour_and_loses_nothing() -> None:
    measured = await measure(seconds=8.0, rounds=1, heavy=(HEAVY,))
    assert [each.neighbour for each in measured.turns] == [NONE, ONE, HEAVY]
    assert all(each.texts for turn in measured.turns for each in turn.bystanders.values())
    assert measured.lost == dict.fromkeys(BYSTANDERS, 0)
    assert measured.ratios_to_one[HEAVY].keys() == BYSTANDERS.keys() == KINDS.keys()
