"""Which safetensors files hold a checkpoint's weights, and what their headers say. Does not import torch.

A checkpoint that was reduced to int8 has two files: ``PRODUCTS_FILE`` and ``REST_FILE``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
PRODUCTS_FILE = "products.int8.safetensors"
"""The int8 form of matrix products, beside the weights or in their place."""
REST_FILE = "rest.int8.safetensors"
"""All other weights of a checkpoint that was reduced to int8. Its header states the number of parameters and
the key of the weights that it was made of.
"""
PARAMETERS, WEIGHTS_KEY = "parameters", "weights_sha256"

_ABOUT = "__metadata__"
"""Of a header: what it says beside its tensors."""

_MAX_HEADER_BYTES = 100_000_000
"""The limit of the safetensors library itself."""


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """What a directory holds.

    Attributes:
        parameters: the number of values in all tensors. A matrix with several names counts once.
        int8_alone: it was reduced to int8, and can be computed in no other precision.
    """

    parameters: int
    int8_alone: bool = False


def weight_files(folder: Path) -> list[str]:
    """Names of the weight files: the shards that the index names, or the single file if there is no index. Of
    a checkpoint that was reduced to int8, ``REST_FILE``.

    Raises:
        CheckpointError: there are no weights, a file is missing, or the index is not valid; ``field`` names
            the file.
    """
    if not (folder / INDEX_FILE).is_file():
        if not (folder / SINGLE_FILE).is_file() and is_reduced(folder):
            return [REST_FILE]
        if not (folder / SINGLE_FILE).is_file():
            raise CheckpointError("is missing (weights must be safetensors)", field=SINGLE_FILE)
        return [SINGLE_FILE]
    files = shards_of((folder / INDEX_FILE).read_bytes())
    for file in files:
        if not (folder / file).is_file():
            raise CheckpointError(f"is missing, {INDEX_FILE} names it", field=file)
    return files


def is_reduced(folder: Path) -> bool:
    """Whether the checkpoint holds its int8 form alone."""
    whole = (folder / INDEX_FILE).is_file() or (folder / SINGLE_FILE).is_file()
    return not whole and (folder / REST_FILE).is_file()


def shards_of(index: bytes) -> list[str]:
    """The files that ``index`` (the contents of an index file) names.

    Raises:
        CheckpointError: the contents are not an index, or name a file outside its directory.
    """
    try:
        files = sorted(set(json.loads(index)["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError("is not an index of safetensors files", field=INDEX_FILE) from error
    if not all(isinstance(file, str) and Path(file).name == file for file in files):
        raise CheckpointError("names a file outside the directory", field=INDEX_FILE)
    return files


def stored_weights(folder: Path) -> StoredWeights:
    """What the headers of the weight files say.

    Raises:
        CheckpointError: for the reasons that ``weight_files`` lists, or a file is incomplete.
    """
    if is_reduced(folder):
        return StoredWeights(int(stated(folder / REST_FILE, PARAMETERS)), int8_alone=True)
    headers = [read_header(folder / file) for file in weight_files(folder)]
    return StoredWeights(sum(math.prod(tensor["shape"]) for each in headers for tensor in each.values()))


def stated(path: Path, name: str) -> str:
    """What the header of a weight file that this package wrote says under ``name``.

    Raises:
        CheckpointError: it is not a whole file, or says nothing of the kind.
    """
    about = _json_header(path).get(_ABOUT)
    found = about.get(name) if isinstance(about, dict) else None
    if not isinstance(found, str) or (name == PARAMETERS and not found.isdecimal()):
        raise CheckpointError(f"does not state {name}, as translate-svc writes it", field=path.name)
    return found


def read_header(path: Path) -> dict[str, Any]:
    """By tensor, its ``dtype`` and ``shape``.

    Raises:
        CheckpointError: it is not a whole file.
    """
    return {name: tensor for name, tensor in _json_header(path).items() if name != _ABOUT}


def _json_header(path: Path) -> dict[str, Any]:
    """The JSON header. A file starts with 8 bytes for its length (little endian), then the header itself,
    then the tensors.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length)) if length <= _MAX_HEADER_BYTES else None
        except (ValueError, RecursionError):
            header = None
        size = file.seek(0, os.SEEK_END)
    if not isinstance(header, dict) or 8 + length + _data_bytes(header) > size:
        raise CheckpointError("is not a whole safetensors file", field=path.name)
    return header


def _data_bytes(header: Mapping[str, Any]) -> float:
    """Where the last tensor ends. Infinite if one is not described as safetensors does."""
    end = 0
    for name, tensor in header.items():
        match tensor:
            case _ if name == _ABOUT:
                continue
            case {"shape": [*shape], "data_offsets": [int(_), int(tensor_end)]} if all(
                type(size) is int and size >= 0 for size in shape
            ):
                end = max(end, tensor_end)
            case _:
                return math.inf
    return end
