"""The list of models: a broken one is told by its file, and takes no other one with it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from translate_svc.locations import bundled_models
from translate_svc.models.checkpoint.manifest import MANIFEST_FILE
from translate_svc.models.store.catalog import read_catalog

WEIGHTS, REST = "model.safetensors", "rest.int8.safetensors"


def _header(values: Mapping[str, Any]) -> bytes:
    encoded = json.dumps(values).encode()
    return len(encoded).to_bytes(8, "little") + encoded


def _weights(values: Mapping[str, Any]) -> Callable[[Path], object]:
    return lambda folder: (folder / WEIGHTS).write_bytes(_header(values))


def _reduced(about: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        (folder / WEIGHTS).unlink()
        (folder / REST).write_bytes(_header({"__metadata__": about}))

    return change


def _architectures(folder: Path) -> None:
    (folder / "config.json").write_text('{"architectures": [{"Whisper": 1}]}')


def _unreadable(folder: Path) -> None:
    # its name is too long for the system, which refuses it as it refuses a file of another user
    (folder / MANIFEST_FILE).write_text(f"{'0' * 64}  {'x' * 3000}\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_weights({"a": 3}), f"{WEIGHTS}: is not a whole safetensors file"),
        (_weights({"a": {"data_offsets": [0, 0]}}), f"{WEIGHTS}: is not a whole safetensors file"),
        (_weights({"a": {"shape": "ab", "data_offsets": [0, 0]}}), f"{WEIGHTS}: is not a whole safetensors"),
        (lambda folder: os.truncate(folder / WEIGHTS, 1_000_000), f"{WEIGHTS}: is not a whole safetensors"),
        (_reduced({}), f"{REST}: does not state parameters"),
        (_reduced({"parameters": "many"}), f"{REST}: does not state parameters"),
        (_reduced([1]), f"{REST}: does not state parameters"),
        (_architectures, "config.json: architectures is "),
        (_unreadable, f"{'x' * 3000}: File name too long"),
    ],
)
def test_a_broken_model_is_told_by_its_file_beside_the_others(
    tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(bundled_models() / "starter", folder)
    (folder / MANIFEST_FILE).unlink()
    change(folder)
    broken, starter = read_catalog(tmp_path)
    assert broken.error.startswith(said)
    assert (starter.name, starter.error) == ("starter", "")
