"""The tensors of a checkpoint in safetensors, one file or sharded. Nothing is unpickled or executed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.weight_index import INDEX_FILE, SINGLE_FILE, weight_files

_HOST = torch.device("cpu")
_MAPPED_ELEMENTS = 8 << 20
"""Mapped pages stay resident until the file is closed. It is reopened after this many elements."""

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

    Raises:
        CheckpointError: there are no weights, or a file is missing or incomplete; ``field`` names it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file_of: dict[str, str] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        for file in weight_files(folder):
            with self._open(file) as tensors:
                for name in tensors.keys():  # noqa: SIM118 - not a mapping
                    self._file_of[name] = file
                    self._shapes[name] = tuple(tensors.get_slice(name).get_shape())

    def check(self, module: nn.Module, prefix: str) -> None:
        """Compares what ``module`` needs with what the files hold. Reads no tensor.

        Raises:
            CheckpointError: a tensor is missing or its shape does not fit the configuration.
        """
        for key, parameter in module.state_dict().items():
            name = self._stored_name(prefix + key)
            if self._shapes[name] != tuple(parameter.shape):
                raise CheckpointError(
                    f"{name} has shape {list(self._shapes[name])}, "
                    f"config.json asks for {list(parameter.shape)}",
                    field=self._file_of[name],
                )

    def load(self, module: nn.Module, prefix: str, *, device: torch.device, dtype: torch.dtype) -> None:
        """Fills ``module``, which can be on the meta device, and prepares it for inference.

        Each tensor goes to ``device`` and is cast there, one after the other. In addition to the weights
        themselves, host memory never holds more than one tensor or ``_MAPPED_ELEMENTS``. The weights own
        their memory, so they stay valid when the files are replaced.

        Raises:
            CheckpointError: for the reasons that ``check`` lists, or a weight is not a finite number.
        """
        self.check(module, prefix)
        keys_of: dict[str, list[str]] = {}
        for key in module.state_dict():
            keys_of.setdefault(self._file_of[self._stored_name(prefix + key)], []).append(key)
        state: dict[str, Tensor] = {}
        for file, keys in keys_of.items():
            for part in self._parts(prefix, keys):
                with self._open(file, device) as tensors:
                    for key in part:
                        state[key] = _take(tensors, self._stored_name(prefix + key), file, device, dtype)
        module.load_state_dict(state, assign=True)
        module.to(device=device, dtype=dtype)  # tables that no checkpoint stores
        module.requires_grad_(False)
        module.eval()

    def _parts(self, prefix: str, keys: list[str]) -> Iterator[list[str]]:
        """Splits ``keys`` into runs. Each run is read through one mapping of the file."""
        part: list[str] = []
        elements = 0
        for key in keys:
            size = math.prod(self._shapes[self._stored_name(prefix + key)])
            if part and elements + size > _MAPPED_ELEMENTS:
                yield part
                part, elements = [], 0
            part.append(key)
            elements += size
        if part:
            yield part

    def _stored_name(self, name: str) -> str:
        for candidate in _same_tensor(name):
            if candidate in self._shapes:
                return candidate
        owner = name.removesuffix("weight")
        if {owner + "weight_v", owner + "parametrizations.weight.original1"} & self._shapes.keys():
            # transformers does not read these either: in the published weights the norm is already folded in
            message = f"{name} is stored under weight normalisation; fold it in with remove_weight_norm()"
            raise CheckpointError(message, field=self._index_or_single())
        raise CheckpointError(f"{name} is missing", field=self._index_or_single())

    def _index_or_single(self) -> str:
        return INDEX_FILE if (self._folder / INDEX_FILE).is_file() else SINGLE_FILE

    def _open(self, file: str, device: torch.device = _HOST) -> safe_open:
        try:
            return safe_open(self._folder / file, framework="pt", device=str(device))
        except (SafetensorError, OSError) as error:
            raise CheckpointError("is not a whole safetensors file", field=file) from error


def _take(tensors: safe_open, name: str, file: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A copy of one tensor that shares no memory with the mapped file."""
    stored: Tensor = tensors.get_tensor(name)  # type: ignore[no-untyped-call]
    # isfinite().all() would need as much memory again
    if stored.numel() and not all(torch.isfinite(bound) for bound in torch.aminmax(stored)):
        raise CheckpointError(f"{name} holds values that are not finite", field=file)
    return torch.empty(stored.shape, dtype=dtype, device=device).copy_(stored)


def _same_tensor(name: str) -> Iterator[str]:
    yield name
    for row in _ALIASES:
        if name in row:
            yield from row
