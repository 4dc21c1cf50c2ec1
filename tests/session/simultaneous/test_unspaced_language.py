"""Simultaneous translation into a language without spaces or full stops: nothing but characters to count."""

from __future__ import annotations

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, samples_of
from tests.session.harness import check_contract, chunks, config, converse, house, of, utterances
from tests.session.simultaneous.test_simultaneous import play
from translate_svc.engine.request import HypothesisRequest, Request
from translate_svc.engine.simultaneous.kept_history import HISTORY_CHARACTERS
from translate_svc.engine.simultaneous.words import character_count
from translate_svc.types import EndReason, SimultaneousSettings, SpeechEnded, TargetSettings, TextDelta

CHARACTERS, STEP_FRAMES = 4, 5
BUFFER_MS = 12_000


def a_few_characters(request: Request) -> ScriptedRequest:
    """Every hypothesis commits the next characters of one endless word, and holds another."""
    assert isinstance(request, HypothesisRequest)
    (state,) = request.hypothesis.sequences
    first = 0x4E00 + state.committed_tokens
    deltas = tuple(chr(first + index) for index in range(CHARACTERS))
    said = ScriptedSequence(deltas, held=("\u3002",), token_frames=STEP_FRAMES / CHARACTERS)
    return ScriptedRequest((said,))


def test_the_buffer_shrinks_and_no_character_is_lost() -> None:
    async def scenario() -> None:
        async with house(a_few_characters) as rooms:
            settings = SimultaneousSettings(step_ms=800, max_buffer_ms=BUFFER_MS)
            stream = config(TargetSettings("ja", speech=False), simultaneous=settings)
            events = await converse(rooms.open(stream), chunks(utterances(1, speech_s=120.0), 3_200))
            check_contract(events)
            asked = rooms.engine.submitted
            for request in asked:
                assert isinstance(request, HypothesisRequest)
                (state,) = request.hypothesis.sequences
                assert len(state.history_token_ids) <= HISTORY_CHARACTERS
                assert state.previous is None or character_count(state.previous.pieces) <= 32
            lengths = [len(samples_of(request)) for request in asked]
            assert len(asked) > 140
            assert max(lengths) < BUFFER_MS * 16 * 2 // 3, (
                "it is shortened by its text, long before its bound"
            )
            reasons = {each.reason for each in of(events, SpeechEnded)}
            assert reasons == {EndReason.CONTINUED, EndReason.SILENCE}
            text = "".join(each.delta for each in of(events, TextDelta))
            assert text == "".join(chr(0x4E00 + index) for index in range(CHARACTERS * len(asked)))

    play(scenario())
