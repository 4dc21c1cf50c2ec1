"""Speculative tokens: those that greedy decoding gives as well are accepted, the others count as not fed.

Leviathan et al. 2023, "Fast Inference from Transformers via Speculative Decoding". Here the tokens come from
an earlier hypothesis, not from a smaller model. Greedy decoding gives the same text with and without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from translate_svc.models.decoded_step import DecodedStep
from translate_svc.models.layers.transformer import to_device
from translate_svc.models.runs import Runs

_NO_TOKEN = -1


@dataclass(frozen=True, slots=True, eq=False)
class AcceptedRun:
    """One row of a pass, up to the last accepted token.

    Attributes:
        step: the row alone, as if the run had ended there.
        tokens: fed tokens that count: the known ones and the accepted ones.
        accepted: natural log-probabilities of the accepted tokens.
    """

    step: DecodedStep
    tokens: int
    accepted: tuple[float, ...]


def following(runs: Runs, token_ids: Tensor) -> tuple[Tensor, Tensor]:
    """The token after each run and its accepted tokens, and the position of that token, each ``[B]``.

    ``token_ids``: the greedy ones, ``[N]`` as in ``StepLogits``. They stay on their device: nothing waits.
    """
    counts = runs.speculative or [0] * len(runs.slots)
    if not any(counts):
        return token_ids, to_device(runs.ends(), token_ids.device)
    width, first = max(counts), 0
    rows: list[list[int]] = []
    for run, end, count in zip(runs.token_ids, runs.ends(), counts, strict=True):
        proposed = run[len(run) - count :]
        rows.append([first, end - count, *proposed, *[_NO_TOKEN] * (width - count)])
        first += count + 1
    table = to_device(rows, token_ids.device)
    firsts, ends, proposals = table[:, 0], table[:, 1], table[:, 2:]
    places = firsts[:, None] + torch.arange(width, device=token_ids.device)
    right = token_ids[places.clamp(max=len(token_ids) - 1)] == proposals
    accepted = right.long().cumprod(dim=1).sum(dim=1)
    return token_ids[firsts + accepted], ends + accepted


def accepted_runs(
    step: DecodedStep, token_ids: Sequence[Sequence[int]], speculative: Sequence[Sequence[int]]
) -> Iterator[AcceptedRun]:
    """Each row of ``step``, whose runs were ``token_ids[i]`` and then ``speculative[i]``."""
    end = 0
    for row, (run, proposed) in enumerate(zip(token_ids, speculative, strict=True)):
        first, end = end, end + len(proposed) + 1
        greedy = step.token_ids[first:end].tolist()
        right = next((at for at, token in enumerate(proposed) if token != greedy[at]), len(proposed))
        frames, attention = step.source_frames, step.attention
        own = slice(first + right, first + right + 1)
        columns = slice(None, right - len(proposed) or None)  # without the rejected tokens
        alone = DecodedStep(
            step.token_ids[own],
            step.log_probabilities[own],
            step.finite[own],
            None if frames is None else frames[row : row + 1, columns],
            None if attention is None else attention[row : row + 1, columns],
        )
        accepted = tuple(step.log_probabilities[first : first + right].tolist())
        yield AcceptedRun(alone, len(run) + right, accepted)
