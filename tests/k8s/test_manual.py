"""docs/kubernetes.md names what is there, and its numbers are those of the manifests."""

from __future__ import annotations

import ast
import importlib
import re

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
    ((workload, server, settings),) = Manifests.of(overlay).servers()
    grace_s = workload.pod["terminationGracePeriodSeconds"]
    assert f"for {pre_stop_s(server):g} s it goes on as before" in _MANUAL
    assert f"has {settings.drain_grace_s:g} s to say `end`" in _MANUAL
    assert f"the {grace_s} s after which Kubernetes kills" in _MANUAL
    startup = server.spec["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 600
    assert "ten minutes to load it" in _MANUAL
    assert f"The overlay's {settings.max_streams} and {settings.max_slots} are" in _MANUAL


def test_its_scaling_is_that_of_keda() -> None:
    spec = Manifests.of("everything").of_kind("ScaledObject")[0]["spec"]
    (trigger,) = spec["triggers"]
    assert f"more than {float(trigger['metadata']['threshold']):.0%}".replace("%", " %") in _MANUAL
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert (down["stabilizationWindowSeconds"], down["policies"][0]["periodSeconds"]) == (900, 300)
    assert "one pod in five minutes, after a quarter of an hour" in " ".join(_MANUAL.split())


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
