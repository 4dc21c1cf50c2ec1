"""Hold-n: what it decides, and how a checkpoint asks for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.checkpoints import checkpoint_folder
from tests.engine.simultaneous.test_commit_policy import hypothesis
from translate_svc.engine.simultaneous.commit_policy import commit_policy
from translate_svc.engine.simultaneous.hypothesis import CommitDefaults
from translate_svc.languages import packaged
from translate_svc.models.alignment.alignment_file import (
    Alignment,
    AttentionRow,
    PolicyName,
    alignment_of,
    write_alignment,
)
from translate_svc.models.checkpoint.description import CheckpointDescription
from translate_svc.session.negotiation import Negotiator
from translate_svc.types import SimultaneousSettings, StreamSettings, TargetSettings
from translate_svc.vad.options import VadOptions


@pytest.mark.parametrize(
    ("row", "committed", "held"),
    [("_a _b", 0, 2), ("_a _b _c _d _e", 2, 3), ("_a _b b _c _d", 1, 4)],
    ids=["short", "long", "no half words"],
)
def test_the_last_three_tokens_are_held(row: str, committed: int, held: int) -> None:
    decision = commit_policy("hold_n", 4).decide(hypothesis(row), None)
    assert (decision.committed, decision.held) == (committed, held)


def test_a_final_hypothesis_is_committed_whole() -> None:
    assert commit_policy("hold_n", 4).decide(hypothesis("_a _b", is_final=True), None).held == 0


def test_a_checkpoint_without_heads_can_ask_for_it(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint_folder("tiny"), tmp_path / "model"))
    write_alignment(folder, Alignment((), 0, PolicyName("hold_n"), AttentionRow.PREDICTING))
    found = alignment_of(folder, CheckpointDescription.read(folder).config)
    assert found.policy is PolicyName("hold_n")
    negotiator = Negotiator(packaged(), 4, VadOptions(), CommitDefaults(found.policy.value))
    targets = (TargetSettings("es", speech=False),)
    negotiated = negotiator.negotiate_settings(
        StreamSettings(targets, simultaneous=SimultaneousSettings()), "settings"
    )
    assert negotiated.simultaneous is not None
    assert negotiated.simultaneous.policy == commit_policy("hold_n", 0)
