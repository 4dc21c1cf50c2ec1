"""The overlays keep every rule, and every rule is able to see what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.k8s import manifests as manifests_module
from tests.k8s.manifests import OVERLAYS, Manifests, ToolMissing, render
from tests.k8s.mistakes import MISTAKES, Mistake
from tests.k8s.rules import RULES, findings


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_overlay_keeps_every_rule(overlay: str) -> None:
    assert findings(Manifests.of(overlay)) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: f"{each.rule.__name__}: {each.said}")
def test_a_seeded_mistake_is_seen(mistake: Mistake) -> None:
    seeded = Manifests.of(mistake.overlay)
    mistake.seed(seeded)
    found = list(mistake.rule(seeded))
    assert any(mistake.said in finding for finding in found), found


def test_every_rule_has_a_mistake() -> None:
    assert {mistake.rule for mistake in MISTAKES} == set(RULES)


def test_the_rules_cover_every_overlay() -> None:
    """A new overlay or component is proven by being here; nothing under k8s/ is left out."""
    rendered = {path.resolve() for path in OVERLAYS.values()}
    k8s = manifests_module.K8S
    assert {*(k8s / "overlays").iterdir(), *(k8s / "jobs").iterdir()} <= rendered
    everything = (OVERLAYS["everything"] / "kustomization.yaml").read_text("utf-8")
    gpu = (OVERLAYS["gpu"] / "kustomization.yaml").read_text("utf-8")
    for component in (k8s / "components").iterdir():
        assert f"components/{component.name}\n" in everything + gpu, component


def test_a_missing_kubectl_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="kubectl is not on the PATH"):
        render(tmp_path)


def test_a_warning_of_kustomize_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("commonLabels: {a: b}\nresources: [a.yaml]\n")
    (tmp_path / "a.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n")
    with pytest.raises(AssertionError, match="deprecated"):
        render(tmp_path)
