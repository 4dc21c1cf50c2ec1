"""Rendered Kubernetes objects, as plain dicts, and the questions that the tests ask of them."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from translate_svc.config import Settings

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
OVERLAYS = {
    "cpu-dev": K8S / "overlays/cpu-dev",
    "cpu": K8S / "overlays/cpu",
    "gpu": K8S / "overlays/gpu",
    "mig": K8S / "overlays/mig",
    "dra": K8S / "overlays/dra",
    "sidecar": K8S / "overlays/sidecar",
    "pull-model": K8S / "jobs/pull-model",
    "batch": K8S / "jobs/batch",
    "batch-ray": K8S / "jobs/batch-ray",
    "everything": ROOT / "tests/k8s/overlays/everything",
}
"""Whatever is meant to be applied; ``everything`` is the GPU overlay with every component."""

SERVER_IMAGE = "registry.example.com/translate-svc"

Object = dict[str, Any]


class ToolMissing(Exception):
    """A program that these tests need is not there. They never skip: a skipped promise would look proven."""


@functools.cache
def render(directory: Path) -> str:
    """What ``kubectl apply -k`` would send.

    Raises:
        ToolMissing: there is no kubectl.
        AssertionError: it failed or warned.
    """
    if shutil.which("kubectl") is None:
        raise ToolMissing("kubectl is not on the PATH; the manifests are rendered by `kubectl kustomize`")
    done = subprocess.run(
        ["kubectl", "kustomize", str(directory)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"kubectl kustomize warns: {done.stderr}"
    return done.stdout


@functools.cache
def _objects(directory: Path) -> str:
    """The objects as JSON, which is read a hundred times faster than YAML."""
    return json.dumps([document for document in yaml.safe_load_all(render(directory)) if document])


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod: ``kind`` is ``init``, ``sidecar`` or ``main``."""

    spec: Object
    kind: str

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def image(self) -> str:
        """Without its tag and digest."""
        name, tagged, tag = str(self.spec["image"]).partition("@")[0].rpartition(":")
        return name if tagged and "/" not in tag else name + tagged + tag

    @property
    def tag(self) -> str:
        """Empty where it has none."""
        return str(self.spec["image"]).partition("@")[0].removeprefix(self.image).removeprefix(":")

    @property
    def is_server(self) -> bool:
        return self.image == SERVER_IMAGE and self.spec.get("args", [])[:1] == ["serve"]

    @property
    def is_engine(self) -> bool:
        """Whether it loads a model."""
        return self.is_server or (self.image == SERVER_IMAGE and self.spec.get("args", [])[:1] == ["batch"])

    @property
    def mounts(self) -> dict[str, Object]:
        """Volume mounts by their path."""
        return {mount["mountPath"]: mount for mount in self.spec.get("volumeMounts", [])}

    def mount_of(self, path: str) -> Object | None:
        """The mount that ``path`` lies in."""
        inside = [at for at in self.mounts if path == at or path.startswith(at.rstrip("/") + "/")]
        return self.mounts[max(inside, key=len)] if inside else None

    @property
    def port_names(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in self.spec.get("ports", [])}


@dataclass(frozen=True, slots=True)
class Workload:
    """What makes pods: a Deployment, a Job, or one group of a RayJob's cluster."""

    object: Object

    @property
    def name(self) -> str:
        return f"{self.object['kind']}/{self.object['metadata']['name']}"

    @property
    def pod(self) -> Object:
        spec: Object = self.object["spec"]["template"]["spec"]
        return spec

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.object["spec"]["template"]["metadata"]["labels"]
        return labels

    @property
    def containers(self) -> list[Container]:
        """In the order in which they start."""
        init = [
            Container(spec, "sidecar" if spec.get("restartPolicy") == "Always" else "init")
            for spec in self.pod.get("initContainers", [])
        ]
        return init + [Container(spec, "main") for spec in self.pod["containers"]]

    @property
    def server(self) -> Container | None:
        """The container that runs ``translate-svc serve``."""
        return next((container for container in self.containers if container.is_server), None)


class Manifests:
    """The objects of one overlay. They may be changed: tests seed their mistakes so."""

    def __init__(self, objects: list[Object]) -> None:
        self.objects = objects

    @classmethod
    def of(cls, overlay: str | Path) -> Manifests:
        """Fresh objects of an overlay, by name or by directory."""
        directory = OVERLAYS[overlay] if isinstance(overlay, str) else overlay
        return cls(json.loads(_objects(directory)))

    def of_kind(self, *kinds: str) -> list[Object]:
        return [item for item in self.objects if item["kind"] in kinds]

    def find(self, kind: str, name: str) -> Object | None:
        return next((item for item in self.of_kind(kind) if item["metadata"]["name"] == name), None)

    def one(self, kind: str, name: str) -> Object:
        found = self.find(kind, name)
        assert found is not None, f"no {kind}/{name}"
        return found

    @property
    def workloads(self) -> list[Workload]:
        found = [Workload(item) for item in self.of_kind("Deployment", "Job")]
        return found + [pods for item in self.of_kind("RayJob") for pods in _ray_pods(item)]

    @property
    def deployments(self) -> list[Workload]:
        return [workload for workload in self.workloads if workload.object["kind"] == "Deployment"]

    def servers(self) -> Iterator[tuple[Workload, Container, Settings]]:
        """Every server, with what it makes of its environment. Raises what the server would raise."""
        for workload in self.workloads:
            if workload.server is not None:
                environment = self.environment(workload.server)
                yield workload, workload.server, Settings.load({}, environment)

    def environment(self, container: Container) -> dict[str, str]:
        """The variables of a container: ConfigMaps first, its own over them."""
        variables: dict[str, str] = {}
        for source in container.spec.get("envFrom", []):
            reference = source["configMapRef"]
            found = self.find("ConfigMap", reference["name"])
            variables |= found["data"] if found else {}
        for entry in container.spec.get("env", []):
            variables[entry["name"]] = entry["value"] if "value" in entry else _derived(entry, container)
        return variables


def matches(selector: Object | None, labels: dict[str, str]) -> bool:
    """Whether a label selector takes these labels. An absent one takes nothing, an empty one everything."""
    if selector is None:
        return False
    assert not set(selector) - {"matchLabels"}, "only matchLabels is understood"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def title(item: Object) -> str:
    """How findings name an object."""
    return f"{item['kind']}/{item['metadata']['name']}"


def _ray_pods(item: Object) -> Iterator[Workload]:
    """The head and the workers of a RayJob as workloads, which share its objects."""
    cluster = item["spec"]["rayClusterSpec"]
    groups = [("head", cluster["headGroupSpec"])]
    groups += [(group["groupName"], group) for group in cluster["workerGroupSpecs"]]
    for name, group in groups:
        metadata = {"name": f"{item['metadata']['name']}-{name}"}
        yield Workload({"kind": "RayJob", "metadata": metadata, "spec": {"template": group["template"]}})


def _derived(entry: Object, container: Container) -> str:
    """The value of a resourceFieldRef, in whole cores, rounded up as the kubelet does."""
    kind, _, resource = entry["valueFrom"]["resourceFieldRef"]["resource"].partition(".")
    assert resource == "cpu", "only cpu is understood"
    quantity = str(container.spec["resources"][kind][resource])
    millicores = int(quantity[:-1]) if quantity.endswith("m") else int(float(quantity) * 1000)
    return str(-(-millicores // 1000))
