"""Where and in what precision a model computes, by name."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from translate_svc.errors import InvalidArgument

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where to compute, and in what precision."""

    device: str
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{str(self.dtype).removeprefix('torch.')} on {self.device}"


def resolve_placement(device: str, dtype: str) -> Placement:
    """Both by name; see ``resolve_device`` and ``resolve_dtype``.

    Raises:
        InvalidArgument: names ``device`` or ``dtype``.
    """
    place = resolve_device(device)
    return Placement(place, resolve_dtype(dtype, place))


def resolve_device(name: str) -> str:
    """``auto`` is ``cuda`` where there is one, else ``cpu``.

    Raises:
        InvalidArgument: no such device on this machine; names ``device``.
    """
    available = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if available else "cpu"
    if name != "cpu" and not (name.partition(":")[0] == "cuda" and available):
        raise InvalidArgument("is neither cpu nor a CUDA device of this machine", field="device")
    return name


def resolve_dtype(name: str, device: str) -> torch.dtype:
    """``auto`` is bfloat16 on a GPU and float32 on a CPU.

    Raises:
        InvalidArgument: neither ``auto``, ``float32`` nor ``bfloat16``; names ``dtype``.
    """
    if name == "auto":
        return torch.float32 if device == "cpu" else torch.bfloat16
    if name not in _DTYPES:
        raise InvalidArgument(f"must be auto or one of {', '.join(_DTYPES)}", field="dtype")
    return _DTYPES[name]
