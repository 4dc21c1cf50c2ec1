"""Which safetensors files hold a checkpoint's weights, and what their headers say. Free of torch."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

_MAX_HEADER_BYTES = 100_000_000
"""safetensors' own limit."""


def weight_files(folder: Path) -> list[str]:
    """Names of the weight files: the shards that an index names, else the single file.

    Raises:
        CheckpointError: none, one is missing, or the index is not one; ``field`` names the file.
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
    """The files that an index names.

    Raises:
        CheckpointError: it is not an index, or names a file outside its directory.
    """
    try:
        files = sorted(set(json.loads(index)["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError("is not an index of safetensors files", field=INDEX_FILE) from error
    if not all(isinstance(file, str) and Path(file).name == file for file in files):
        raise CheckpointError("names a file outside the directory", field=INDEX_FILE)
    return files


def count_parameters(folder: Path) -> int:
    """Numbers in all tensors, a matrix with several names once.

    Raises:
        CheckpointError: as ``weight_files``, or a file is torn.
    """
    return sum(
        math.prod(tensor["shape"])
        for file in weight_files(folder)
        for name, tensor in _read_header(folder / file).items()
        if name != "__metadata__"
    )


def _read_header(path: Path) -> dict[str, Any]:
    """The JSON header: 8 bytes of its length (little endian), then the header itself."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length)) if length <= _MAX_HEADER_BYTES else None
        except ValueError:
            header = None
    if not isinstance(header, dict):
        raise CheckpointError("is not a whole safetensors file", field=path.name)
    return header
