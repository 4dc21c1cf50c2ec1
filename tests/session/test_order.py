"""What waits for what, and what must not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.session.harness import check_contract, chunks, config, converse, house, of, texts, utterances
from tests.virtual_time import virtual_time
from translate_svc.engine.events import StopReason
from translate_svc.engine.request import Request
from translate_svc.types import (
    Inspect,
    SessionEvent,
    TargetSettings,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)


def number_of(request: Request) -> int:
    return int(request.request_id.rsplit("/", 1)[1])


def stream(
    script: dict[int, ScriptedRequest], targets: tuple[TargetSettings, ...], count: int
) -> list[SessionEvent]:
    """The events of ``count`` utterances that are all cut at the same moment, answered as scripted."""

    async def scenario() -> list[SessionEvent]:
        async with house(lambda request: script[number_of(request)]) as home:
            return await converse(home.open(config(*targets)), chunks(utterances(count)))

    with virtual_time() as runner:
        return runner.run(scenario())


def test_one_target_does_not_wait_for_another() -> None:
    slow = ScriptedSequence(deltas=("slow",), token_interval_s=5.0)
    fast = ScriptedSequence(deltas=("fast",))
    both = ScriptedRequest((slow, fast))
    events = stream({0: both, 1: both}, (TargetSettings("es"), TargetSettings("fr")), 2)
    check_contract(events)
    order = [(delta.language, delta.utterance_id) for delta in of(events, TextDelta) if delta.final]
    assert order == [("fra", 0), ("fra", 1), ("spa", 0), ("spa", 1)]


def test_an_end_does_not_wait_for_anothers_speech() -> None:
    slow = ScriptedSequence(piece_units=(25, 25), piece_interval_s=5.0)
    script = {0: ScriptedRequest((slow,)), 1: ScriptedRequest((ScriptedSequence(deltas=()),))}
    events = stream(script, (TargetSettings("es"),), 2)
    check_contract(events)
    ends = [(done.utterance_id, done.status) for done in of(events, UtteranceDone)]
    assert ends == [(1, UtteranceStatus.EMPTY), (0, UtteranceStatus.OK)]


def test_what_waits_for_its_turn_is_all_there_when_it_comes() -> None:
    slow = ScriptedSequence(deltas=("one",), token_interval_s=9.0, piece_units=(25,))
    fast = ScriptedSequence(deltas=("two", " too"), piece_units=(25, 50))
    script = {0: ScriptedRequest((slow,)), 1: ScriptedRequest((fast,)), 2: ScriptedRequest((fast,))}
    events = stream(script, (TargetSettings("es"),), 3)
    check_contract(events)
    assert texts(events) == {(0, "spa"): "one", (1, "spa"): "two too", (2, "spa"): "two too"}
    assert [done.usage.speech_ms for done in of(events, UtteranceDone)] == [500, 1_500, 1_500]


sequence = st.builds(
    ScriptedSequence,
    deltas=st.lists(st.sampled_from(["a", " b", ""]), max_size=4).map(tuple),
    piece_units=st.lists(st.integers(1, 60), min_size=1, max_size=4).map(tuple),
    stop=st.sampled_from(StopReason),
    unexpected_script=st.booleans(),
    token_interval_s=st.sampled_from([0.0, 0.02, 0.7]),
    text_to_unit_s=st.sampled_from([0.0, 0.3]),
    piece_interval_s=st.sampled_from([0.0, 0.05, 2.0]),
    fail_after_tokens=st.none() | st.integers(0, 3),
    fail_after_pieces=st.none() | st.integers(0, 3),
)


@given(st.data())
@settings(max_examples=40)
def test_the_contract_holds_whatever_the_engine_does(data: st.DataObject) -> None:
    targets = data.draw(
        st.lists(
            st.sampled_from(
                [TargetSettings("es"), TargetSettings("fr", text=False), TargetSettings("de", speech=False)]
            ),
            min_size=1,
            unique_by=lambda target: target.language,
        ),
        label="targets",
    )
    count = data.draw(st.integers(1, 4), label="utterances")
    script = {
        number: ScriptedRequest(
            tuple(data.draw(sequence) for _ in range(len(targets) + 1)),
            encode_s=data.draw(st.sampled_from([0.0, 0.1, 3.0])),
            encode_fails=data.draw(st.sampled_from([False, False, True])),
        )
        for number in range(count)
    }

    unasked = {Inspect.DRAFTS, Inspect.ALTERNATIVES}
    if not any(target.speech for target in targets):
        unasked.add(Inspect.UNITS)

    async def scenario() -> list[SessionEvent]:
        async with house(lambda request: script[number_of(request)]) as home:
            asked = config(*targets, source_language="en", include=frozenset(Inspect) - unasked)
            return await converse(home.open(asked), chunks(utterances(count)))

    with virtual_time() as runner:
        events = runner.run(scenario())
    check_contract(events)
    said = texts(events)
    for done in of(events, UtteranceDone):
        scripted = script[done.utterance_id]
        if done.status is UtteranceStatus.FAILED:
            continue
        assert not scripted.encode_fails
        for target, sequence_script in zip(targets, scripted.sequences, strict=False):
            code = {"es": "spa", "fr": "fra", "de": "deu"}[target.language]
            if target.text:
                assert said.get((done.utterance_id, code), "") == "".join(sequence_script.deltas)
            else:
                assert (done.utterance_id, code) not in said
