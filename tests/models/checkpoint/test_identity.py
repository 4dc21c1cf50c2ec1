"""What a directory is called, where it came from, and which directory a name means."""

from __future__ import annotations

from pathlib import Path

import pytest

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.identity import (
    CheckpointIdentity,
    HubOrigin,
    find_checkpoint,
    license_of,
    read_identity,
)

HUB_ID = "facebook/seamless-m4t-v2-large"


@pytest.mark.parametrize(
    ("card", "license"),
    [
        ("---\nlicense: cc-by-nc-4.0\ntags: x\n---\n# M\nlicense: not-this\n", "cc-by-nc-4.0"),
        ("---\nlicense: 'apache-2.0'\n---\n", "apache-2.0"),
        ("---\nwidget:\n  license: nested\n---\n", ""),
        ("# M\nlicense: no\n", ""),
        ("---\nlicense: torn", ""),
        ("", ""),
    ],
)
def test_the_licence_is_the_front_matters(card: str, license: str) -> None:
    assert license_of(card) == license


def test_a_pulled_directory_is_its_hub_id_at_a_commit(tmp_path: Path) -> None:
    assert read_identity(tmp_path) == CheckpointIdentity(tmp_path.name, "", "")
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    (tmp_path / "MANIFEST.sha256").write_text("")
    assert read_identity(tmp_path) == CheckpointIdentity(tmp_path.name, "e3b0c44298fc1c14", "mit")
    HubOrigin(HUB_ID, "5f8cc790", "https://huggingface.co").write(tmp_path)
    assert read_identity(tmp_path) == CheckpointIdentity(HUB_ID, "5f8cc790", "mit")
    (tmp_path / "hub.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"hub\.json: cannot be read"):
        read_identity(tmp_path)


def test_names_paths_and_hub_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    own, pulled = cache / "own", cache / "facebook--seamless-m4t-v2-large"
    own.mkdir(parents=True)
    pulled.mkdir()
    assert find_checkpoint("own", cache) == own
    assert find_checkpoint(str(own), Path("nowhere")) == own
    assert find_checkpoint(HUB_ID, cache) == pulled
    assert find_checkpoint(pulled.name, cache) == pulled
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint("cache/own", Path("nowhere")) == own, "a path, although it looks like a hub id"
    monkeypatch.chdir(own)
    assert find_checkpoint(".", Path("nowhere")) == own


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "model: no model directory at {cache}/absent; translate-svc models lists what is there"),
        ("", "model: must be a directory, a hub id or a name, and is empty"),
        ("./absent", "model: no model directory at absent"),
        ("a/b/c", "model: no model directory at a/b/c"),
        (HUB_ID, f"model: {HUB_ID} is not in {{cache}}; to download it: translate-svc pull {HUB_ID}"),
    ],
)
def test_what_is_not_there_is_told_with_the_remedy(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(name, tmp_path)
    assert str(caught.value) == said.format(cache=tmp_path)
