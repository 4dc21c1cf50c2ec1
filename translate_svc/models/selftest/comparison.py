"""Compares this package's stages with transformers', one source at a time, each stage on the same input.

The text decoder gets the tokens that transformers chose, and every next token is compared. Text-to-unit gets
transformers' text, and the vocoder gets transformers' units. So the report names the stage that causes a
difference, not a later stage that shows it. If every next token is equal, the greedy texts are equal too.
"""

from __future__ import annotations

import difflib
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translate_svc.errors import EngineError
from translate_svc.models.decoded_step import NO_OPTIONAL_FIELDS
from translate_svc.models.limits import ModelLimits
from translate_svc.models.placement import Placement
from translate_svc.models.reference import ReferenceTranslation
from translate_svc.models.runs import Runs
from translate_svc.models.selftest.tolerance import Tolerance
from translate_svc.models.slices import finish
from translate_svc.models.speech_model import (
    NOT_FINITE,
    ModelFamily,
    PieceInput,
    SpeechModel,
    SpeechSynthesis,
    T2uInput,
)
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.types import EncoderSource, Stage

MAX_NEW_TOKENS = 64
SLOT = 0
_Outcome = TypeVar("_Outcome")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One source and its target language. If ``speaker_id`` is None, only text is compared.

    ``source_language``: None where the prompt does not need it.
    """

    name: str
    source: EncoderSource
    language: str
    speaker_id: int | None
    source_language: str | None = None


@dataclass(slots=True, eq=False)
class Comparison:
    """The result of one case.

    Attributes:
        case: the case that was compared.
        token_ids: transformers' text.
        finished: whether the text ended before the token limit; if not, no speech is compared.
        difference: what differs and where; empty if nothing differs.
        ties: number of next tokens that differ within the tolerance.
        tie_margin: by how much, at most, transformers preferred its own token there, in log-probability.
        steps: number of next tokens that were compared.
        log_probability_difference: the greatest for a next token.
        units: number of units that were compared; 0 if no speech was.
        unit_similarity: 1 if the units are the same.
        samples: number of samples that were compared.
        waveform_difference: the greatest for a sample.
        stage_ms: time of this package, by stage.
        reference_ms: transformers' time for all stages.
    """

    case: Case
    token_ids: tuple[int, ...]
    finished: bool
    difference: str = ""
    ties: int = 0
    tie_margin: float = 0.0
    steps: int = 0
    log_probability_difference: float = 0.0
    units: int = 0
    unit_similarity: float = 1.0
    samples: int = 0
    waveform_difference: float = 0.0
    stage_ms: dict[str, float] = field(default_factory=dict)
    reference_ms: float = 0.0


def expectations(
    family: ModelFamily,
    cases: Sequence[Case],
    placement: Placement,
    report: Callable[[], None] = lambda: None,
) -> list[ReferenceTranslation]:
    """transformers' translations. Frees its weights at the end, so both models need not fit in memory."""
    reference = family.reference(placement)
    made = []
    for case in cases:
        made.append(
            reference.translate(
                case.source,
                case.language,
                case.speaker_id,
                max_new_tokens=MAX_NEW_TOKENS,
                source_language=case.source_language,
            )
        )
        report()
    del reference
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return made


def new_model(family: ModelFamily, cases: Sequence[Case], placement: Placement) -> SpeechModel:
    """This package's model, with limits just large enough for the cases.

    Raises:
        CheckpointError: the weights are incomplete or do not fit the configuration.
    """
    sources = [case.source for case in cases]
    limits = ModelLimits(
        max_slots=1,
        max_slot_tokens=MAX_NEW_TOKENS + _prompt_tokens(family, cases),
        max_source_samples=max(
            (len(each) for each in sources if isinstance(each, np.ndarray)), default=16_000
        ),
        max_source_tokens=max((len(each) for each in sources if isinstance(each, tuple)), default=3),
    )
    return family.load(limits, placement)


def _prompt_tokens(family: ModelFamily, cases: Sequence[Case]) -> int:
    tokenizer = family.tokenizer()
    return max((len(tokenizer.prompt(case.language, case.source_language)) for case in cases), default=0)


def compare(
    family: ModelFamily,
    model: SpeechModel,
    case: Case,
    expected: ReferenceTranslation,
    tolerance: Tolerance,
) -> Comparison:
    """Compares ``model`` with ``expected``, stage by stage, up to the first stage that differs."""
    found = Comparison(case, expected.token_ids, expected.finished, reference_ms=expected.duration_s * 1000)
    stages = _Stages(family.tokenizer(), model, expected, tolerance, found)
    try:
        stages.encode()
        fed = stages.decode()
        if len(expected.units):
            stages.text_to_unit(fed)
            stages.vocode()
    except (_Difference, EngineError) as error:
        found.difference = str(error)
    return found


class _Difference(Exception):
    """A stage differs."""


class _Stages:
    """Runs each stage on transformers' input and writes the results into ``found``."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        model: SpeechModel,
        expected: ReferenceTranslation,
        tolerance: Tolerance,
        found: Comparison,
    ) -> None:
        self._tokenizer, self._eos = tokenizer, tokenizer.eos_token_id
        self._model = model
        self._expected = expected
        self._tolerance = tolerance
        self._found = found

    def encode(self) -> None:
        """Encodes the source into the decoder's slot."""
        with self._timed(Stage.ENCODE):
            result(finish(self._model.encode([self._found.case.source], [[SLOT]])))

    def decode(self) -> list[int]:
        """Compares every next token. Returns the tokens that the slot was fed."""
        case, rules = self._found.case, self._tokenizer.text_rules
        prompt = self._tokenizer.prompt(case.language, case.source_language)
        wanted = [*self._expected.token_ids, *([self._eos] if self._expected.finished else [])]
        fed = [*prompt, *self._expected.token_ids]
        with self._timed(Stage.DECODE):
            for position, token in enumerate(fed):
                made = self._model.decode(Runs.steps([SLOT], [position], [token]), NO_OPTIONAL_FIELDS)
                if not made.finite:
                    raise EngineError(NOT_FINITE)
                known = made.logits[0].softmax(dim=-1).log()  # as the service does
                step = position - len(prompt) + 1  # what follows the tokens before is given
                if 0 <= step < len(wanted):
                    never = rules.suppressed if step else (*rules.suppressed, *rules.suppressed_first)
                    self._check_token(step, known, wanted[step], never)
        return fed

    def text_to_unit(self, fed: Sequence[int]) -> None:
        """Compares the units of the whole text."""
        with self._timed(Stage.TEXT_TO_UNIT):
            ours = result(self._speech.text_to_unit([T2uInput(SLOT, tuple(fed), 1.0)])).units
        theirs = self._expected.units
        self._found.units = len(theirs)
        self._found.unit_similarity = _similarity(ours, theirs)
        if self._found.unit_similarity < self._tolerance.unit_similarity:
            raise _Difference(_first_unit(ours, theirs))

    def vocode(self) -> None:
        """Compares the waveform of transformers' units."""
        case, theirs = self._found.case, self._expected
        if theirs.units.min() < 0 or theirs.units.max() >= self._speech.unit_count:
            raise _Difference("text-to-unit: transformers chose ids that are no units")
        assert case.speaker_id is not None, "without a speaker there are no units"
        piece = PieceInput(theirs.units, 0, len(theirs.units), case.language, case.speaker_id)
        with self._timed(Stage.VOCODE):
            ours = result(self._speech.vocode([piece]))
        if len(ours) != len(theirs.samples):
            raise _Difference(f"vocoder: {len(ours)} samples, transformers makes {len(theirs.samples)}")
        apart = np.abs(ours - theirs.samples)
        self._found.samples = len(ours)
        self._found.waveform_difference = float(apart.max())
        if not apart.max() <= self._tolerance.waveform:
            where = int(apart.argmax())
            raise _Difference(f"vocoder: sample {where} of {len(ours)} differs by {apart.max():.2g}")

    def _check_token(self, step: int, known: Tensor, wanted: int, never: Sequence[int]) -> None:
        theirs, found = self._expected.candidates[step], self._found
        found.steps += 1
        free = known.clone()
        free[list(never)] = -torch.inf
        said = int(free.argmax())
        where = f"text decoder: token {step + 1}"
        if said != wanted:
            margin = theirs[wanted] - theirs.get(said, -np.inf)
            if margin > self._tolerance.log_probability:
                raise _Difference(f"{where} is {said}, transformers has {wanted}")
            found.ties += 1
            found.tie_margin = max(found.tie_margin, float(margin))
        apart = abs(float(known[said]) - theirs[said])
        found.log_probability_difference = max(found.log_probability_difference, apart)
        if not apart <= self._tolerance.log_probability:
            raise _Difference(
                f"{where} is as transformers has it, its log-probability differs by {apart:.2g}"
            )

    @property
    def _speech(self) -> SpeechSynthesis:
        assert self._model.speech is not None, "only a model that speaks has cases with a speaker"
        return self._model.speech

    @contextmanager
    def _timed(self, stage: Stage) -> Iterator[None]:
        began_s = time.perf_counter()
        yield
        self._found.stage_ms[stage.value] = (time.perf_counter() - began_s) * 1000


def result(outcomes: Sequence[_Outcome | EngineError]) -> _Outcome:
    """The outcome of a batch of one.

    Raises:
        EngineError: it failed.
    """
    (outcome,) = outcomes
    if isinstance(outcome, EngineError):
        raise outcome
    return outcome


def _similarity(ours: npt.NDArray[np.int64], theirs: npt.NDArray[np.int64]) -> float:
    if np.array_equal(ours, theirs):
        return 1.0
    return difflib.SequenceMatcher(None, ours.tolist(), theirs.tolist(), autojunk=False).ratio()


def _first_unit(ours: npt.NDArray[np.int64], theirs: npt.NDArray[np.int64]) -> str:
    if len(ours) != len(theirs):
        return f"text-to-unit: {len(ours)} units, transformers has {len(theirs)}"
    where = int((ours != theirs).argmax())
    return f"text-to-unit: unit {where + 1} is {ours[where]}, transformers has {theirs[where]}"
