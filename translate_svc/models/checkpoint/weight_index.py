"""Which safetensors files hold a checkpoint's weights, and what their headers say. Does not import torch."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

_MAX_HEADER_BYTES = 100_000_000
"""The limit of the safetensors library itself."""


def weight_files(folder: Path) -> list[str]:
    """Names of the weight files: the shards that the index names, or the single file if there is no index.

    Raises:
        CheckpointError: there are no weights, a file is missing, or the index is not valid; ``field`` names
            the file.
    """
    if not (folder / INDEX_FILE).is_file():
        if not (folder / SINGLE_FILE).is_file():
            raise CheckpointError("is missing (weights must be safetensors)", field=SINGLE_FILE)
        return [SINGLE_FILE]
    files = shards_of((folder / INDEX_FILE).read_bytes())
    for file in files:
        if not (folder / file).is_file():
            raise CheckpointError(f"is missing, {INDEX_FILE} names it", field=file)
    return files


def shards_of(index: bytes) -> list[str]:
    """The files that ``index`` (the contents of an index file) names.

    Raises:
        CheckpointError: the contents are not an index, or name a file outside its directory.
    """
    try:
        files = sorted(set(json.loads(index)["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError("is not an index of safetensors files", field=INDEX_FILE) from error
    if not all(isinstance(file, str) and Path(file).name == file for file in files):
        raise CheckpointError("names a file outside the directory", field=INDEX_FILE)
    return files


def count_parameters(folder: Path) -> int:
    """The number of values in all tensors. A matrix with several names counts once.

    Raises:
        CheckpointError: for the reasons that ``weight_files`` lists, or a file is incomplete.
    """
    return sum(
        math.prod(tensor["shape"])
        for file in weight_files(folder)
        for name, tensor in _read_header(folder / file).items()
        if name != "__metadata__"
    )


def _read_header(path: Path) -> dict[str, Any]:
    """The JSON header. A file starts with 8 bytes for its length (little endian), then the header itself."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length)) if length <= _MAX_HEADER_BYTES else None
        except ValueError:
            header = None
    if not isinstance(header, dict):
        raise CheckpointError("is not a whole safetensors file", field=path.name)
    return header
