"""A pull in int8: the int8 form alone, the same to the bit, and resumed at the file where it stopped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.fake_hub import FakeHub
from tests.published_layout import HUB_ID
from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.identity import read_identity
from translate_svc.models.checkpoint.keyed_file import weights_key
from translate_svc.models.checkpoint.weight_index import PRODUCTS_FILE, REST_FILE, stored_weights
from translate_svc.models.decoded_step import NO_OPTIONAL_FIELDS
from translate_svc.models.placement import Placement
from translate_svc.models.precision import FLOAT32, INT8
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.runs import Runs
from translate_svc.models.selftest.comparison import Case, new_model
from translate_svc.models.slices import finish
from translate_svc.models.store.hub import Hub
from translate_svc.models.store.pull import pull, pulled

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
DIRECTORY = "facebook--seamless-m4t-v2-large"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def pull_all(hub: FakeHub, cache: Path, *, int8: bool) -> Path:
    client = Hub(hub.endpoint)
    return pull(client, client.plan(HUB_ID), cache, lambda _: None, int8=int8)


@torch.inference_mode()
def logits(folder: Path) -> Tensor:
    case = Case("text", (3, 4, 5, 6), "eng", None)
    model = new_model(open_checkpoint(folder), [case], Placement("cpu", INT8))
    finish(model.encode([case.source], [[0]]))
    return model.decode(Runs.steps([0], [0], [3]), NO_OPTIONAL_FIELDS).logits


def test_the_int8_form_alone_is_kept_and_computes_the_same(hub: FakeHub, cache: Path, tmp_path: Path) -> None:
    path, whole = pull_all(hub, cache, int8=True), pull_all(hub, tmp_path / "whole", int8=False)
    weights = {each.name for each in path.iterdir() if "safetensors" in each.name}
    assert weights == {PRODUCTS_FILE, REST_FILE}
    assert {each.name for each in whole.iterdir()} - {each.name for each in path.iterdir()} == {
        *SHARDS,
        "model.safetensors.index.json",
    }
    assert torch.equal(logits(path), logits(whole))
    assert stored_weights(path).parameters == stored_weights(whole).parameters
    assert weights_key(path) == weights_key(whole), "calibrations of one are valid for the other"
    assert read_identity(path) == read_identity(whole)
    with pytest.raises(CheckpointError, match="is missing"):
        new_model(open_checkpoint(path), [], Placement("cpu", FLOAT32))


@pytest.mark.parametrize("written", range(4), ids=["first part", "second part", "products", "rest"])
def test_a_pull_that_dies_while_it_writes_looks_like_nothing_and_goes_on(
    hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    calls = []

    def die(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > written:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", die)
        with pytest.raises(KeyboardInterrupt):
            pull_all(hub, cache, int8=True)
    assert not (cache / DIRECTORY).exists()
    assert sum(len(hub.downloads(shard)) for shard in SHARDS) == min(written + 1, 2)
    (staging,) = (cache / ".pulling").iterdir()
    (staging / f".{REST_FILE}.1").write_bytes(b"as kill -9 leaves it")
    path = pull_all(hub, cache, int8=True)
    assert [len(hub.downloads(shard)) for shard in SHARDS] == [1, 1]
    left = [each.name for each in path.iterdir() if each.name.startswith((".", "model"))]
    assert not left
    assert logits(path).isfinite().all()


def test_either_form_takes_the_place_of_the_other(hub: FakeHub, cache: Path) -> None:
    plan = Hub(hub.endpoint).plan(HUB_ID)
    pull_all(hub, cache, int8=False)
    hub.seen.clear()
    path = pull_all(hub, cache, int8=True)
    assert not [each for each in hub.seen if each.path.endswith(".safetensors")], "the weights were there"
    assert (pulled(plan, cache, int8=True), pulled(plan, cache)) == (True, False)
    pull_all(hub, cache, int8=False)
    assert (pulled(plan, cache, int8=True), pulled(plan, cache)) == (False, True)
    assert not (path / PRODUCTS_FILE).exists()


def test_a_lost_file_of_products_cannot_be_made_again(hub: FakeHub, cache: Path) -> None:
    path = pull_all(hub, cache, int8=True)
    (path / "MANIFEST.sha256").unlink()
    (path / PRODUCTS_FILE).unlink()
    with pytest.raises(CheckpointError, match="pull again"):
        logits(path)
