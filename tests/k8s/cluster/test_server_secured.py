"""The components tls and api-keys, run: files of the Secrets lie where the settings look for them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.k8s.caller import EXPECTED, Caller
from tests.k8s.kubelet import Node, Pod
from tests.k8s.manifests import ROOT, Manifests
from tests.k8s.server_images import IMAGES
from translate_svc.access.api_keys import key_line, new_key
from translate_svc.client import AsyncClient, ClientOptions, tls_credentials
from translate_svc.errors import TranslateSvcError

_OVERLAY = ROOT / "tests/k8s/overlays/secured"
_READY_S = 90.0


@pytest.mark.soak
async def test_callers_with_a_key_are_served_over_tls(tmp_path: Path) -> None:
    manifests = Manifests.of(_OVERLAY)
    ((workload, _, settings),) = manifests.servers()
    authority, key = Authority(tmp_path), new_key()
    tls, keys = tmp_path / "translate-svc-tls", tmp_path / "translate-svc-api-keys"
    for folder in (tls, keys):
        folder.mkdir()
    (keys / "keys").write_text(key_line("caller", key) + "\n")
    async with Node(IMAGES, secrets={tls.name: tls, keys.name: keys}) as node:
        pod = Pod(node, manifests, workload, "translate-svc-1")
        identity = authority.issue("server", pod.address)
        # the keys of a Secret of type kubernetes.io/tls
        identity.certificate.rename(tls / "tls.crt")
        identity.key.rename(tls / "tls.key")
        pod.start()
        await pod.until_ready(_READY_S)
        target = f"{pod.address}:{settings.port}"
        credentials = tls_credentials(ca=authority.ca)
        stop = asyncio.Event()
        caller = Caller(lambda: target, stop, ClientOptions(credentials=credentials, api_key=key))
        call = asyncio.create_task(caller.run())
        await caller.speaking.wait()
        stop.set()
        assert (await call).texts == [EXPECTED]
        for refused in (ClientOptions(credentials=credentials), ClientOptions()):
            async with AsyncClient(target, refused) as client:
                with pytest.raises(TranslateSvcError):
                    await client.languages()
        await pod.terminate()
        assert pod.containers["server"].exit_codes == [0]
