"""The kubelet keeps to what Kubernetes documents; proven with programs of a few lines."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.k8s.kubelet import Node, Pod
from tests.k8s.manifest_builder import IMAGES, deployment, script, server
from tests.k8s.manifests import Object

_READY_S = 60.0
_SECOND_S = 0.2
"""How long a second of a manifest lasts."""
_STAYS = "import time; time.sleep(60)"
_SHARED = {"volumes": [{"name": "shared", "emptyDir": {}}]}
_MOUNT = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node(IMAGES, second_s=_SECOND_S) as running:
        yield running


def _pod(node: Node, *containers: Object, init: tuple[Object, ...] = (), **spec: object) -> Pod:
    manifests, workload = deployment(*containers, init=init, **spec)
    pod = Pod(node, manifests, workload, "app-1")
    pod.start()
    return pod


def _ends_well(name: str, **spec: object) -> Object:
    """A container that is ready once its handler of SIGTERM is there."""
    code = (
        "import os, signal, sys, time; signal.signal(15, lambda *_: sys.exit(0))\n"
        f"open('/shared/{name}', 'w').close()\ntime.sleep(60)"
    )
    ready = {"exec": {"command": ["test", "-e", f"/shared/{name}"]}, "periodSeconds": 1}
    return script(name, code, readinessProbe=ready, **_MOUNT, **spec)


def _order(node: Node, *whats: str) -> list[tuple[str, str]]:
    return [(entry.container, entry.what) for entry in node.diary if entry.what in whats]


async def _until(node: Node, what: str, count: int = 1) -> None:
    async with asyncio.timeout(_READY_S):
        while len(node.entries(what)) < count:
            await node.wait()


async def test_init_containers_run_one_after_the_other_and_before_all_else(node: Node) -> None:
    first = script("first", "open('/shared/a', 'w').close()", **_MOUNT)
    second = script("second", "open('/shared/a')", **_MOUNT)
    pod = _pod(node, script("main", _STAYS), init=(first, second), **_SHARED)
    await pod.until_ready(_READY_S)
    assert _order(node, "start", "exit 0") == [
        ("first", "start"),
        ("first", "exit 0"),
        ("second", "start"),
        ("second", "exit 0"),
        ("main", "start"),
    ]


async def test_a_sidecar_gates_what_follows_and_outlives_it(node: Node) -> None:
    outer = server("outer", START_S="0.3") | {"restartPolicy": "Always"}
    inner = _ends_well("inner", restartPolicy="Always")
    pod = _pod(node, _ends_well("main"), init=(outer, inner), **_SHARED)
    await pod.until_ready(_READY_S)
    assert _order(node, "start", "started")[:4] == [
        ("outer", "start"),
        ("outer", "started"),
        ("inner", "start"),
        ("inner", "started"),
    ]
    await pod.terminate()
    assert _order(node, "SIGTERM", "exit 0") == [
        (name, what) for name in ("main", "inner", "outer") for what in ("SIGTERM", "exit 0")
    ]


async def test_a_container_that_never_starts_is_killed_and_run_again(node: Node) -> None:
    container = server(START_S="60")
    container["startupProbe"]["failureThreshold"] = 3
    pod = _pod(node, container)
    await _until(node, "startup failed", 2)
    assert len(node.entries("start")) == 2
    assert not pod.ready


async def test_liveness_restarts_after_its_threshold(node: Node, tmp_path: Path) -> None:
    pod = _pod(node, server(FLAGS=str(tmp_path)))
    await pod.until_ready(_READY_S)
    (tmp_path / "sick").touch()
    await _until(node, "liveness failed")
    (tmp_path / "sick").unlink()
    await _until(node, "start", 2)
    await pod.until_ready(_READY_S)


async def test_pre_stop_holds_the_signal_back(node: Node) -> None:
    container = server() | {"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}
    pod = _pod(node, container)
    await pod.until_ready(_READY_S)
    await pod.terminate()
    (deleted,), (told,) = node.entries("deleted"), node.entries("SIGTERM")
    assert 5 * _SECOND_S <= told.at_s - deleted.at_s < 30 * _SECOND_S, "before the grace has passed"
    assert pod.containers["server"].exit_codes == [0]


@pytest.mark.parametrize(
    ("grace_s", "hook_s", "killed_after_s", "before_s"), [(10, 9, 10, 9 + 10), (1, 99, 1 + 2, 99)]
)
async def test_the_grace_is_the_pods_and_includes_the_hook(
    node: Node, grace_s: int, hook_s: int, killed_after_s: float, before_s: float
) -> None:
    """Ended by the grace, or two seconds after a hook that has used it up."""
    container = server(STUBBORN="1") | {"lifecycle": {"preStop": {"sleep": {"seconds": hook_s}}}}
    pod = _pod(node, container, terminationGracePeriodSeconds=grace_s)
    await pod.until_ready(_READY_S)
    await pod.terminate()
    (deleted,), (killed,) = node.entries("deleted"), node.entries("SIGKILL")
    after_s = (killed.at_s - deleted.at_s) / _SECOND_S
    assert killed_after_s <= after_s < before_s, "not after the hook, or the hook and the whole grace"
    assert pod.containers["server"].exit_codes == [-signal.SIGKILL]
