"""A hub that serves a small checkpoint in the published layout."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.fake_hub import FakeHub
from tests.published_layout import HUB_ID, build_published_layout
from translate_svc.models.store import download


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_published_layout(tmp_path_factory.mktemp("hub") / "published")


@pytest.fixture
def hub(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub of its own files. Pauses between attempts are short."""
    monkeypatch.setattr(download, "_FIRST_PAUSE_S", 0.001)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "no shared cache"))
    with FakeHub(shutil.copytree(published, tmp_path / "repository"), HUB_ID).serve() as serving:
        yield serving
