"""The sidecar overlay as it is rendered: the service is there before the call and after it."""

from __future__ import annotations

import asyncio
import json
import sys

from tests.k8s.caller import EXPECTED
from tests.k8s.kubelet import Image, Node, Pod
from tests.k8s.manifests import ROOT, Manifests
from tests.k8s.server_images import IMAGES, STARTER

_READY_S = 90.0
_HEEDS_SIGTERM = "SIGTERM is heeded"  # a line of ``tests/k8s/programs/call.py``
_OVERLAY = ROOT / "tests/k8s/overlays/sidecar-starter"
_CALL = {"registry.example.com/video-call": Image((sys.executable, "-m", "tests.k8s.programs.call"))}


async def test_the_sidecar_frames_the_call() -> None:
    manifests = Manifests.of(_OVERLAY)
    (workload,) = manifests.deployments
    claims = {"translate-svc-models": STARTER.parent}
    async with Node(IMAGES | _CALL, claims, variables={"PYTHONPATH": str(ROOT)}) as node:
        pod = Pod(node, manifests, workload, "video-call-1")
        pod.start()
        await pod.until_ready(_READY_S)
        async with asyncio.timeout(_READY_S):
            while _HEEDS_SIGTERM not in pod.containers["call"].log:  # noqa: ASYNC110 - another process says it
                await asyncio.sleep(0.05)
        await node.sleep(3)
        await pod.terminate()
        life = [(entry.container, entry.what) for entry in node.diary if entry.container]
        log = pod.containers["call"].log
    assert life == [
        ("verify-model", "start"),
        ("verify-model", "exit 0"),
        ("translate-svc", "start"),
        ("translate-svc", "started"),
        ("call", "start"),
        ("call", "started"),
        ("call", "SIGTERM"),
        ("call", "exit 0"),
        ("translate-svc", "SIGTERM"),
        ("translate-svc", "exit 0"),
    ], log
    heard = json.loads(log.splitlines()[-1])
    assert heard["texts"] == [[EXPECTED] * count for count in heard["begun"]]
    assert heard["begun"][1] == 1, "a stream that was opened after SIGTERM"
