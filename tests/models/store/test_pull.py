"""Pulling from a hub: whole and verified, or nothing that could be taken for whole."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import socket
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.fake_hub import COMMIT, FakeHub
from tests.full_disk import files_of_at_most
from tests.published_layout import HUB_ID, NEEDLESS_FILES
from translate_svc.errors import CheckpointError, DownloadError
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.checkpoint.identity import CheckpointIdentity, find_checkpoint, read_identity
from translate_svc.models.checkpoint.keyed_file import read_keyed, write_keyed
from translate_svc.models.store.hub import Hub
from translate_svc.models.store.pull import pull, pulled

SHARD = "model-00002-of-00002.safetensors"
DIRECTORY = "facebook--seamless-m4t-v2-large"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


class Pulled(NamedTuple):
    path: Path
    progress: list[int]


def pull_all(hub: FakeHub, cache: Path, **plan: Any) -> Pulled:
    client = Hub(hub.endpoint)
    progress: list[int] = []
    return Pulled(pull(client, client.plan(HUB_ID, **plan), cache, progress.append), progress)


def check_nothing_looks_complete(cache: Path) -> None:
    assert not (cache / DIRECTORY).exists()
    with pytest.raises(CheckpointError, match="translate-svc pull"):
        find_checkpoint(HUB_ID, cache)
    assert not list(cache.glob("*/config.json"))


def test_a_model_that_transformers_5_saved_is_pulled_and_opens(hub: FakeHub, cache: Path) -> None:
    features = (hub.folder / "preprocessor_config.json").read_text()
    (hub.folder / "preprocessor_config.json").unlink()
    (hub.folder / "processor_config.json").write_text(f'{{"feature_extractor": {features}}}')
    path = pull_all(hub, cache).path
    assert (path / "processor_config.json").is_file()
    assert Checkpoint.open(path).feature_extractor().feature_size == 160


def test_a_pull_brings_what_is_needed_and_opens_without_a_network(
    hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Hub(hub.endpoint).plan(HUB_ID)
    assert (plan.revision, plan.license) == (COMMIT, "cc-by-nc-4.0")
    path, progress = pull_all(hub, cache)
    names = {each.name for each in path.iterdir()}
    assert names == ({each.name for each in hub.folder.iterdir()} - set(NEEDLESS_FILES)) | {
        "MANIFEST.sha256",
        "hub.json",
    }
    assert not [each for each in hub.seen if each.path.endswith((".pt", ".svg"))]
    assert sum(progress) == plan.size
    assert [each.name for each in cache.iterdir()] == [DIRECTORY]

    def no_network(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    found = find_checkpoint(HUB_ID, cache)
    checkpoint = Checkpoint.open(found)
    assert checkpoint.capabilities().speech_languages == ("eng", "spa")
    assert read_identity(found) == CheckpointIdentity(HUB_ID, COMMIT, "cc-by-nc-4.0")


def test_the_manifest_is_what_sha256sum_writes(hub: FakeHub, cache: Path) -> None:
    path, _ = pull_all(hub, cache)
    lines = (path / "MANIFEST.sha256").read_text().splitlines()
    named = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert named.keys() == {each.name for each in path.iterdir()} - {"MANIFEST.sha256", "hub.json"}
    for name, digest in named.items():
        assert hashlib.sha256((hub.folder / name).read_bytes()).hexdigest() == digest


def test_a_broken_connection_is_taken_up_where_it_broke(hub: FakeHub, cache: Path) -> None:
    hub.cuts = {SHARD: [10_000, 0, 20_000], "generation_config.json": [100]}
    _, progress = pull_all(hub, cache)
    assert [each.range_start for each in hub.downloads(SHARD)] == [0, 10_000, 10_000, 30_000]
    assert sum(progress) == Hub(hub.endpoint).plan(HUB_ID).size


def test_an_interrupted_pull_goes_on_with_the_next_one(hub: FakeHub, cache: Path) -> None:
    hub.cuts = {SHARD: [10_000]}
    client = Hub(hub.endpoint)
    plan = client.plan(HUB_ID)

    def interrupt(_: int) -> None:
        if any(each.range_start for each in hub.downloads(SHARD)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(client, plan, cache, interrupt)
    check_nothing_looks_complete(cache)
    (staged,) = (cache / ".pulling").iterdir()
    there = (staged / SHARD).stat().st_size
    assert there >= 10_000
    hub.seen.clear()
    _, progress = pull_all(hub, cache)
    whole = (hub.folder / SHARD).stat().st_size
    assert [each.range_start for each in hub.downloads(SHARD)] == ([there] if there < whole else [])
    assert not hub.downloads("model-00001-of-00002.safetensors"), "a whole file is not downloaded again"
    assert sum(progress) == plan.size, "what was there already counts"


def test_a_hub_without_ranges_begins_again(hub: FakeHub, cache: Path) -> None:
    hub.ranges = False
    hub.cuts = {SHARD: [10_000]}
    path, progress = pull_all(hub, cache)
    assert (path / SHARD).read_bytes() == (hub.folder / SHARD).read_bytes()
    assert -10_000 in progress
    assert sum(progress) == Hub(hub.endpoint).plan(HUB_ID).size


@pytest.mark.parametrize(
    ("name", "forge", "said"),
    [
        (SHARD, lambda content: content[:-1] + b"!", "differs from the sha256 that the hub states"),
        ("generation_config.json", lambda content: content[:-2] + b"  ", "differs from the git object"),
        (SHARD, lambda content: content + b"!", r"has \d+ bytes, the hub states \d+"),
    ],
)
def test_contents_that_are_not_what_the_hub_states_are_refused(
    hub: FakeHub, cache: Path, name: str, forge: Any, said: str
) -> None:
    hub.forged = {name: forge((hub.folder / name).read_bytes())}
    with pytest.raises(DownloadError, match=said) as caught:
        pull_all(hub, cache)
    assert caught.value.field == name
    check_nothing_looks_complete(cache)
    assert not list(cache.glob(f".pulling/*/{name}"))
    hub.forged = {}
    assert pull_all(hub, cache).path == cache / DIRECTORY


def test_a_hub_that_is_busy_is_asked_again_and_a_dead_one_is_not_for_ever(hub: FakeHub, cache: Path) -> None:
    hub.statuses = {SHARD: [503, 429]}
    pull_all(hub, cache / "busy")
    hub.statuses = {SHARD: [500] * 100}
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:\d+ answered 500; try again later"):
        pull_all(hub, cache / "dead")
    hub.statuses = {}
    hub.cuts = {SHARD: [0] * 100}
    with pytest.raises(DownloadError, match=r"no answer from|sends no more of it"):
        pull_all(hub, cache / "dead")
    check_nothing_looks_complete(cache / "dead")


def test_a_token_is_sent_to_the_hub_and_not_to_where_it_redirects(
    hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", hub.token)
    pull_all(hub, cache)
    assert {each.token for each in hub.seen if each.path.startswith("/cdn/")} == {""}
    assert {each.token for each in hub.seen if not each.path.startswith("/cdn/")} == {hub.token}


def test_a_full_disk_is_told_and_keeps_what_is_there(hub: FakeHub, cache: Path) -> None:
    with files_of_at_most(50_000), pytest.raises(DownloadError, match="cannot be written: File too large"):
        pull_all(hub, cache)
    check_nothing_looks_complete(cache)
    assert list(cache.glob(".pulling/*/config.json"))
    assert pull_all(hub, cache).path == cache / DIRECTORY


def test_too_little_room_is_told_before_the_first_byte(
    hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(cache.parent)._replace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match=r"needs \d+\.\d MB, 0\.0 MB are free in"):
        pull_all(hub, cache)
    assert not hub.downloads(SHARD)


def test_another_commit_takes_the_place_of_the_first(hub: FakeHub, cache: Path) -> None:
    plan = Hub(hub.endpoint).plan(HUB_ID)
    assert not pulled(plan, cache)
    path, _ = pull_all(hub, cache)
    assert pulled(plan, cache)
    hub.commit = "1d13e1f664e89e64e6947f787dd088406bc28e3b"
    (hub.folder / "README.md").write_text("---\nlicense: mit\n---\n")
    newer = Hub(hub.endpoint).plan(HUB_ID)
    assert not pulled(newer, cache)
    pull_all(hub, cache)
    assert read_identity(path) == CheckpointIdentity(HUB_ID, hub.commit, "mit")
    assert [each.name for each in cache.iterdir()] == [DIRECTORY]


def test_a_calibration_stays_as_long_as_the_weights_do(hub: FakeHub, cache: Path) -> None:
    path, _ = pull_all(hub, cache)
    write_keyed(path, "alignment.json", 1, {"heads": []})
    calibrated = (path / "alignment.json").read_bytes()
    (path / "damaged.json").write_text("{")
    (path / "other.json").write_text('{"of": "somebody else"}')
    hub.commit = "1" * 40
    (hub.folder / "README.md").write_text("---\nlicense: mit\n---\n")
    pull_all(hub, cache)
    assert read_identity(path).revision == hub.commit
    assert (path / "alignment.json").read_bytes() == calibrated
    assert not (path / "damaged.json").exists()
    assert not (path / "other.json").exists()
    assert read_keyed(path, "alignment.json", 1) is not None

    hub.commit = "2" * 40
    weights = bytearray((hub.folder / SHARD).read_bytes())
    weights[-1] ^= 1
    (hub.folder / SHARD).write_bytes(weights)
    pull_all(hub, cache)
    assert not (path / "alignment.json").exists(), "it was computed for other weights"


@pytest.mark.parametrize("lost", ["MANIFEST.sha256", SHARD])
def test_a_damaged_directory_is_mended_by_pulling_again(hub: FakeHub, cache: Path, lost: str) -> None:
    path, _ = pull_all(hub, cache)
    (path / lost).unlink()
    assert not pulled(Hub(hub.endpoint).plan(HUB_ID), cache)
    pull_all(hub, cache)
    assert pulled(Hub(hub.endpoint).plan(HUB_ID), cache)


def test_a_link_to_a_larger_disk_is_replaced_again_and_again(hub: FakeHub, cache: Path) -> None:
    path, _ = pull_all(hub, cache)
    for commit in ("1" * 40, "2" * 40):
        elsewhere = cache.parent / commit
        shutil.copytree(path, elsewhere)
        shutil.rmtree(path)
        path.symlink_to(elsewhere)
        hub.commit = commit
        pull_all(hub, cache)
        assert read_identity(path).revision == commit
        assert [each.name for each in cache.iterdir()] == [DIRECTORY], "nothing is left over"
        assert (elsewhere / "config.json").is_file(), "what the link showed is not removed"


def test_files_that_may_not_be_linked_are_downloaded(
    hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = pull_all(hub, cache)
    hub.commit = "1" * 40

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), "a file of another user")

    monkeypatch.setattr(os, "link", refused)
    pull_all(hub, cache)
    assert read_identity(path).revision == hub.commit


def test_a_directory_of_ones_own_is_not_replaced(hub: FakeHub, cache: Path) -> None:
    (cache / DIRECTORY).mkdir(parents=True)
    with pytest.raises(DownloadError, match="is there and was not pulled; move it away"):
        pulled(Hub(hub.endpoint).plan(HUB_ID), cache)


def test_two_pulls_into_one_cache_do_not_meet(hub: FakeHub, cache: Path) -> None:
    client = Hub(hub.endpoint)
    plan = client.plan(HUB_ID)
    met: list[str] = []

    def pull_too(_: int) -> None:
        if not met:
            with pytest.raises(DownloadError, match="another pull into it is running") as caught:
                pull(client, plan, cache, lambda _: None)
            met.append(str(caught.value))

    pull(client, plan, cache, pull_too)
    assert met
