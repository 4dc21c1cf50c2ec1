"""The project's images, as they run on this machine."""

from __future__ import annotations

import sys

from tests.k8s.kubelet import Image
from tests.k8s.manifests import ROOT

STARTER = ROOT / "model_cache/starter"
IMAGES = {
    "translate-svc": Image((sys.executable, "-m", "translate_svc")),
    "translate-svc-starter": Image((), files={"/starter": STARTER}),
}
