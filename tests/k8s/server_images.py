"""The project's images, as they run on this machine."""

from __future__ import annotations

import sys

from tests.k8s.kubelet import Image
from tests.k8s.manifests import ROOT, SERVER_IMAGE

STARTER = ROOT / "model_cache/starter"
IMAGES = {
    SERVER_IMAGE: Image((sys.executable, "-m", "translate_svc")),
    f"{SERVER_IMAGE}-starter": Image((), files={"/starter": STARTER}),
}
