"""Int8 products of a checkpoint, kept in a file beside its weights, so that the next start maps them.

``products.int8.safetensors`` is bound to the weights, written atomically, and hashed at every start while the
other weights are read. It is made by the first start in int8 of a large model. A process that may not write
there, or has no room, quantizes again at each start. A checkpoint that was reduced to int8 has nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.keyed_file import weights_key
from translate_svc.models.checkpoint.manifest import MANIFEST_FILE
from translate_svc.models.checkpoint.tensor_file import is_intact, write_tensors
from translate_svc.models.checkpoint.weight_index import (
    PRODUCTS_FILE,
    is_reduced,
    stored_weights,
    weight_files,
)
from translate_svc.models.linear.blocked import BlockedWeight, known_layouts, learn_layouts
from translate_svc.models.linear.packed_linear import PackedLinear
from translate_svc.models.precision import LARGE_PARAMETERS, Precision

_VERSION = "2"
_FREE_BYTES = 1 << 30
"""So much room is left on the disk."""

_log = logging.getLogger(__name__)


class KeptProducts:
    """The products of one checkpoint directory, by name. Read if the file fits the weights, else collected.

    Args:
        folder: the checkpoint's directory.
        key: of the weights; by default that of the directory's.

    Raises:
        CheckpointError: the directory holds its int8 form alone, and the file does not fit.
    """

    def __init__(self, folder: Path, key: str | None = None) -> None:
        self._path = folder / PRODUCTS_FILE
        self._key = _key_of(folder) if key is None else key
        self._made: dict[str, PackedLinear] = {}
        self._mapped = self._open()
        self._intact: Future[bool] | None = None
        if self._mapped is not None:
            hashing = ThreadPoolExecutor(1)
            self._intact = hashing.submit(is_intact, self._path)
            hashing.shutdown(wait=False)
        elif key is None and is_reduced(folder):
            message = "is missing, damaged or of another version, and the weights are not here: pull again"
            raise CheckpointError(message, field=PRODUCTS_FILE)

    @property
    def complete(self) -> bool:
        """Whether the products are read, so that their layers need no weights."""
        return self._mapped is not None

    def exchange(self, name: str, product: PackedLinear) -> None:
        """Fills a product without weights, or remembers one with weights until ``finish``.

        Raises:
            KeyError: the file lacks it.
        """
        if self._mapped is None:
            if product.int8_weight is not None:
                self._made[name] = product
        elif product.is_hollow:
            blocks, scales = (self._mapped.get_tensor(name + part) for part in (".blocks", ".scales"))  # type: ignore[no-untyped-call]
            product.fill(blocks, scales)

    def finish(self) -> None:
        """Waits until what was read is verified. Or keeps what was collected, as far as the disk allows.

        Raises:
            CheckpointError: the file's contents have changed since it was written. It is removed if it can
                be made again.
        """
        if self._intact is not None:
            if not self._intact.result():
                self._discard()
            return
        if self._made and os.access(self._path.parent, os.W_OK):
            try:
                self.write()
            except OSError as error:
                _log.warning("the int8 form of the weights could not be kept: %s", error)

    def write(self) -> None:
        """Writes what was collected.

        Raises:
            OSError: it could not be written, or the disk has too little room.
        """
        tensors = _tensors(self._made)
        size = sum(each.nbytes for each in tensors.values())
        if shutil.disk_usage(self._path.parent).free < size + _FREE_BYTES:
            raise OSError("no room on the disk, each start quantizes again")
        write_tensors(self._path, tensors, {"version": _VERSION, "key": self._key, **known_layouts()})
        self._made = {}

    def _discard(self) -> None:
        if is_reduced(self._path.parent):
            raise CheckpointError("is damaged: pull the model again", field=PRODUCTS_FILE)
        self._path.unlink(missing_ok=True)
        raise CheckpointError(
            "was damaged and is removed: the next start makes it again", field=PRODUCTS_FILE
        )

    def _open(self) -> safe_open | None:
        if not self._path.is_file():
            return None
        try:
            mapped = safe_open(self._path, framework="pt")
        except (SafetensorError, OSError):
            return None
        about = mapped.metadata() or {}  # type: ignore[no-untyped-call]
        if (about.get("version"), about.get("key")) != (_VERSION, self._key):
            return None
        learn_layouts(about)
        return mapped


def kept_products(folder: Path, precision: Precision) -> KeptProducts | None:
    """The int8 products of a large model, or of one that was reduced to them. None in another precision.

    Raises:
        CheckpointError: it was reduced to them, and they are missing or damaged.
    """
    stored = stored_weights(folder)
    keeps = precision.int8_products and (stored.int8_alone or stored.parameters >= LARGE_PARAMETERS)
    return KeptProducts(folder) if keeps else None


def _key_of(folder: Path) -> str:
    """Of the weights: by their sums if these are known, else by their files' sizes and times."""
    if (folder / MANIFEST_FILE).is_file() or is_reduced(folder):
        return weights_key(folder)
    states = [(file, (folder / file).stat()) for file in weight_files(folder)]
    lines = "".join(f"{file} {state.st_size} {state.st_mtime_ns}\n" for file, state in states)
    return hashlib.sha256(lines.encode()).hexdigest()


def _tensors(made: Mapping[str, PackedLinear]) -> dict[str, Tensor]:
    """Blocks before scales: a mapped block then starts at a multiple of 64 bytes."""
    blocks: dict[str, Tensor] = {}
    scales: dict[str, Tensor] = {}
    for name, product in made.items():
        weight: BlockedWeight | None = product.int8_weight
        assert weight is not None
        blocks[f"{name}.blocks"], scales[f"{name}.scales"] = weight.data, product.int8_scales
    return blocks | scales
