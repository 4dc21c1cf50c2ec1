"""What a hub refuses, or does not have, is told in a line before anything is downloaded."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from huggingface_hub import constants

from tests.fake_hub import FakeHub
from tests.published_layout import HUB_ID
from translate_svc.errors import CheckpointError, DownloadError, InvalidArgument
from translate_svc.models.store.hub import Hub

SHARD = "model-00002-of-00002.safetensors"


def _gate(hub: FakeHub) -> None:
    hub.gated = True


def _hide(hub: FakeHub) -> None:
    hub.token = "another"


def _lose(name: str) -> Any:
    return lambda hub: (hub.folder / name).unlink()


def _hollow_processor(hub: FakeHub) -> None:
    (hub.folder / "preprocessor_config.json").unlink()
    (hub.folder / "processor_config.json").write_text('{"processor_class": "SeamlessM4TProcessor"}')


def _change_model(hub: FakeHub) -> None:
    config = json.loads((hub.folder / "config.json").read_text())
    (hub.folder / "config.json").write_text(json.dumps(config | {"model_type": "whisper"}))


def _leave_the_cache(hub: FakeHub) -> None:
    hub.commit = "x/../../../../victim"


@pytest.mark.parametrize(
    ("change", "hub_id", "revision", "said"),
    [
        (None, "facebook/absent", None, "facebook/absent: is not on http.*or is private"),
        (_hide, HUB_ID, None, "is not on http.*or is private .then set HF_TOKEN"),
        (_gate, HUB_ID, None, f"is gated: ask for access on http.*/{HUB_ID}, then set HF_TOKEN"),
        (None, HUB_ID, "v9", "has no such revision"),
        (None, "not a name", None, "is not a model's name on a hub"),
        (_lose("generation_config.json"), HUB_ID, None, "generation_config.json: is missing from facebook"),
        (
            _lose("preprocessor_config.json"),
            HUB_ID,
            None,
            "preprocessor_config.json: is missing from facebook.*, and so is processor_config.json",
        ),
        (
            _hollow_processor,
            HUB_ID,
            None,
            "processor_config.json: has no feature_extractor, and preprocessor_config.json is missing from",
        ),
        (_lose(SHARD), HUB_ID, None, f"{SHARD}: is missing from facebook.* names it"),
        (_lose("model.safetensors.index.json"), HUB_ID, None, "no safetensors weights"),
        (_change_model, HUB_ID, None, "config.json: model_type is 'whisper'"),
        (_leave_the_cache, HUB_ID, None, "the hub names a commit that is not one"),
    ],
)
def test_what_cannot_be_pulled_is_told_in_a_line_before_anything_is_downloaded(
    hub: FakeHub, change: Any, hub_id: str, revision: str | None, said: str
) -> None:
    if change is not None:
        change(hub)
    with pytest.raises((DownloadError, CheckpointError), match=said) as caught:
        Hub(hub.endpoint).plan(hub_id, revision)
    assert "\n" not in str(caught.value)
    assert not hub.downloads(SHARD)


def test_no_hub_and_a_forbidden_network_are_told(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(DownloadError, match=f"http://127.0.0.1:{port} cannot be reached; HTTPS_PROXY"):
        Hub(f"http://127.0.0.1:{port}").plan(HUB_ID)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match="cannot be pulled while HF_HUB_OFFLINE is set"):
        Hub(hub.endpoint).plan(HUB_ID)
    assert hub.seen == []


@pytest.mark.parametrize("address", ["huggingface.co", "ftp://hub.example", "http://"])
def test_an_address_that_is_none_is_refused_by_its_variable(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(InvalidArgument, match="HF_ENDPOINT: must be an address, such as"):
        Hub()


def test_an_empty_variable_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "")
    monkeypatch.setattr(constants, "ENDPOINT", "")  # as huggingface_hub then has it
    assert Hub().endpoint == "https://huggingface.co"
