"""Manifests made by hand, for the kubelet's own tests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.k8s.kubelet import Image
from tests.k8s.manifests import Manifests, Object, Workload

PROGRAMS = Path(__file__).parent / "programs"
IMAGES = {
    "server": Image((sys.executable, str(PROGRAMS / "server.py"))),
    "python": Image((sys.executable, "-c")),
}
PORT = 18_080


def server(name: str = "server", **variables: str) -> Object:
    """A container that runs programs/server.py and is asked every second."""
    return {
        "name": name,
        "image": "server:1",
        "env": [
            {"name": key, "value": value}
            for key, value in ({"HOST": "0.0.0.0", "PORT": str(PORT)} | variables).items()
        ],
        "ports": [{"name": "admin", "containerPort": PORT}],
        "startupProbe": probe("/readyz", failureThreshold=100),
        "readinessProbe": probe("/readyz", failureThreshold=1),
        "livenessProbe": probe("/healthz"),
    }


def probe(path: str, **values: int) -> Object:
    """It waits long for an answer: a busy machine must not miss one."""
    return {"httpGet": {"path": path, "port": "admin"}, "periodSeconds": 1, "timeoutSeconds": 60, **values}


def script(name: str, code: str, **values: Any) -> Object:
    """A container that runs a line of Python."""
    return {"name": name, "image": "python:3", "args": [code], **values}


def deployment(*containers: Object, init: tuple[Object, ...] = (), **pod: Any) -> tuple[Manifests, Workload]:
    """A Deployment of these containers; ``pod`` is the rest of its spec."""
    item: Object = {
        "kind": "Deployment",
        "metadata": {"name": "app"},
        "spec": {
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": {}},
                "spec": {"containers": list(containers), "initContainers": list(init), **pod},
            },
        },
    }
    return Manifests([item]), Workload(item)
