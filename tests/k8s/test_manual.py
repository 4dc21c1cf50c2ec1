"""docs/kubernetes.md and its pages name what exists, and their numbers are those of the manifests."""

from __future__ import annotations

import json
import re
import statistics

import pytest

from tests.k8s.manifests import K8S, ROOT, Manifests
from tests.k8s.manual import MANUAL
from tests.k8s.rules.resources import CUDA_VERSION
from tests.k8s.rules.shutdown import pre_stop_s


def test_every_directory_of_the_manifests_is_described() -> None:
    for path in re.findall(r"`(k8s/[\w./-]+)`", MANUAL):
        assert (ROOT / path).exists(), path
    for component in (K8S / "components").iterdir():
        assert f"`{component.name}`" in MANUAL
    for overlay in (K8S / "overlays").iterdir():
        assert f"`k8s/overlays/{overlay.name}`" in MANUAL


def test_it_says_what_another_namespace_breaks() -> None:
    """kustomize changes the namespace of an object, not a query or a host name that says it."""
    said = re.compile(r'namespace="translate-svc"|\.translate-svc\.svc')
    bound = {
        file.parent.name for file in (K8S / "components").rglob("*.yaml") if said.search(file.read_text())
    }
    (warning,) = re.findall(r"^Keep the namespace: .*?\n\n", MANUAL, re.MULTILINE | re.DOTALL)
    assert bound
    assert bound <= set(re.findall(r"`([\w-]+)`", warning))


@pytest.mark.parametrize("overlay", ["gpu", "everything"])
def test_its_seconds_are_those_of_the_manifests(overlay: str) -> None:
    workload, server, settings = next(Manifests.of(overlay).servers())
    grace_s = workload.pod["terminationGracePeriodSeconds"]
    assert f"for {pre_stop_s(server):g} s it goes on as before" in MANUAL
    assert f"has {settings.drain_grace_s:g} s to say `end`" in MANUAL
    assert f"the {grace_s} s after which Kubernetes kills" in MANUAL
    startup = server.spec["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 600
    assert "ten minutes to load it" in MANUAL
    ((_, _, settings),) = Manifests.of("gpu").servers()
    assert f"The overlay's {settings.max_streams} and {settings.max_slots} are" in MANUAL


def test_its_scaling_is_that_of_keda() -> None:
    spec = Manifests.of("everything").of_kind("ScaledObject")[0]["spec"]
    (trigger,) = spec["triggers"]
    assert f"more than {float(trigger['metadata']['threshold']):.0%}".replace("%", " %") in MANUAL
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert (down["stabilizationWindowSeconds"], down["policies"][0]["periodSeconds"]) == (900, 300)
    assert "one pod in five minutes, after a quarter of an hour" in " ".join(MANUAL.split())


def test_its_front_processes_are_those_of_the_component() -> None:
    _, server, settings = next(Manifests.of("everything").servers())
    cores = server.spec["resources"]["requests"]["cpu"]
    assert f"one for each front process, and two for the engine and its answers: {cores}." in MANUAL
    assert settings.front_processes + 2 == int(cores)
    assert f"{settings.max_streams} streams and {settings.max_slots}\nslots" in MANUAL
    assert settings.max_streams / settings.front_processes == 64
    rounds = json.loads((ROOT / "benchmarks/results/fronts.json").read_text("utf-8"))["rounds"]
    cost_ms = statistics.median(each["cpu_us"] for each in rounds if each["front_processes"] == 2) / 1000
    assert f"costs {cost_ms:.2f} ms of a\n  core" in MANUAL
    assert f"so 64 streams take {64 * 50 * cost_ms / 1000:.0%} of one.".replace("%", " %") in MANUAL


def test_its_driver_is_that_of_the_pinned_pytorch() -> None:
    """PyTorch 2.13 brings CUDA 13.0 (``cuda-toolkit==13.0.3``), whose oldest driver is 580."""
    pins = (ROOT / "constraints.txt").read_text("utf-8")
    assert re.search(r"^torch==2\.13\.", pins, re.MULTILINE), "which CUDA does its wheel bring?"
    assert f"PyTorch 2.13 brings CUDA {CUDA_VERSION}" in MANUAL
    assert "NVIDIA's driver 580 or newer" in MANUAL
    assert f"a driver that knows CUDA {CUDA_VERSION}" in " ".join(MANUAL.split())
