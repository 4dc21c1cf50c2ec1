"""Settings of simultaneous translation: bounds, defaults, and what a checkpoint cannot do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from translate_svc.engine.simultaneous.commit_policy import (
    AlignAtt,
    AlignAttAgreement,
    CommitPolicy,
    LocalAgreement,
)
from translate_svc.engine.simultaneous.hypothesis import SAFE_COMMIT_DEFAULTS, CommitDefaults
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.languages import packaged
from translate_svc.session.negotiation import Negotiator
from translate_svc.types import Inspect, SimultaneousSettings, StreamSettings, TargetSettings, VadSettings
from translate_svc.vad.options import VadOptions

CALIBRATED = CommitDefaults("align_att_agreement", 4)


def negotiator(hypotheses: CommitDefaults = CALIBRATED, max_utterance_ms: int = 20_000) -> Negotiator:
    return Negotiator(packaged(), 4, VadOptions(max_utterance_ms=max_utterance_ms), hypotheses)


def asked(settings: SimultaneousSettings | None, *include: Inspect) -> StreamSettings:
    return StreamSettings(
        (TargetSettings("es", speech=False),), simultaneous=settings, include=frozenset(include)
    )


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (SimultaneousSettings(step_ms=159), "step_ms"),
        (SimultaneousSettings(step_ms=160), None),
        (SimultaneousSettings(step_ms=5_000), None),
        (SimultaneousSettings(step_ms=5_001), "step_ms"),
        (SimultaneousSettings(patience_frames=-1), "patience_frames"),
        (SimultaneousSettings(patience_frames=0), None),
        (SimultaneousSettings(patience_frames=32), None),
        (SimultaneousSettings(patience_frames=33), "patience_frames"),
        (SimultaneousSettings(max_buffer_ms=3_999), "max_buffer_ms"),
        (SimultaneousSettings(max_buffer_ms=4_000), None),
        (SimultaneousSettings(max_buffer_ms=20_000), None),
        (SimultaneousSettings(max_buffer_ms=20_001), "max_buffer_ms"),
        (SimultaneousSettings(max_buffer_ms=30_001), "max_buffer_ms"),
        (SimultaneousSettings(), None),
    ],
)
def test_bounds(settings: SimultaneousSettings, wrong: str | None) -> None:
    if wrong is None:
        settled = negotiator().negotiate_settings(asked(settings), "config.settings")
        again = negotiator().negotiate_settings(settled.settings, "config.settings")
        assert again == settled, "what is told can be asked for"
        return
    with pytest.raises(OutOfRange) as caught:
        negotiator().negotiate_settings(asked(settings), "config.settings")
    assert caught.value.field == f"config.settings.simultaneous.{wrong}"


@pytest.mark.parametrize(
    ("hypotheses", "patience", "policy", "told"),
    [
        (CommitDefaults("align_att", 5), None, AlignAtt(5), 5),
        (CommitDefaults("align_att", 5), 0, AlignAtt(0), 0),
        (CALIBRATED, 7, AlignAttAgreement(7), 7),
        (CommitDefaults("align_att_agreement", 4, 0.95, 0.85), 7, AlignAttAgreement(7, 0.95, 0.85), 7),
        (SAFE_COMMIT_DEFAULTS, None, LocalAgreement(), None),
    ],
)
def test_the_checkpoint_s_policy_with_the_patience_that_is_asked_for(
    hypotheses: CommitDefaults, patience: int | None, policy: CommitPolicy, told: int | None
) -> None:
    settings = asked(SimultaneousSettings(patience_frames=patience))
    settled = negotiator(hypotheses).negotiate_settings(settings, "update.settings")
    assert settled.simultaneous is not None
    assert settled.simultaneous.policy == policy
    assert settled.settings.simultaneous == SimultaneousSettings(500, told, 12_000)
    assert negotiator(hypotheses).negotiate_settings(settled.settings, "update.settings") == settled


@pytest.mark.parametrize(
    ("hypotheses", "settings", "least_ms"),
    [
        (CALIBRATED, SimultaneousSettings(500, 32), 500 + 35 * 160 + 2_000),
        (CALIBRATED, SimultaneousSettings(2_500), 2 * 2_500 + 2_000),
        (SAFE_COMMIT_DEFAULTS, SimultaneousSettings(5_000), 2 * 5_000 + 2_000),
    ],
)
def test_a_buffer_that_words_leave_before_they_are_committed(
    hypotheses: CommitDefaults, settings: SimultaneousSettings, least_ms: int
) -> None:
    """A word is committed by the draft that trusts it, or by the second that has it. It must hear both."""
    enough = asked(replace(settings, max_buffer_ms=least_ms))
    negotiator(hypotheses).negotiate_settings(enough, "config.settings")
    short = asked(replace(settings, max_buffer_ms=least_ms - 1))
    with pytest.raises(OutOfRange, match=f"at least {least_ms}, not {least_ms - 1}") as caught:
        negotiator(hypotheses).negotiate_settings(short, "config.settings")
    assert caught.value.field == "config.settings.simultaneous.max_buffer_ms"


def test_words_leave_no_buffer_that_holds_the_longest_utterance() -> None:
    settings = replace(asked(SimultaneousSettings(5_000, 32, 4_000)), vad=VadSettings(max_utterance_ms=4_000))
    negotiator().negotiate_settings(settings, "config.settings")


@pytest.mark.parametrize("patience", [0, 4])
def test_a_checkpoint_without_usable_attention_takes_no_patience(patience: int) -> None:
    settings = asked(SimultaneousSettings(patience_frames=patience))
    with pytest.raises(InvalidArgument, match="when two drafts agree") as caught:
        negotiator(SAFE_COMMIT_DEFAULTS).negotiate_settings(settings, "update.settings")
    assert caught.value.field == "update.settings.simultaneous.patience_frames"


def test_a_server_with_short_utterances_has_short_buffers() -> None:
    settled = negotiator(max_utterance_ms=6_000).negotiate_settings(asked(SimultaneousSettings()), "")
    assert settled.simultaneous is not None
    assert settled.simultaneous.max_buffer_ms == 6_000


def test_hypotheses_are_inspected_in_simultaneous_mode_alone() -> None:
    negotiator().negotiate_settings(asked(SimultaneousSettings(), Inspect.DRAFTS), "config.settings")
    with pytest.raises(InvalidArgument, match="simultaneous") as caught:
        negotiator().negotiate_settings(asked(None, Inspect.DRAFTS), "config.settings")
    assert caught.value.field == "config.settings.include"
