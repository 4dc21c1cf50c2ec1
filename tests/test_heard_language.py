"""The rule that tells languages, the decision, and its file."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.errors import CheckpointError
from translate_svc.heard_language import HeardLanguage, LanguageQuestion, decide
from translate_svc.language_rule import LanguageDetection, LanguageRule
from translate_svc.models.spoken_languages.fit import PooledSpeech, fit_language_rule
from translate_svc.models.spoken_languages.languages_file import read_language_rule, write_language_rule
from translate_svc.session.source_language import Turns
from translate_svc.types import StreamSettings

LANGUAGES = ("deu", "eng", "spa")
EVEN = dict.fromkeys(LANGUAGES, 0.3)


def log(*probabilities: float) -> tuple[float, ...]:
    return tuple(np.log(probabilities).tolist())


def test_what_is_not_probable_enough_is_no_language() -> None:
    clear, faint = log(0.01, 0.96, 0.02, 0.01), log(0.2, 0.5, 0.2, 0.1)
    assert decide(LanguageQuestion(EVEN), LANGUAGES, clear).language == "eng"
    found = decide(LanguageQuestion(EVEN), LANGUAGES, faint)
    assert (found.language, found.is_sure) == (None, False)
    assumed = decide(LanguageQuestion(EVEN, assumed="spa"), LANGUAGES, faint)
    assert (assumed.language, assumed.is_sure) == ("spa", False)


def test_nothing_is_assumed_while_more_speech_can_decide() -> None:
    question = LanguageQuestion(EVEN, assumed="spa", is_last=False)
    assert decide(question, LANGUAGES, log(0.1, 0.8, 0.05, 0.05)).language is None
    assert decide(question, LANGUAGES, log(0.01, 0.97, 0.01, 0.01)).language == "eng"


def test_while_it_is_undecided_the_target_that_may_be_spoken_already_waits() -> None:
    question = LanguageQuestion(EVEN, is_last=False)
    heard = decide(question, LANGUAGES, log(0.04, 0.8, 0.15, 0.01))
    assert set(heard.possible) == {"eng", "spa"}
    specs = [SequenceSpec(each, not_from=(each,)) for each in LANGUAGES]
    made = [spec.language for spec in specs if spec.resolved(heard)]
    assert made == ["deu"]
    last = decide(replace(question, is_last=True), LANGUAGES, log(0.3, 0.3, 0.3, 0.1))
    assert all(spec.resolved(last) for spec in specs), "it cannot wait"


def test_a_language_that_was_found_stays() -> None:
    question = LanguageQuestion(EVEN, known="deu")
    assert decide(question, LANGUAGES, log(0.01, 0.97, 0.01, 0.01)).language == "deu"


def test_a_language_that_stays_is_sure_only_while_it_is_heard() -> None:
    question = LanguageQuestion(EVEN, known="deu")
    other = decide(question, LANGUAGES, log(0.01, 0.97, 0.01, 0.01))
    assert (other.probability < 0.1, other.is_sure) == (True, False)
    assert decide(question, LANGUAGES, log(0.97, 0.01, 0.01, 0.01)).is_sure
    assert decide(question, LANGUAGES, ()).is_sure, "nothing tells otherwise"
    assert decide(LanguageQuestion(known="deu"), LANGUAGES, log(0.01, 0.97, 0.01, 0.01)).is_sure


def test_candidates_count_and_other_languages_do_not() -> None:
    scores = log(0.45, 0.5, 0.04, 0.01)
    two = decide(LanguageQuestion({"deu": 0.495, "spa": 0.495}), LANGUAGES, scores)
    assert (two.language, two.is_sure) == ("deu", True)
    assert two.probability == pytest.approx(0.45 * 0.495 / (0.49 * 0.495 + (0.5 + 0.01) / 2 * 0.01))
    likelier = decide(LanguageQuestion({"deu": 0.2, "eng": 0.79}), LANGUAGES, scores)
    assert likelier.language == "eng"


def test_speech_that_is_no_candidates_is_unsure() -> None:
    found = decide(LanguageQuestion(EVEN), LANGUAGES, log(0.02, 0.02, 0.02, 0.94))
    assert found.language is None
    candidates = {"deu": 0.49, "spa": 0.49}
    assert decide(LanguageQuestion(candidates), LANGUAGES, log(0.001, 0.997, 0.001, 0.001)).language is None
    assert decide(LanguageQuestion(EVEN), LANGUAGES, ()) == HeardLanguage(None, 0.0, is_sure=False)


def test_where_no_other_language_is_known_the_likeliest_is_assumed() -> None:
    """Whisper takes all speech for one of its languages, and a transcript is in one."""
    faint = (*log(0.2, 0.5, 0.3), -math.inf)
    found = decide(LanguageQuestion(EVEN), LANGUAGES, faint)
    assert (found.language, found.is_sure) == ("eng", False)
    assert found.probability == pytest.approx(0.5)
    assert decide(LanguageQuestion(EVEN, is_last=False), LANGUAGES, faint).language is None
    assert decide(LanguageQuestion(EVEN, assumed="spa"), LANGUAGES, faint).language == "spa"
    assert found.is_guess
    assert decide(LanguageQuestion(EVEN, may_guess=False), LANGUAGES, faint).language is None, "it asks again"
    candidates = LanguageQuestion({"deu": 0.49, "spa": 0.49})
    assert decide(candidates, LANGUAGES, (*log(0.01, 0.98, 0.01), -math.inf)).language in ("deu", "spa")


@dataclass(frozen=True)
class Settled:
    settings: StreamSettings
    detected: tuple[str, ...] = LANGUAGES


@pytest.mark.parametrize("is_guess", [False, True])
def test_the_next_utterance_is_likelier_in_what_was_heard_and_not_in_what_was_guessed(is_guess: bool) -> None:
    turns, settled = Turns(), Settled(StreamSettings((), source_language="auto"))
    turns.record(HeardLanguage("spa", 0.5, is_sure=not is_guess, is_guess=is_guess))
    question = turns.question(settled, known=None, is_last=True)
    assert question is not None
    assert (question.prior["spa"] > question.prior["eng"]) is not is_guess


def speech(rng: np.random.Generator, languages: tuple[str | None, ...]) -> list[PooledSpeech]:
    """40 recordings of each, apart by a deviation or two, of 5 and 20 states."""
    made = []
    for place, language in enumerate(languages):
        for number in range(40):
            for states in (5, 20):
                pooled = rng.normal(0, 4 / np.sqrt(states), 8)
                pooled[place] += 2.0
                made.append(PooledSpeech(40 * place + number, language, pooled.astype(np.float32), states))
    return made


def test_a_rule_is_learnt_is_calibrated_and_knows_others() -> None:
    rng = np.random.default_rng(1)
    rule = fit_language_rule(speech(rng, ("eng", "spa", None)), "a test")
    held_out = speech(rng, ("eng", "spa", None))
    rows = {"eng": 0, "spa": 1, None: 2}
    made = np.array([rule.log_probabilities(each.pooled, each.states) for each in held_out])
    right = made.argmax(axis=1) == [rows[each.language] for each in held_out]
    long = np.array([each.states == 20 for each in held_out])
    assert right[long].mean() > 0.85
    assert np.exp(made.max(axis=1)).mean() == pytest.approx(right.mean(), abs=0.08)
    assert np.exp(made[~long]).max(axis=1).mean() < np.exp(made[long]).max(axis=1).mean()


def test_without_other_languages_what_lies_between_two_is_unsure() -> None:
    rng = np.random.default_rng(2)
    rule = fit_language_rule(speech(rng, ("eng", "spa")), "a test")
    between = np.array([1.0, 1.0, *[0.0] * 6])
    assert max(np.exp(rule.log_probabilities(between, 20))[:2]) < 0.6
    own = [each for each in speech(rng, ("eng", "spa")) if each.states == 20]
    assert np.mean([np.argmax(rule.log_probabilities(each.pooled, 20)) == 2 for each in own]) < 0.15


@pytest.mark.parametrize(("languages", "problem"), [(("eng",), "two languages"), ((), "two languages")])
def test_too_little_to_learn_from(languages: tuple[str, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        fit_language_rule(speech(np.random.default_rng(3), languages), "a test")


def test_the_file_keeps_the_rule_and_is_for_its_weights_alone(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    rng = np.random.default_rng(4)
    detection = LanguageDetection(LANGUAGES, "recordings", {"right": 0.9})
    rule = LanguageRule(detection, rng.normal(size=(4, 6)), rng.normal(size=4), (0.1, -0.2))
    write_language_rule(tmp_path, rule)
    kept = read_language_rule(tmp_path, 6)
    assert kept is not None
    assert kept.detection == detection
    pooled = rng.normal(size=6)
    assert kept.log_probabilities(pooled, 9) == pytest.approx(rule.log_probabilities(pooled, 9), abs=1e-2)
    with pytest.raises(CheckpointError):
        read_language_rule(tmp_path, 7)
    (tmp_path / "model.safetensors").write_bytes(b"others!")
    with pytest.raises(CheckpointError, match="other weights"):
        read_language_rule(tmp_path, 6)
