"""Int8 products of a checkpoint, kept in a file beside its weights, so that the next start maps them.

``products.int8.safetensors`` is bound to the weights and written atomically. It is made by the first start in
int8 of a large model. A process that may not write there, or has no room, quantizes again at each start.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from translate_svc.models.checkpoint.keyed_file import weights_key
from translate_svc.models.checkpoint.manifest import MANIFEST_FILE
from translate_svc.models.checkpoint.weight_index import weight_files
from translate_svc.models.linear.blocked import BlockedWeight, known_layouts, learn_layouts
from translate_svc.models.linear.packed_linear import PackedLinear

PRODUCTS_FILE = "products.int8.safetensors"
_VERSION = "1"
_ALIGNMENT = 64
_FREE_BYTES = 1 << 30
"""So much room is left on the disk."""

_log = logging.getLogger(__name__)


class KeptProducts:
    """The products of one checkpoint directory, by name. Read if the file fits the weights, else collected.

    Args:
        folder: the checkpoint's directory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = _key_of(folder)
        self._made: dict[str, PackedLinear] = {}
        self._mapped = self._open()

    @property
    def complete(self) -> bool:
        """Whether the products are read, so that their layers need no weights."""
        return self._mapped is not None

    def exchange(self, name: str, product: PackedLinear) -> None:
        """Fills a product without weights, or remembers one with weights until ``write``.

        Raises:
            KeyError: the file lacks it.
        """
        if self._mapped is None:
            if product.int8_weight is not None:
                self._made[name] = product
        elif product.is_hollow:
            blocks, scales = (self._mapped.get_tensor(name + part) for part in (".blocks", ".scales"))  # type: ignore[no-untyped-call]
            product.fill(blocks, scales)

    def write(self) -> None:
        """Writes what was collected. Does nothing if nothing was."""
        made, self._made = self._made, {}
        tensors = _tensors(made)
        size = sum(each.nbytes for each in tensors.values())
        if not made or not os.access(self._folder, os.W_OK):
            return
        if shutil.disk_usage(self._folder).free < size + _FREE_BYTES:
            _log.warning("no room to keep the int8 form of the weights: each start quantizes again")
            return
        about = {"version": _VERSION, "key": self._key, **known_layouts()}
        partial = self._folder / f".{PRODUCTS_FILE}.{os.getpid()}"
        try:
            _write(partial, tensors, about)
            partial.replace(self._folder / PRODUCTS_FILE)
        except OSError as error:
            _log.warning("the int8 form of the weights could not be kept: %s", error)
        finally:
            partial.unlink(missing_ok=True)

    def _open(self) -> safe_open | None:
        path = self._folder / PRODUCTS_FILE
        if not path.is_file():
            return None
        try:
            mapped = safe_open(path, framework="pt")
        except (SafetensorError, OSError):
            return None
        about = mapped.metadata() or {}  # type: ignore[no-untyped-call]
        if (about.get("version"), about.get("key")) != (_VERSION, self._key):
            return None
        learn_layouts(about)
        return mapped


def _key_of(folder: Path) -> str:
    """Of the weights: by their sums if there is a manifest, else by their files' sizes and times."""
    if (folder / MANIFEST_FILE).is_file():
        return weights_key(folder)
    states = [(file, (folder / file).stat()) for file in weight_files(folder)]
    lines = "".join(f"{file} {state.st_size} {state.st_mtime_ns}\n" for file, state in states)
    return hashlib.sha256(lines.encode()).hexdigest()


def _tensors(made: Mapping[str, PackedLinear]) -> dict[str, Tensor]:
    """Blocks before scales: a mapped block then starts at a multiple of ``_ALIGNMENT``."""
    blocks: dict[str, Tensor] = {}
    scales: dict[str, Tensor] = {}
    for name, product in made.items():
        weight: BlockedWeight | None = product.int8_weight
        assert weight is not None
        blocks[f"{name}.blocks"], scales[f"{name}.scales"] = weight.data, product.int8_scales
    return blocks | scales


def _write(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """As ``safetensors.torch.save_file``, which would copy all tensors first."""
    header: dict[str, object] = {"__metadata__": dict(about)}
    end = 0
    for name, each in tensors.items():
        dtype = "I8" if each.dtype is torch.int8 else "F32"
        header[name] = {"dtype": dtype, "shape": list(each.shape), "data_offsets": [end, end + each.nbytes]}
        end += each.nbytes
    encoded = json.dumps(header).encode()
    encoded += b" " * (-(8 + len(encoded)) % _ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for each in tensors.values():
            file.write(each.contiguous().numpy().data)
        file.flush()
        os.fsync(file.fileno())
