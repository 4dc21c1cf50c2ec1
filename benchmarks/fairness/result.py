"""What a run has found, and whether that is fair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks.attacks.heard import Sample, within
from benchmarks.fairness.neighbours import NONE, ONE

MAX_RATIO = 1.1
MAX_ALONE_MS = 500.0
"""On an idle machine the p95 of those who translate utterance by utterance is about 150 ms."""

Window = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late texts of one kind of bystander were beside one neighbour, in ms from the moment at which the
    end of an utterance could be known: their first parts, or their last in simultaneous mode. The 95th
    percentile of each turn, and their median. ``lost``: utterances that did not come whole.
    """

    texts: int
    lost: int
    p50_ms: float
    p95_ms: float
    p95_of_turns_ms: list[float]


@dataclass(frozen=True, slots=True)
class Turns:
    """All turns with one neighbour; ``bystanders`` by kind.

    ``given``, ``refused`` and ``failed``: the neighbour's texts or recordings, and calls. ``step_ms``: the
    mean step of the engine. Nothing interrupts a step. ``engine_share``: the share of the time in which the
    engine worked. ``server_cores`` and ``client_cores``: processor seconds a second, of the server and of
    this program.
    """

    neighbour: str
    bystanders: dict[str, Lateness]
    given: int
    refused: int
    failed: int
    step_ms: float
    engine_share: float
    server_cores: float
    client_cores: float


@dataclass(frozen=True, slots=True)
class FairnessResult:
    """``ratios_to_one``: by heavy neighbour and kind of bystander, the p95 to that beside one recording at a
    time; ``ratios_to_none``: to that without a neighbour, also of the one recording. ``lost``: by kind of
    bystander, in the whole run, between the turns too.
    """

    turns: list[Turns]
    ratios_to_one: dict[str, dict[str, float]]
    ratios_to_none: dict[str, dict[str, float]]
    lost: dict[str, int]
    seconds_a_turn: float
    load_average: float

    @property
    def too_busy(self) -> bool:
        """Whether texts of some kind are late without any neighbour: the machine does something else."""
        (alone,) = (each for each in self.turns if each.neighbour == NONE)
        return any(each.p95_ms > MAX_ALONE_MS for each in alone.bystanders.values())

    def unfair(self) -> list[str]:
        """What breaks a limit, in words."""
        late = [
            f"{heavy} make texts of {kind} {ratio} times as late as one recording does (at most {MAX_RATIO})"
            for heavy, ratios in self.ratios_to_one.items()
            for kind, ratio in ratios.items()
            if ratio > MAX_RATIO
        ]
        return late + [f"{kind} lost {count} utterances" for kind, count in self.lost.items() if count]


def lateness(texts: Sequence[Sample], lost: Sequence[Sample], windows: Sequence[Window]) -> Lateness:
    """Of one kind of bystander beside one neighbour.

    Raises:
        ValueError: a turn had no text at all.
    """
    times_ms = [[each.ms for each in within(texts, [window])] for window in windows]
    if not all(times_ms):
        raise ValueError("a turn had no text: make turns longer")
    p95_ms = [round(float(np.percentile(each, 95)), 1) for each in times_ms]
    return Lateness(
        texts=sum(map(len, times_ms)),
        lost=len(within(lost, windows)),
        p50_ms=round(float(np.percentile(np.concatenate(times_ms), 50)), 1),
        p95_ms=round(median(p95_ms), 1),
        p95_of_turns_ms=p95_ms,
    )


def result(
    turns: Sequence[Turns], lost: dict[str, int], seconds: float, load_average: float
) -> FairnessResult:
    """Compares the neighbours. ``turns``: those without one, those with one recording, and heavy ones."""
    by_neighbour = {each.neighbour: each for each in turns}

    def ratios(base: str, without: Sequence[str]) -> dict[str, dict[str, float]]:
        alone = by_neighbour[base].bystanders
        return {
            name: {
                kind: round(each.p95_ms / alone[kind].p95_ms, 2) for kind, each in heavy.bystanders.items()
            }
            for name, heavy in by_neighbour.items()
            if name not in without
        }

    return FairnessResult(
        turns=list(turns),
        ratios_to_one=ratios(ONE, (NONE, ONE)),
        ratios_to_none=ratios(NONE, (NONE,)),
        lost=lost,
        seconds_a_turn=seconds,
        load_average=load_average,
    )
