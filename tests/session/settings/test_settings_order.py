"""Whatever comes between updates, none of them shifts another."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.session.harness import (
    check_contract,
    chunks,
    collect,
    config,
    house,
    of,
    silence,
    speak,
    speech,
    texts,
)
from tests.virtual_time import virtual_time
from translate_svc.session.options import SessionOptions
from translate_svc.types import (
    ClearInput,
    EndInput,
    FinalizeInput,
    StreamSettings,
    TargetSettings,
    Updated,
    UpdateInput,
)


def _settings(*targets: TargetSettings) -> StreamSettings:
    return StreamSettings(targets)


_TAGS = ("fra", "deu", "ita", "por", "nld", "pol", "ron", "swe", "dan", "fin", "ces", "cat")
"""One update each, so that what an utterance was translated into tells which of them it obeyed."""

_actions = st.lists(
    st.one_of(
        st.sampled_from(["update", "update", "clear", "finalize"]),
        st.tuples(st.booleans(), st.sampled_from([0.05, 0.15, 0.7, 1.2])),
    ),
    min_size=4,
    max_size=24,
)


@given(actions=_actions, in_flight=st.integers(1, 3), paced=st.booleans(), half_closed=st.booleans())
@hypothesis_settings(max_examples=60)
def test_whatever_comes_between_each_utterance_obeys_the_last_update_that_was_told_before_it(
    actions: list[str | tuple[bool, float]], in_flight: int, paced: bool, half_closed: bool
) -> None:
    """Cuts, clears and the end among updates: each update is told once, in order, and none shifts another."""

    async def scenario() -> None:
        options = SessionOptions(max_utterances_in_flight=in_flight, max_queued_input_ms=60_000)
        async with house(options=options) as home:
            session = home.open(config(TargetSettings("spa")))
            reader = asyncio.create_task(collect(session))
            sent, total = 0, 0
            for action in actions:
                match action:
                    case "update":
                        if sent < len(_TAGS):
                            await session.receive(UpdateInput(_settings(TargetSettings(_TAGS[sent]))))
                            sent += 1
                    case "clear":
                        await session.receive(ClearInput())
                    case "finalize":
                        await session.receive(FinalizeInput())
                    case (loud, seconds):
                        audio = speech(float(seconds)) if loud else silence(float(seconds))
                        total += len(audio)
                        if paced:
                            await speak(session, audio)
                        else:
                            for chunk in chunks(audio):
                                await session.receive(chunk)
            await (session.half_close() if half_closed else session.receive(EndInput(total)))
            events = await reader
        check_contract(events)
        told = [event.from_utterance_id for event in of(events, Updated)]
        assert len(told) == sent
        assert told == sorted(told)
        for utterance, language in texts(events):
            obeyed = sum(first <= utterance for first in told)
            assert language == ("spa", *_TAGS)[obeyed]
        obeyed_by = [utterance for utterance, _ in texts(events)]
        assert len(obeyed_by) == len(set(obeyed_by)), "settings never change within an utterance"

    with virtual_time() as runner:
        runner.run(scenario())
