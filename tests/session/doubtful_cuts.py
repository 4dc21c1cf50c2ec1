"""Recordings whose cuts are doubtful, and engines that are sure or unsure of their pieces."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from tests.fakes.engine_script import Script, ScriptedRequest, ScriptedSequence, samples_of
from tests.session.harness import RATE_HZ, clip, silence, speech
from tests.virtual_time import virtual_time
from translate_svc.confidence import ConfidenceRule, Threshold
from translate_svc.engine.request import Request
from translate_svc.types import Samples
from translate_svc.vad.options import VadOptions

FLAGS_BELOW_A_HALF = ConfidenceRule(threshold=Threshold(intercept=0.0, slope=0.0))
VAD = VadOptions(good_utterance_ms=2_300, max_utterance_ms=7_000)
SENTENCE_S, SHORT_PAUSE_S, CLEAR_PAUSE_S, END_S = 2.4, 0.16, 0.4, 1.0
SURE, UNSURE = -0.05, -3.0
WHOLE_S = 2 * SENTENCE_S
"""A piece as long as this has two sentences in it."""


def play(scenario: Coroutine[Any, Any, None]) -> None:
    with virtual_time() as runner:
        runner.run(scenario)


def scripted(log_probability: Callable[[float], float], words: Callable[[float], int] = round) -> Script:
    """Texts of ``words`` tokens, each as probable as ``log_probability`` says, by the seconds of a piece."""

    def script(request: Request) -> ScriptedRequest:
        seconds = len(samples_of(request)) / RATE_HZ
        tokens = tuple(f" {seconds:.0f}" for _ in range(words(seconds)))
        one = ScriptedSequence(deltas=tokens, log_probability=log_probability(seconds))
        return ScriptedRequest(tuple(one for _ in request.sequences))

    return script


sure_of_all = scripted(lambda seconds: SURE)
sure_of_two = scripted(lambda seconds: SURE if seconds > WHOLE_S else UNSURE)
unsure_of_all = scripted(lambda seconds: UNSURE)
fewer_words_in_two = scripted(
    lambda seconds: -2.0 if seconds > WHOLE_S else UNSURE, words=lambda seconds: 1 if seconds > WHOLE_S else 4
)


def recording(*pauses_s: float) -> Samples:
    """Sentences with these pauses between them, and a silence that ends the last one."""
    pieces = [each for pause_s in pauses_s for each in (speech(SENTENCE_S), silence(pause_s))]
    return clip(silence(0.5), *pieces, speech(SENTENCE_S), silence(END_S))


JUST_TRIED = recording(SHORT_PAUSE_S)[: -round((END_S - 0.55) * RATE_HZ)]
"""It ends just behind the silence that ends the stretch: the pieces are with the engine."""
