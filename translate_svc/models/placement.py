"""The device and the precision that a model computes with, by name."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from translate_svc.errors import InvalidArgument

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Placement:
    """The device and the precision to compute with."""

    device: str
    dtype: torch.dtype

    @property
    def dtype_name(self) -> str:
        """``float32`` or ``bfloat16``."""
        return str(self.dtype).removeprefix("torch.")


def resolve_placement(device: str, dtype: str) -> Placement:
    """Resolves both names. The device ``auto`` means ``cuda`` if there is one, otherwise the CPU. The dtype
    ``auto`` means float32 on the CPU and bfloat16 elsewhere.

    Raises:
        InvalidArgument: this machine has no such device, or the precision is not supported; ``field`` names
            ``device`` or ``dtype``.
    """
    place = _resolve_device(device)
    return Placement(place, _resolve_dtype(dtype, place))


def _resolve_device(name: str) -> str:
    available = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if available else "cpu"
    if name != "cpu" and not (name.partition(":")[0] == "cuda" and available):
        raise InvalidArgument("is neither cpu nor a CUDA device of this machine", field="device")
    return name


def _resolve_dtype(name: str, device: str) -> torch.dtype:
    if name == "auto":
        return torch.float32 if device == "cpu" else torch.bfloat16
    if name not in _DTYPES:
        raise InvalidArgument(f"must be auto or one of {', '.join(_DTYPES)}", field="dtype")
    return _DTYPES[name]
