"""How to reach into the manifests to break them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.k8s.manifests import Manifests, Object, Workload
from tests.k8s.rules import Rule


@dataclass(frozen=True, slots=True)
class Mistake:
    """What to break in which overlay, which rule sees it, and a part of what it says."""

    rule: Rule
    overlay: str
    seed: Callable[[Manifests], object]
    said: str


def deployment(manifests: Manifests) -> Object:
    return manifests.of_kind("Deployment")[0]


def pod(manifests: Manifests) -> Object:
    return Workload(deployment(manifests)).pod


def server(manifests: Manifests) -> Object:
    found = Workload(deployment(manifests)).server
    assert found is not None
    return found.spec


def settings(manifests: Manifests) -> dict[str, str]:
    data: dict[str, str] = manifests.of_kind("ConfigMap")[0]["data"]
    return data


def spec(manifests: Manifests, kind: str, index: int = 0) -> Object:
    found: Object = manifests.of_kind(kind)[index]["spec"]
    return found


def policy(manifests: Manifests, name: str) -> Object:
    found: Object = manifests.one("NetworkPolicy", name)["spec"]
    return found


def drop(manifests: Manifests, kind: str, name: str) -> None:
    manifests.objects.remove(manifests.one(kind, name))


def seconds(manifests: Manifests, value: int) -> None:
    server(manifests)["lifecycle"]["preStop"]["sleep"]["seconds"] = value


def probe(manifests: Manifests, kind: str, **values: object) -> None:
    server(manifests)[kind]["httpGet"].update(values)


def volume(manifests: Manifests, name: str) -> Object:
    return next(each for each in pod(manifests)["volumes"] if each["name"] == name)


def mount(manifests: Manifests, name: str) -> Object:
    return next(each for each in server(manifests)["volumeMounts"] if each["name"] == name)
