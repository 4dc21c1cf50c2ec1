"""Writes safetensors files that carry the hash of their own tensors. Nothing is copied first."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

_DTYPES = {
    torch.int8: "I8",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int64: "I64",
}
_ALIGNMENT = 64
_SUM = "data_sha256"
_BLOCK_BYTES = 1 << 20


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Writes a whole file in one step: ``path`` is as before until it is complete and on the disk.

    The tensors' hash goes into the header, beside ``about``. The first tensor starts at a multiple of
    ``_ALIGNMENT``.

    Raises:
        OSError: it could not be written.
    """
    partial = path.parent / f".{path.name}.{os.getpid()}"
    data = hashlib.sha256()
    try:
        with partial.open("wb") as file:
            header = _header(tensors, about, "0" * 64)
            file.write(header)
            for each in tensors.values():
                content = each.contiguous().reshape(-1).view(torch.uint8).numpy().data
                data.update(content)
                file.write(content)
            file.seek(0)
            file.write(_header(tensors, about, data.hexdigest()))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def is_intact(path: Path) -> bool:
    """Hashes the tensors of a file of ``write_tensors``: whether they are what was written."""
    data = hashlib.sha256()
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            while block := file.read(_BLOCK_BYTES):
                data.update(block)
        stated: str = header["__metadata__"][_SUM]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return data.hexdigest() == stated


def _header(tensors: Mapping[str, Tensor], about: Mapping[str, str], data_sum: str) -> bytes:
    header: dict[str, object] = {"__metadata__": {**about, _SUM: data_sum}}
    end = 0
    for name, each in tensors.items():
        offsets = [end, end + each.nbytes]
        header[name] = {"dtype": _DTYPES[each.dtype], "shape": list(each.shape), "data_offsets": offsets}
        end += each.nbytes
    encoded = json.dumps(header).encode()
    encoded += b" " * (-(8 + len(encoded)) % _ALIGNMENT)
    return len(encoded).to_bytes(8, "little") + encoded
