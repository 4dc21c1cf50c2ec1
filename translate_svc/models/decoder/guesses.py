"""Guessed tokens: what greedy decoding would have written is kept, the rest is as if it had not been fed.

Leviathan et al. 2023, "Fast Inference from Transformers via Speculative Decoding"; here the guess comes from
an earlier draft, not from a smaller model. With greedy decoding the text is the same as without a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from translate_svc.models.decoder.decoded_step import DecodedStep


@dataclass(frozen=True, slots=True, eq=False)
class CheckedRun:
    """One row of a pass, up to the last guess that was right.

    Attributes:
        step: the row alone, as if the run had ended there.
        tokens: fed tokens that count: the known ones and the guesses that were right.
        guessed: log-probabilities of the guesses that were right.
    """

    step: DecodedStep
    tokens: int
    guessed: tuple[float, ...]


def checked_runs(
    step: DecodedStep, token_ids: Sequence[Sequence[int]], guesses: Sequence[Sequence[int]]
) -> Iterator[CheckedRun]:
    """Each row of ``step``, whose runs were ``token_ids[i]`` and then ``guesses[i]``."""
    end = 0
    for row, (run, guess) in enumerate(zip(token_ids, guesses, strict=True)):
        first, end = end, end + len(guess) + 1
        greedy = step.token_ids[first:end].tolist()
        right = next((at for at, token in enumerate(guess) if token != greedy[at]), len(guess))
        frames, attention = step.source_frames, step.attention
        own = slice(first + right, first + right + 1)
        columns = slice(None, right - len(guess) or None)  # without the guesses that were wrong
        alone = DecodedStep(
            step.token_ids[own],
            step.log_probabilities[own],
            step.finite[own],
            None if frames is None else frames[row : row + 1, columns],
            None if attention is None else attention[row : row + 1, columns],
        )
        guessed = tuple(step.log_probabilities[first : first + right].tolist())
        yield CheckedRun(alone, len(run) + right, guessed)
