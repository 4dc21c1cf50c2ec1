"""The tensors of a checkpoint in safetensors, one file or sharded. Nothing is unpickled or executed."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.kept_products import KeptProducts
from translate_svc.models.checkpoint.weight_index import INDEX_FILE, weight_files
from translate_svc.models.linear.packed_linear import PackedLinear
from translate_svc.models.linear.quantized import is_product, quantized
from translate_svc.models.precision import Precision

_HOST = torch.device("cpu")
_MAPPED_ELEMENTS = 8 << 20
"""Mapped pages stay resident until the file is closed. It is reopened after this many elements."""

SCALE_SUFFIX = "_scale"
"""Of the name of an int8 weight's scales, beside it."""

_ALIASES: tuple[tuple[str, ...], ...] = (
    (
        "shared.weight",
        "text_decoder.embed_tokens.weight",
        "text_encoder.embed_tokens.weight",
        "lm_head.weight",
    ),
    ("t2u_model.model.decoder.embed_tokens.weight", "t2u_model.lm_head.weight"),
)
"""Each row lists the names of one matrix. A checkpoint holds at least one name of each row."""


class WeightFiles:
    """Headers of all weight files. They are read immediately; tensors are read when a module asks for them.

    Args:
        folder: the checkpoint's directory.
        files: their names; by default as ``weight_files`` finds them.
        stored_name: the name in the files of what a module calls so; by default the same.

    Raises:
        CheckpointError: there are no weights, or a file is missing or incomplete; ``field`` names it.
    """

    def __init__(
        self,
        folder: Path,
        files: Collection[str] = (),
        stored_name: Callable[[str], str] = lambda name: name,
    ) -> None:
        self._folder = folder
        self._renamed = stored_name
        self._file_of: dict[str, str] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        for file in files or weight_files(folder):
            shapes = TensorReader(folder, _HOST).shapes(file)
            self._file_of |= dict.fromkeys(shapes, file)
            self._shapes |= {name: tuple(shape) for name, shape in shapes.items()}

    @property
    def parameters(self) -> int:
        """The number of values in all tensors, without the scales of int8 weights."""
        return sum(math.prod(shape) for name, shape in self._shapes.items() if not self._is_scale(name))

    def check(self, module: nn.Module, prefix: str, without: Collection[str] = ()) -> None:
        """Compares what ``module`` needs with what the files hold. Reads no tensor. ``without``: what it does
        not need, by its names.

        Raises:
            CheckpointError: a tensor is missing or its shape does not fit the configuration.
        """
        for key, parameter in module.state_dict().items():
            if key in without:
                continue
            name = self._stored_name(prefix + key)
            if self._shapes[name] != tuple(parameter.shape):
                raise CheckpointError(
                    f"{name} has shape {list(self._shapes[name])}, "
                    f"config.json asks for {list(parameter.shape)}",
                    field=self._file_of[name],
                )

    def load(
        self,
        module: nn.Module,
        prefix: str,
        *,
        device: torch.device,
        precision: Precision,
        loaded: Callable[[nn.Module], None] = lambda module: None,
        products: KeptProducts | None = None,
    ) -> None:
        """Fills ``module``, which can be on the meta device, in ``precision``, for inference.

        Each tensor goes to ``device`` and is cast there, one after the other. Each module inside is given to
        ``loaded`` as soon as it and all inside it are filled; then it may convert its weights further. So
        host memory never holds more of the weights in the form of the files than one tensor or
        ``_MAPPED_ELEMENTS``, nor more of them unconverted than one module's. The weights own their memory, so
        they stay valid when the files are replaced. ``products``: int8 products that are
        known already, or shall be known at the next start.

        Raises:
            CheckpointError: for the reasons that ``check`` lists, or a weight is not a finite number.
        """
        known = precision.int8_products and products is not None and products.complete
        self.check(module, prefix, _product_weights(module) if known else ())
        module.requires_grad_(False)
        module.eval()
        reader = TensorReader(self._folder, device)
        for name, each in _innermost_first(module, prefix):
            dtype = precision.compute
            state: dict[str, Tensor] = {}
            for key, parameter in each.named_parameters(recurse=False):
                is_int8 = key == "weight" and precision.int8_products and is_product(each)
                if is_int8 and known:
                    continue
                stored = self._stored_name(name + key)
                file, scale = self._file_of[stored], stored + SCALE_SUFFIX
                blocks = reader.blocks(file, stored)
                if is_int8:
                    if scale in self._shapes:
                        state[key] = _copied(blocks, parameter.shape, device, torch.int8)
                        scales = reader.whole(file, scale).clone()
                    else:
                        state[key], scales = quantized(blocks, parameter.shape)
                    each.register_buffer("weight_scale", scales, persistent=False)
                else:
                    state[key] = _copied(blocks, parameter.shape, device, dtype)
            if state:
                each.load_state_dict(state, strict=False, assign=True)
            for key, table in each.named_buffers(recurse=False):  # no checkpoint stores them
                each.register_buffer(key, table.to(device, _cast(table, dtype)), persistent=False)
            loaded(each)
            for attribute, value in vars(each).items():
                if products and isinstance(value, PackedLinear):
                    products.exchange(name + attribute, value)

    def _is_scale(self, name: str) -> bool:
        return name.endswith(SCALE_SUFFIX) and name.removesuffix(SCALE_SUFFIX) in self._shapes

    def _stored_name(self, name: str) -> str:
        name = self._renamed(name)
        for candidate in same_tensor(name):
            if candidate in self._shapes:
                return candidate
        owner = name.removesuffix("weight")
        if {owner + "weight_v", owner + "parametrizations.weight.original1"} & self._shapes.keys():
            # transformers does not read these either: in the published weights the norm is already folded in
            message = f"{name} is stored under weight normalisation; fold it in with remove_weight_norm()"
            raise CheckpointError(message, field=self._index_or_single())
        raise CheckpointError(f"{name} is missing", field=self._index_or_single())

    def _index_or_single(self) -> str:
        files = set(self._file_of.values())
        return files.pop() if len(files) == 1 else INDEX_FILE


class TensorReader:
    """Reads tensors through mapped files, one file at a time."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._folder, self._device = folder, device
        self._file, self._elements = "", 0
        self._mapped: safe_open | None = None

    def shapes(self, file: str) -> dict[str, torch.Size]:
        """Of all tensors of a file."""
        opened_file = self._open(file)
        return {
            name: torch.Size(opened_file.get_slice(name).get_shape())  # type: ignore[no-untyped-call]
            for name in opened_file.keys()  # type: ignore[no-untyped-call]  # noqa: SIM118 - not a mapping
        }

    def whole(self, file: str, name: str) -> Tensor:
        """A tensor, as a view of the mapped file."""
        self._elements += math.prod(self._open(file).get_slice(name).get_shape())  # type: ignore[no-untyped-call]
        return self._checked(self._open(file).get_tensor(name), file, name)  # type: ignore[no-untyped-call]

    def blocks(self, file: str, name: str) -> Iterator[Tensor]:
        """A tensor on the device, a part of its first dimension at a time. A part is valid until the next."""
        shape = self._open(file).get_slice(name).get_shape()  # type: ignore[no-untyped-call]
        if not shape:
            yield self._checked(self._open(file).get_tensor(name), file, name)  # type: ignore[no-untyped-call]
            return
        rows = max(_MAPPED_ELEMENTS // max(math.prod(shape[1:]), 1), 1)
        for start in range(0, shape[0], rows):
            part = self._open(file).get_slice(name)[start : start + rows]  # type: ignore[no-untyped-call]
            self._elements += part.numel()
            yield self._checked(part, file, name)

    def _open(self, file: str) -> safe_open:
        if self._mapped is None or file != self._file or self._elements >= _MAPPED_ELEMENTS:
            self._mapped = None  # the old mapping's pages go first
            self._mapped, self._file, self._elements = opened(self._folder, file, self._device), file, 0
        return self._mapped

    @staticmethod
    def _checked(part: Tensor, file: str, name: str) -> Tensor:
        # isfinite().all() would need as much memory again
        if part.numel() and not all(torch.isfinite(bound) for bound in torch.aminmax(part)):
            raise CheckpointError(f"{name} holds values that are not finite", field=file)
        return part


def opened(folder: Path, file: str, device: torch.device = _HOST) -> safe_open:
    """A mapped weight file.

    Raises:
        CheckpointError: it is not a whole file.
    """
    try:
        return safe_open(folder / file, framework="pt", device=str(device))
    except (SafetensorError, OSError) as error:
        raise CheckpointError("is not a whole safetensors file", field=file) from error


def _copied(blocks: Iterable[Tensor], shape: torch.Size, device: torch.device, dtype: torch.dtype) -> Tensor:
    """One tensor that shares no memory with the mapped file."""
    made, start = torch.empty(shape, dtype=dtype, device=device), 0
    for block in blocks:
        if not shape:
            return made.copy_(block)
        made[start : start + len(block)].copy_(block)
        start += len(block)
    return made


def _cast(table: Tensor, dtype: torch.dtype) -> torch.dtype:
    return dtype if table.is_floating_point() else table.dtype


def _innermost_first(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    """Every module inside before those around it, with the prefix of its names."""
    for name, child in module.named_children():
        yield from _innermost_first(child, f"{prefix}{name}.")
    yield prefix, module


def _product_weights(module: nn.Module) -> set[str]:
    """Names of the weights of all products, among the module's parameters."""
    return {f"{name}.weight".lstrip(".") for name, each in module.named_modules() if is_product(each)}


def same_tensor(name: str) -> Iterator[str]:
    """All names that a checkpoint may store the tensor ``name`` under."""
    yield name
    for row in _ALIASES:
        if name in row:
            yield from row
