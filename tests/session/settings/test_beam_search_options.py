"""What the settings of beam search may be, and what the engine is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.languages import packaged
from translate_svc.session.negotiation import Negotiator
from translate_svc.types import (
    BeamSearchSettings,
    Inspect,
    SimultaneousSettings,
    StreamSettings,
    TargetSettings,
)
from translate_svc.vad.options import VadOptions

NEGOTIATOR = Negotiator(packaged(), 8, VadOptions(), max_slots=16)
TARGETS = (TargetSettings("spa"), TargetSettings("fra"))


def settings(beams: BeamSearchSettings | None, *include: Inspect, **changes: Any) -> StreamSettings:
    return StreamSettings(TARGETS, "eng", frozenset(include), beam_search=beams, **changes)


def test_defaults_are_filled_in_and_reach_every_text() -> None:
    wanted = settings(BeamSearchSettings(), Inspect.TRANSCRIPT, Inspect.ALTERNATIVES)
    made = NEGOTIATOR.negotiate_settings(wanted, "")
    assert made.settings.beam_search == BeamSearchSettings(5, 1.0)
    assert [(each.spec.num_beams, each.spec.alternatives) for each in made.sequences] == [(5, True)] * 3
    plain = NEGOTIATOR.negotiate_settings(settings(None), "")
    assert [each.spec.num_beams for each in plain.sequences] == [1, 1]


@pytest.mark.parametrize(
    ("wanted", "field", "kind"),
    [
        (settings(BeamSearchSettings(9)), "at.beam_search.num_beams", OutOfRange),
        (settings(BeamSearchSettings(0)), "at.beam_search.num_beams", OutOfRange),
        # three texts of six beams would need 18 of the 16 slots
        (settings(BeamSearchSettings(6), Inspect.TRANSCRIPT), "at.beam_search.num_beams", OutOfRange),
        (settings(BeamSearchSettings(5, 4.5)), "at.beam_search.length_penalty", OutOfRange),
        (
            settings(BeamSearchSettings(5), simultaneous=SimultaneousSettings()),
            "at.beam_search",
            InvalidArgument,
        ),
        (settings(None, Inspect.ALTERNATIVES), "at.include", InvalidArgument),
        (settings(BeamSearchSettings(1), Inspect.ALTERNATIVES), "at.include", InvalidArgument),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    wanted: StreamSettings, field: str, kind: type[InvalidArgument]
) -> None:
    with pytest.raises(kind) as caught:
        NEGOTIATOR.negotiate_settings(wanted, "at")
    assert caught.value.field == field
