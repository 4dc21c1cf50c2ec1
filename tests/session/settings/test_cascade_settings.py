"""Which streams are translated through their transcript, and what the engine is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from translate_svc.languages import packaged
from translate_svc.session.negotiation import Negotiator
from translate_svc.types import (
    AUTO,
    BeamSearchSettings,
    Inspect,
    SimultaneousSettings,
    StreamSettings,
    TargetSettings,
)
from translate_svc.vad.options import VadOptions

NEGOTIATOR = Negotiator(
    packaged(),
    8,
    VadOptions(),
    max_slots=3,
    detected=("eng", "spa"),
    cascade_weight=0.3,
    transcript_retries=2,
)
TARGETS = (TargetSettings("spa"), TargetSettings("fra"))


def weights(
    source: str | None = "eng", *include: Inspect, targets: Any = TARGETS, **changes: Any
) -> list[Any]:
    """Of each sequence, and whether it is shown."""
    asked = StreamSettings(targets, source, frozenset(include), **changes)
    made = NEGOTIATOR.negotiate_settings(asked, "")
    assert made.transcript in (None, len(made.sequences) - 1)
    return [(each.spec.cascade_weight, bool(each.lanes)) for each in made.sequences]


@pytest.mark.parametrize("source", ["eng", AUTO])
def test_a_transcript_that_nobody_asked_for_is_not_shown(source: str) -> None:
    assert weights(source) == [(0.3, True), (0.3, True), (0.0, False)]
    assert weights(source, Inspect.TRANSCRIPT) == [(0.3, True), (0.3, True), (0.0, True)]


def test_a_target_in_the_language_that_is_spoken_gets_the_text_of_the_transcript() -> None:
    targets = (TargetSettings("eng"), TargetSettings("fra"))
    assert weights(targets=targets) == [(0.3, True), (0.3, True), (0.0, False)]
    assert weights(targets=targets[:1]) == [(0.0, True)]
    assert weights("eng", Inspect.TRANSCRIPT, targets=targets[:1]) == [(0.3, True), (0.0, True)]


@pytest.mark.parametrize(
    "changes",
    [
        {"simultaneous": SimultaneousSettings()},
        {"beam_search": BeamSearchSettings(1)},
        {"beam_search": BeamSearchSettings(2), "targets": TARGETS[:1]},
        {"targets": (*TARGETS, TargetSettings("deu"))},
    ],
    ids=["simultaneous", "one beam", "beams", "no slot for the transcript"],
)
def test_who_cannot_have_it_does_without(changes: dict[str, Any]) -> None:
    kept = {"beam_search": BeamSearchSettings(1)} == changes
    assert {weight for weight, _ in weights(**changes)} == ({0.3, 0.0} if kept else {0.0})


def test_without_a_language_there_is_no_transcript() -> None:
    assert weights(None) == [(0.0, True), (0.0, True)]


@pytest.mark.parametrize("source", ["eng", AUTO])
@pytest.mark.parametrize(
    ("changes", "retries"),
    [
        ({}, [0, 2]),
        ({"include": frozenset({Inspect.TRANSCRIPT})}, [0, 2]),
        ({"targets": (), "include": frozenset({Inspect.TRANSCRIPT})}, [2]),
        ({"beam_search": BeamSearchSettings(2), "include": frozenset({Inspect.TRANSCRIPT})}, None),
        ({"simultaneous": SimultaneousSettings(), "include": frozenset({Inspect.TRANSCRIPT})}, [0, 0]),
    ],
    ids=["hidden", "shown", "alone", "beams", "simultaneous"],
)
def test_unsure_speech_is_heard_again_for_its_transcript(
    source: str, changes: dict[str, Any], retries: list[int] | None
) -> None:
    asked = StreamSettings(**({"targets": TARGETS[:1], "source_language": source} | changes))
    if retries is None:
        roomy = replace(NEGOTIATOR, max_slots=8)
        assert not any(each.spec.retries for each in roomy.negotiate_settings(asked, "").sequences)
        return
    made = NEGOTIATOR.negotiate_settings(asked, "")
    assert [each.spec.retries for each in made.sequences] == retries
