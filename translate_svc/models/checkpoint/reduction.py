"""Reduces a checkpoint to its int8 form, one weight file after another, so that a small disk suffices.

Each file becomes a part: products in int8 with their scales, everything else as it was. When all parts are
there, they become two files: ``PRODUCTS_FILE`` as later starts map it, and ``REST_FILE``. Each file appears
whole, and ``REST_FILE`` last, so an interrupted reduction goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.kept_products import KeptProducts
from translate_svc.models.checkpoint.keyed_file import key_of_sums
from translate_svc.models.checkpoint.tensor_file import write_tensors
from translate_svc.models.checkpoint.weight_index import (
    PARAMETERS,
    REST_FILE,
    WEIGHTS_KEY,
    stated,
)
from translate_svc.models.checkpoint.weights import SCALE_SUFFIX, TensorReader, WeightFiles, same_tensor
from translate_svc.models.linear.packed_linear import prepare_alone
from translate_svc.models.linear.quantized import is_product, quantized
from translate_svc.models.precision import INT8

PART_SUFFIX = ".int8"
_SOURCE_SUM = "source_sha256"
_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Stages:
    """All modules with products, on the meta device, and the prefixes of their names.

    ``stored_name``: as ``WeightFiles`` takes it.
    """

    modules: Sequence[tuple[str, nn.Module]]
    stored_name: Callable[[str], str] = lambda name: name


def quantize_file(folder: Path, file: str, source_sum: str, stages: Stages) -> None:
    """Writes the part of one weight file. ``source_sum``: its sha256.

    Raises:
        CheckpointError: a weight is not a finite number, or the file is incomplete.
        OSError: the disk is full.
    """
    products = {
        stages.stored_name(f"{prefix}{name}.weight")
        for prefix, stage in stages.modules
        for name, module in stage.named_modules()
        if is_product(module)
    }
    reader = TensorReader(folder, _CPU)
    tensors: dict[str, Tensor] = {}
    for name, shape in reader.shapes(file).items():
        if products.isdisjoint(same_tensor(name)):
            tensors[name] = reader.whole(file, name).clone()
        else:
            tensors[name], tensors[name + SCALE_SUFFIX] = quantized(reader.blocks(file, name), shape)
    write_tensors(folder / (file + PART_SUFFIX), tensors, {_SOURCE_SUM: source_sum})


def join_parts(folder: Path, files: Collection[str], stages: Stages) -> None:
    """Makes ``PRODUCTS_FILE`` and ``REST_FILE`` of the parts of all weight ``files``.

    Raises:
        CheckpointError: a weight is missing or does not fit.
        OSError: the disk is full.
    """
    parts = [file + PART_SUFFIX for file in files]
    key = key_of_sums({file: stated(folder / (file + PART_SUFFIX), _SOURCE_SUM) for file in files})
    weights, products = WeightFiles(folder, parts, stages.stored_name), KeptProducts(folder, key)
    for prefix, stage in stages.modules:
        weights.load(stage, prefix, device=_CPU, precision=INT8, loaded=prepare_alone, products=products)
    if products.complete:
        products.finish()
    else:
        products.write()
    rest: dict[str, Tensor] = {}
    for part in parts:
        reader = TensorReader(folder, _CPU)
        names = reader.shapes(part)
        rest |= {
            name: reader.whole(part, name)
            for name in names
            if not name.endswith(SCALE_SUFFIX) and name + SCALE_SUFFIX not in names
        }
    if not rest:
        raise CheckpointError("holds nothing but products", field=parts[0])
    about = {PARAMETERS: str(weights.parameters), WEIGHTS_KEY: key}
    write_tensors(folder / REST_FILE, rest, about)
