"""What ``make simultaneous`` measures, as it is kept in benchmarks/results/simultaneous.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class TextFigures:
    """Translations of one direction's monologues in one variant, by one mode.

    ``yaal_ms`` is LongYAAL, computation-unaware. ``lag_ms``, ``p90_lag_ms``: of found words, when they were
    known less when their source had been said. ``found``: per cent of reference words. ``invented``: per cent
    of told words. ``lost``, ``doubled``, ``flicker``: counts; see ``joins`` and ``words``.
    """

    mode: str
    variant: str
    source: str
    target: str
    bleu: float
    yaal_ms: float
    lag_ms: float
    p90_lag_ms: float
    found: float
    words: int
    invented: float
    lost: int
    doubled: int
    flicker: int
    warnings: int

    @property
    def direction(self) -> str:
        return f"{self.source}-{self.target}"


@dataclass(frozen=True, slots=True)
class PacedFigures:
    """A direction in real time: LongYAAL computation-unaware and -aware, in the same run."""

    mode: str
    source: str
    target: str
    streams: int
    yaal_ms: float
    ca_yaal_ms: float


@dataclass(frozen=True, slots=True)
class SpeechFigures:
    """Speech over ``minutes`` of one monologue, played as it comes, without gaps.

    ``lag_ms``, ``p90_lag_ms``: when a word begins to sound less when its source had been said.
    ``slope_ms_per_s``, ``text_slope_ms_per_s``: by how much lags grow. ``round_trip_wer``: per cent, of the
    service's transcript of its own speech against the text that it spoke. ``torn_words``: count; see
    ``speech``. ``whole_track_wer``: per cent, of the service's transcript of the whole track, silences and
    all, against the reference. ``pauses_per_minute``: more than half a second within a sentence; see
    ``whole_track``.
    """

    mode: str
    source: str
    target: str
    minutes: float
    lag_ms: float
    p90_lag_ms: float
    slope_ms_per_s: float
    text_slope_ms_per_s: float
    round_trip_wer: float
    torn_words: int
    whole_track_wer: float
    pauses_per_minute: float


@dataclass(frozen=True, slots=True)
class CostFigures:
    """Processor time of the engine's thread for so much audio, over all streams."""

    mode: str
    output: str
    engine_s: float
    audio_s: float


@dataclass(frozen=True, slots=True)
class StageFigures:
    """The part of ``CostFigures`` that one stage has, and the work that it did; see ``stage_costs``."""

    mode: str
    output: str
    stage: str
    engine_s: float
    work: float
    audio_s: float


@dataclass(frozen=True, slots=True)
class CapacityFigures:
    """So many parallel streams in real time on one core: mean lag with and without the time of computing."""

    mode: str
    streams: int
    lag_ms: float
    ca_lag_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything; a part of the measurement fills a part of it, and ``+`` puts parts together."""

    text: tuple[TextFigures, ...] = ()
    paced: tuple[PacedFigures, ...] = ()
    speech: tuple[SpeechFigures, ...] = ()
    cost: tuple[CostFigures, ...] = ()
    stages: tuple[StageFigures, ...] = ()
    capacity: tuple[CapacityFigures, ...] = ()

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def total(parts: Iterable[Figures]) -> Figures:
    """All parts in one, in their order."""
    return sum(parts, Figures())


def merged(known: Figures, new: Figures) -> Figures:
    """``known`` with the new measurements in place of the old rows.

    Texts, speech and paced runs are replaced direction by direction. Costs and capacities of a mode are
    replaced as a whole, for they belong together.
    """
    keys: dict[str, Callable[[Any], object]] = {
        "text": lambda row: (row.mode, row.variant, row.direction),
        "paced": lambda row: (row.mode, row.source, row.target, row.streams),
        "speech": lambda row: (row.mode, row.source, row.target),
        "cost": lambda row: (row.mode, row.output),
        "stages": lambda row: (row.mode, row.output),
        "capacity": lambda row: row.mode,
    }
    parts = {}
    for part, key in keys.items():
        rows = getattr(new, part)
        measured = {key(row) for row in rows}
        parts[part] = (*(row for row in getattr(known, part) if key(row) not in measured), *rows)
    return Figures(**parts)


def save(figures: Figures, path: Path) -> None:
    """As JSON, rounded to what can be told apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {part: [_rounded(row) for row in rows] for part, rows in asdict(figures).items()}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Figures:
    """What ``save`` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return Figures(
        text=tuple(TextFigures(**row) for row in content["text"]),
        paced=tuple(PacedFigures(**row) for row in content["paced"]),
        speech=tuple(SpeechFigures(**row) for row in content["speech"]),
        cost=tuple(CostFigures(**row) for row in content["cost"]),
        stages=tuple(StageFigures(**row) for row in content["stages"]),
        capacity=tuple(CapacityFigures(**row) for row in content["capacity"]),
    )


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in row.items()}
