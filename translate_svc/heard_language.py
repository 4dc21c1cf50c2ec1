"""Which language an utterance is in: what is asked, and the decision. Plain data, no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SURE = 0.9
"""Least probability of a language before the end of its utterance."""

PROBABLE = 0.6
"""Least probability of a language at the end."""


@dataclass(frozen=True, slots=True)
class LanguageQuestion:
    """A request asks which language is spoken.

    Attributes:
        prior: by code, how probable each candidate is before anything is heard. What they lack to 1 is the
            probability of any other language.
        assumed: the language to go on with where none is probable enough. None: no language; or, of a model
            for which every speech is one of its languages, the likeliest candidate, as a guess.
        is_last: the decision cannot wait for more speech, if a language is probable.
        may_guess: no other request of the utterance asks again.
        known: the language that an earlier request of the utterance has found. It stays.
    """

    prior: Mapping[str, float] = field(default_factory=dict)
    assumed: str | None = None
    is_last: bool = True
    may_guess: bool = True
    known: str | None = None


@dataclass(frozen=True, slots=True)
class HeardLanguage:
    """An answer to a ``LanguageQuestion``.

    Attributes:
        language: to go on with; None: none.
        probability: of the most probable candidate, 0 to 1; of a language that was known, of that.
        is_sure: whether the most probable candidate is ``language`` and probable enough. If not,
            ``language`` was assumed, or what is heard now sounds like another one than was known.
        is_guess: ``language`` is the likeliest candidate, and not probable enough. A transcript is written in
            it; nothing is left out for it, and the next utterance is not taken for it.
        possible: the candidates that are not improbable, where the decision waits for more speech.
    """

    language: str | None
    probability: float
    is_sure: bool
    possible: tuple[str, ...] = ()
    is_guess: bool = False


def decide(
    question: LanguageQuestion, languages: Sequence[str], log_probabilities: Sequence[float]
) -> HeardLanguage:
    """The answer to a question.

    Args:
        languages: codes that the model can tell.
        log_probabilities: natural, of each of them and, last, of any other language, all being as likely
            before; minus infinity: it is always one of them. Empty: nothing could be told.
    """
    found = posterior(question.prior, languages, log_probabilities)
    best = max(found, key=lambda language: found[language], default=None)
    if question.known is not None:
        probability = found.get(question.known, 1.0)
        is_sure = best in (question.known, None) and probability >= PROBABLE
        return HeardLanguage(question.known, probability, is_sure)
    probability = found[best] if best is not None else 0.0
    if probability >= (PROBABLE if question.is_last else SURE):
        return HeardLanguage(best, probability, is_sure=True)
    if question.is_last:
        only_these = bool(log_probabilities) and log_probabilities[-1] == -math.inf
        if only_these and question.may_guess and question.assumed is None:
            return HeardLanguage(best, probability, is_sure=False, is_guess=True)
        return HeardLanguage(question.assumed, probability, is_sure=False)
    possible = tuple(language for language, share in found.items() if share > 1.0 - SURE)
    return HeardLanguage(None, probability, is_sure=False, possible=possible)


def posterior(
    prior: Mapping[str, float], languages: Sequence[str], log_probabilities: Sequence[float]
) -> dict[str, float]:
    """The probability of each candidate, by Bayes' rule. Empty if nothing could be told.

    Languages that are no candidates share what the candidates lack to 1 evenly.
    """
    if not log_probabilities:
        return {}
    *known, other = map(math.exp, log_probabilities)
    heard = dict(zip(languages, known, strict=True))
    others = [other, *(heard[code] for code in languages if code not in prior)]
    weights = {code: share * heard[code] for code, share in prior.items() if code in heard}
    rest = max(0.0, 1.0 - math.fsum(prior.values())) * math.fsum(others) / len(others)
    total = math.fsum(weights.values()) + rest
    return {code: weight / total for code, weight in weights.items()} if total else {}
