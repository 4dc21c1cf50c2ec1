"""The overlays keep every rule, and every rule is able to see what it is for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.k8s import manifests as manifests_module
from tests.k8s.manifests import OVERLAYS, Manifests
from tests.k8s.mistakes import MISTAKES, seed
from tests.k8s.rules import RULES, Rule, findings


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_overlay_keeps_every_rule(overlay: str) -> None:
    assert findings(Manifests.of(overlay)) == []


@pytest.mark.parametrize(
    ("rule", "overlay", "place", "value", "said"),
    [(rule, *mistake) for rule in RULES for mistake in MISTAKES[rule.__name__]],
)
def test_a_seeded_mistake_is_seen(rule: Rule, overlay: str, place: str, value: Any, said: str) -> None:
    seeded = Manifests.of(overlay)
    seed(seeded, place, value)
    found = list(rule(seeded))
    assert any(said in each for each in found), found


def test_the_rules_cover_every_overlay() -> None:
    """A new overlay or component is proven by being here; nothing under k8s/ is left out."""
    rendered = {path.resolve() for path in OVERLAYS.values()}
    k8s = manifests_module.K8S
    assert {*(k8s / "overlays").iterdir(), *(k8s / "jobs").iterdir()} <= rendered
    everything = (OVERLAYS["everything"] / "kustomization.yaml").read_text("utf-8")
    gpu = (OVERLAYS["gpu"] / "kustomization.yaml").read_text("utf-8")
    for component in (k8s / "components").iterdir():
        assert f"components/{component.name}\n" in everything + gpu, component
