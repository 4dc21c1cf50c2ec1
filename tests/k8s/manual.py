"""The manual of the manifests: docs/kubernetes.md and its further pages."""

from __future__ import annotations

from tests.k8s.manifests import ROOT

PAGES = (ROOT / "docs/kubernetes.md", *sorted((ROOT / "docs/kubernetes").glob("*.md")))
MANUAL = "\n".join(page.read_text("utf-8") for page in PAGES)
