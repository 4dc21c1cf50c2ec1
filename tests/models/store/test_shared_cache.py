"""Weights in huggingface_hub's shared cache are served and pulled without a download."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants, try_to_load_from_cache

from tests.fake_hub import COMMIT, FakeHub
from tests.published_layout import HUB_ID
from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.checkpoint.identity import CheckpointIdentity, find_checkpoint, read_identity
from translate_svc.models.store.catalog import read_catalog
from translate_svc.models.store.hub import Hub
from translate_svc.models.store.pull import pull, pulled

SHARD = "model-00002-of-00002.safetensors"


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: FakeHub) -> Path:
    """The shared cache as huggingface_hub leaves it after a download of the whole model."""
    folder = tmp_path / "shared"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    repository = folder / f"models--{HUB_ID.replace('/', '--')}"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for file in hub.folder.iterdir():
        blob = repository / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        shutil.copy(file, blob)
        (snapshot / file.name).symlink_to(Path("../../blobs") / blob.name)
    assert try_to_load_from_cache(HUB_ID, SHARD, cache_dir=folder) == str(snapshot / SHARD), (
        "huggingface_hub agrees"
    )
    return snapshot


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.parents[2].rglob("*") if path.is_file()}


def test_a_model_is_found_there_by_its_hub_id(shared: Path, tmp_path: Path) -> None:
    found = find_checkpoint(HUB_ID, tmp_path / "cache")
    assert found == shared
    assert read_identity(found) == CheckpointIdentity(HUB_ID, COMMIT, "cc-by-nc-4.0")
    assert Checkpoint.open(found).feature_extractor().feature_size == 160
    assert [entry.name for entry in read_catalog(tmp_path / "cache")] == ["starter", HUB_ID]


@pytest.mark.parametrize("missing", [SHARD, "config.json"])
def test_half_a_model_does_not_count(shared: Path, tmp_path: Path, missing: str) -> None:
    (shared / missing).unlink()
    with pytest.raises(CheckpointError, match="to download it: translate-svc pull"):
        find_checkpoint(HUB_ID, tmp_path / "cache")
    assert [entry.name for entry in read_catalog(tmp_path / "cache")] == ["starter"]


def test_a_pull_links_what_is_there_and_verifies_it(shared: Path, tmp_path: Path, hub: FakeHub) -> None:
    cache, client, before = tmp_path / "cache", Hub(hub.endpoint), contents(shared)
    plan = client.plan(HUB_ID)
    hub.seen.clear()
    progress: list[int] = []
    path = pull(client, plan, cache, progress.append)
    assert not [each for each in hub.seen if "/resolve/" in each.path], "nothing was downloaded"
    assert sum(progress) == plan.size
    assert (path / SHARD).resolve().is_relative_to(shared.parents[1])
    assert read_identity(path).name == HUB_ID
    assert pulled(plan, cache)
    assert Checkpoint.open(path).feature_extractor().feature_size == 160
    assert contents(shared) == before


def test_what_differs_or_is_missing_there_is_downloaded_and_the_cache_is_not_touched(
    shared: Path, tmp_path: Path, hub: FakeHub
) -> None:
    cache, client = tmp_path / "cache", Hub(hub.endpoint)
    plan = client.plan(HUB_ID)
    blob = (shared / SHARD).resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    (shared / "config.json").unlink()
    (shared / "config.json").write_bytes((hub.folder / "config.json").read_bytes())
    (shared / "sentencepiece.bpe.model").unlink()
    before = contents(shared)
    hub.seen.clear()
    path = pull(client, plan, cache, lambda _: None)
    fetched = {each.path.rpartition("/")[2] for each in hub.seen if each.method == "GET"}
    assert {SHARD, "sentencepiece.bpe.model"} <= fetched
    assert "model-00001-of-00002.safetensors" not in fetched
    assert (path / SHARD).read_bytes() == (hub.folder / SHARD).read_bytes()
    assert not (path / SHARD).is_symlink()
    assert contents(shared) == before
