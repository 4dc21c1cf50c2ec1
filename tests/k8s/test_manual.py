"""docs/kubernetes.md names what is there, and its numbers are those of the manifests."""

from __future__ import annotations

import ast
import importlib
import json
import math
import re
import statistics

import pytest

from tests.k8s.manifests import K8S, ROOT, Manifests
from tests.k8s.rules.resources import CUDA_VERSION, device_bytes
from tests.k8s.rules.shutdown import pre_stop_s

_MANUAL = (ROOT / "docs/kubernetes.md").read_text("utf-8")


def test_every_directory_of_the_manifests_is_described() -> None:
    for path in re.findall(r"`(k8s/[\w./-]+)`", _MANUAL):
        assert (ROOT / path).exists(), path
    for component in (K8S / "components").iterdir():
        assert f"`{component.name}`" in _MANUAL
    for overlay in (K8S / "overlays").iterdir():
        assert f"`k8s/overlays/{overlay.name}`" in _MANUAL


@pytest.mark.parametrize("overlay", ["gpu", "everything"])
def test_its_seconds_are_those_of_the_manifests(overlay: str) -> None:
    workload, server, settings = next(Manifests.of(overlay).servers())
    grace_s = workload.pod["terminationGracePeriodSeconds"]
    assert f"for {pre_stop_s(server):g} s it goes on as before" in _MANUAL
    assert f"has {settings.drain_grace_s:g} s to say `end`" in _MANUAL
    assert f"the {grace_s} s after which Kubernetes kills" in _MANUAL
    startup = server.spec["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 600
    assert "ten minutes to load it" in _MANUAL
    ((_, _, settings),) = Manifests.of("gpu").servers()
    assert f"The overlay's {settings.max_streams} and {settings.max_slots} are" in _MANUAL


def test_its_scaling_is_that_of_keda() -> None:
    spec = Manifests.of("everything").of_kind("ScaledObject")[0]["spec"]
    (trigger,) = spec["triggers"]
    assert f"more than {float(trigger['metadata']['threshold']):.0%}".replace("%", " %") in _MANUAL
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert (down["stabilizationWindowSeconds"], down["policies"][0]["periodSeconds"]) == (900, 300)
    assert "one pod in five minutes, after a quarter of an hour" in " ".join(_MANUAL.split())


def _replicas(peak: int, capacity: int) -> int:
    """As the manual says it, by the threshold of the manifests."""
    (trigger,) = Manifests.of("everything").of_kind("ScaledObject")[0]["spec"]["triggers"]
    return math.ceil(peak / (float(trigger["metadata"]["threshold"]) * capacity)) + 1


def _wanted(peak: int, capacity: int, replicas: int) -> int:
    """How many pods the autoscaler wants, for streams that are spread evenly over ``replicas``.

    AverageValue of the sum of all pods' shares, rounded up; nothing within a tolerance of a tenth.
    https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
    """
    (trigger,) = Manifests.of("everything").of_kind("ScaledObject")[0]["spec"]["triggers"]
    assert trigger["metricType"] == "AverageValue"
    threshold = float(trigger["metadata"]["threshold"])
    total = peak / capacity
    if abs(total / replicas / threshold - 1) <= 0.1:
        return replicas
    return math.ceil(total / threshold)


def test_its_replicas_are_those_that_keda_comes_to() -> None:
    rows = re.findall(r"^\| ([\d,]+) \| (\d+) \| (\d+) \|$", _MANUAL, re.MULTILINE)
    assert [row[0] for row in rows] == ["100", "1,000", "10,000"]
    ((_, _, small),) = Manifests.of("gpu").servers()
    large = next(Manifests.of("everything").servers())[2]
    for row in rows:
        peak = int(row[0].replace(",", ""))
        for said, settings in zip(row[1:], (small, large), strict=True):
            replicas = _replicas(peak, settings.max_streams)
            assert int(said) == replicas
            assert _wanted(peak, settings.max_streams, replicas) <= replicas
            assert peak <= (replicas - 1) * settings.max_streams, "one pod may be missing"
            running = 1
            for _ in range(20):
                running = _wanted(peak, settings.max_streams, running)
            assert running <= replicas, "scaling comes to rest below the most that it may have"


def test_its_most_streams_are_those_of_the_component() -> None:
    spec = Manifests.of("everything").of_kind("ScaledObject")[0]["spec"]
    most = spec["maxReplicaCount"]
    ((_, _, settings),) = Manifests.of("gpu").servers()
    peak = max(peak for peak in range(2000) if _replicas(peak, settings.max_streams) <= most)
    assert f"The component's {most} replicas are enough for {peak} streams with C = 64." in _MANUAL
    threshold = float(spec["triggers"][0]["metadata"]["threshold"])
    assert f"up to {1.1 * threshold:.0%}".replace("%", " %") in _MANUAL
    assert f"may grow by {math.floor(100 * (1 / (1.1 * threshold) - 1))} % in that time" in _MANUAL


def test_its_front_processes_are_those_of_the_component() -> None:
    _, server, settings = next(Manifests.of("everything").servers())
    cores = server.spec["resources"]["requests"]["cpu"]
    assert f"one for each front process, and two for the engine and its answers: {cores}." in _MANUAL
    assert settings.front_processes + 2 == int(cores)
    assert f"{settings.max_streams} streams and {settings.max_slots}\nslots" in _MANUAL
    assert settings.max_streams / settings.front_processes == 64
    rounds = json.loads((ROOT / "benchmarks/fleet/measured/fronts.json").read_text("utf-8"))["rounds"]
    cost_ms = statistics.median(each["cpu_us"] for each in rounds if each["front_processes"] == 2) / 1000
    assert f"costs {cost_ms:.2f} ms of a\n  core" in _MANUAL
    assert f"so 64 streams take {64 * 50 * cost_ms / 1000:.0%} of one.".replace("%", " %") in _MANUAL


def test_its_canary_gets_what_the_route_says() -> None:
    (rule,) = Manifests.of("everything").one("GRPCRoute", "translate-svc")["spec"]["rules"]
    assert [each["weight"] for each in rule["backendRefs"]] == [90, 10]
    assert "gives it one new stream in ten" in _MANUAL


def test_its_driver_is_that_of_the_pinned_pytorch() -> None:
    """PyTorch 2.13 brings CUDA 13.0 (``cuda-toolkit==13.0.3``), whose oldest driver is 580."""
    pins = (ROOT / "constraints.txt").read_text("utf-8")
    assert re.search(r"^torch==2\.13\.", pins, re.MULTILINE), "which CUDA does its wheel bring?"
    assert f"PyTorch 2.13 brings CUDA {CUDA_VERSION}" in _MANUAL
    assert "NVIDIA's driver 580 or newer" in _MANUAL
    assert f"a driver that knows CUDA {CUDA_VERSION}" in " ".join(_MANUAL.split())


def test_its_priorities_and_parts_are_those_of_the_manifests() -> None:
    manifests = Manifests.of("mig")
    values = [item["value"] for item in manifests.of_kind("PriorityClass")]
    assert f"`translate-svc` ({values[0]:,}), batches `translate-svc-batch` ({values[1]})" in _MANUAL
    ((_, server, settings),) = manifests.servers()
    (part,) = [name for name in server.spec["resources"]["limits"] if name != "memory"]
    assert f"`{part}`" in _MANUAL
    assert f"with {settings.max_streams}\nstreams and {settings.max_slots} slots each" in _MANUAL
    assert f": {device_bytes(settings) / 1e9:.1f} GB here" in _MANUAL


def test_its_program_is_python_and_imports_what_is_there() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", _MANUAL, re.DOTALL)
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            assert all(hasattr(module, name.name) for name in node.names)
