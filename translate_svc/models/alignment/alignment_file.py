"""``alignment.json`` beside the weights: which heads follow the source, and how hypotheses are committed.

``translate-svc calibrate`` writes it. It is valid only for the weights that it was computed for, and holds
their hash. A checkpoint without a valid file gets the rule that is safe for any checkpoint: words are
committed when two hypotheses agree, and the attention is not used. Free of torch.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.keyed_file import read_parsed, write_keyed
from translate_svc.models.decoder.decoder_shape import DecoderShape

ALIGNMENT_FILE = "alignment.json"
MAX_CUTOFF_FRAMES = 32

SURE_FRAMES = 1
"""Added to the cutoff for words that are committed without agreement."""

UNSURE_FRAMES = 3
"""Added to the cutoff for words that are hardly probable. docs/lab/2026-11-simultaneous-policies.md compares
others.
"""

_VERSION = 1

_log = logging.getLogger(__name__)


class PolicyName(enum.Enum):
    """How hypotheses are committed. The classes are in ``engine.simultaneous.commit_policy``."""

    ALIGN_ATT = "align_att"
    AGREEMENT = "agreement"
    ALIGN_ATT_AGREEMENT = "align_att_agreement"


class AttentionRow(enum.Enum):
    """Which row of attention belongs to a token."""

    PREDICTING = "predicting"
    """The row of the step that predicts the token."""
    INPUT = "input"
    """The row of the step that the token is fed to."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """The result of a calibration.

    Attributes:
        heads: distinct pairs (decoder layer, head). Empty if no head is known to follow the source.
        cutoff_frames: how many frames at the end of a buffer are not trusted.
        policy: how hypotheses are committed.
        attention_row: which row of attention belongs to a token.
        sure_probability: as in ``AlignAttAgreement``. None if it was not calibrated.
        unsure_probability: the same.
        figures: the measured figures, for people to read.
    """

    heads: tuple[tuple[int, int], ...]
    cutoff_frames: int
    policy: PolicyName
    attention_row: AttentionRow
    sure_probability: float | None = None
    unsure_probability: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


SAFE_ALIGNMENT = Alignment((), 0, PolicyName.AGREEMENT, AttentionRow.PREDICTING)
"""For a checkpoint that was not calibrated."""


def write_alignment(folder: Path, alignment: Alignment) -> None:
    """Writes ``alignment.json``, and updates its sum if the manifest names the file."""
    values = {
        "heads": [list(pair) for pair in alignment.heads],
        "patience_frames": alignment.cutoff_frames,
        "policy": alignment.policy.value,
        "attention_row": alignment.attention_row.value,
        "sure_probability": alignment.sure_probability,
        "unsure_probability": alignment.unsure_probability,
        "figures": dict(alignment.figures),
    }
    write_keyed(folder, ALIGNMENT_FILE, _VERSION, values)


def read_alignment(folder: Path, config: DecoderShape) -> Alignment | None:
    """The content of ``alignment.json``. None if the file does not exist.

    Raises:
        CheckpointError: the file is damaged, is for other weights, or names heads that the checkpoint does
            not have.
    """
    alignment = read_parsed(folder, ALIGNMENT_FILE, _VERSION, _parsed)
    if alignment is None:
        return None
    layers, heads = config.decoder_layers, config.decoder_attention_heads
    if not all(0 <= layer < layers and 0 <= head < heads for layer, head in alignment.heads):
        message = f"names heads that are not there: {layers} layers with {heads} heads each"
        raise CheckpointError(message, field=ALIGNMENT_FILE)
    return alignment


def alignment_of(folder: Path, config: DecoderShape, published: Alignment | None = None) -> Alignment:
    """The content of ``alignment.json``. If the file does not exist: what was ``published`` with the
    weights. If neither can be used: the safe rule, and a warning.
    """
    try:
        alignment = read_alignment(folder, config) or published
        problem = f"{folder.name} has no {ALIGNMENT_FILE}"
    except CheckpointError as error:
        alignment, problem = None, str(error)
    if alignment is None:
        _log.warning(
            "simultaneous translation commits words when two hypotheses agree, which is slower: %s; "
            "to compute one: translate-svc calibrate --model %s",
            problem,
            folder.name,
        )
        return SAFE_ALIGNMENT
    return alignment


def _parsed(values: Any) -> Alignment:
    """Raises ValueError, KeyError, TypeError or AttributeError if the values are not valid."""
    pairs = tuple((layer, head) for layer, head in values["heads"])
    cutoff = values["patience_frames"]
    policy = PolicyName(values["policy"])
    numbers = [cutoff, *(number for pair in pairs for number in pair)]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("counts must be whole numbers from 0")
    if cutoff > MAX_CUTOFF_FRAMES or len(set(pairs)) < len(pairs):
        raise ValueError("the cutoff is too large, or a head is named twice")
    if not pairs and policy is not PolicyName.AGREEMENT:
        raise ValueError("no heads to align with")
    sure, unsure = (_probability(values, name) for name in ("sure_probability", "unsure_probability"))
    figures = {str(name): float(value) for name, value in values["figures"].items()}
    return Alignment(pairs, cutoff, policy, AttentionRow(values["attention_row"]), sure, unsure, figures)


def _probability(values: Any, name: str) -> float | None:
    """None where it is, or where an earlier calibration did not know it."""
    value = values.get(name)
    if value is not None and not (type(value) is float and 0.0 <= value <= 1.0):
        raise ValueError("a probability must be within 0 and 1")
    return value
