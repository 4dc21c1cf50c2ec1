"""The device and the precision that a model computes with, by name."""

from __future__ import annotations

import platform
from dataclasses import dataclass

import torch

from translate_svc.errors import InvalidArgument
from translate_svc.models.checkpoint.weight_index import StoredWeights
from translate_svc.models.precision import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    INT8,
    LARGE_PARAMETERS,
    PRECISIONS,
    Precision,
)

_BFLOAT16_CAPABILITY, _FLOAT16_CAPABILITY = (8, 0), (7, 0)
_BFLOAT16_FEATURES = ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16")
_INT8_FEATURES = ("avx512_vnni", "avx_vnni", "amx_int8")


@dataclass(frozen=True, slots=True)
class Processor:
    """What of a device matters for the choice of a precision.

    Attributes:
        cuda_capability: of a GPU, such as ``(8, 0)``; None for a CPU.
        bfloat16: it multiplies numbers in bfloat16, and does not only emulate it.
        int8: it has dot products of int8, and kernels that use them.
    """

    cuda_capability: tuple[int, int] | None = None
    bfloat16: bool = False
    int8: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """The device and the precision to compute with. ``reason`` says in a few words why this precision."""

    device: str
    precision: Precision
    reason: str = "as asked"

    @property
    def dtype_name(self) -> str:
        """The precision as ``--dtype`` names it."""
        return self.precision.name


def resolve_placement(device: str, dtype: str, weights: StoredWeights) -> Placement:
    """Resolves both names, the device as ``resolve_device``. The dtype ``auto`` is what
    ``best_precision`` says of this machine. ``weights``: of the model; if they were reduced to int8,
    ``auto`` is int8 on the CPU.

    Raises:
        InvalidArgument: this machine has no such device, or the precision is not supported on it or cannot
            be had from these weights; ``field`` names ``device`` or ``dtype``.
    """
    if weights.int8_alone:
        return _int8_alone(device, dtype)
    place = resolve_device(device)
    if dtype == "auto":
        precision, reason = best_precision(processor_of(place), weights.parameters)
        return Placement(place, precision, reason)
    if dtype not in PRECISIONS:
        raise InvalidArgument(f"must be auto or one of {', '.join(PRECISIONS)}", field="dtype")
    if dtype == INT8.name and place != "cpu":
        raise InvalidArgument("int8 is computed on a CPU alone", field="dtype")
    if dtype == FLOAT16.name and place == "cpu":
        raise InvalidArgument("float16 is computed on a GPU alone", field="dtype")
    return Placement(place, PRECISIONS[dtype])


def _int8_alone(device: str, dtype: str) -> Placement:
    again = "for another, pull the model again without --dtype int8"
    if dtype not in ("auto", INT8.name):
        raise InvalidArgument(
            f"the model was pulled in int8 alone: take auto or int8; {again}", field="dtype"
        )
    if device != "auto" and resolve_device(device) != "cpu":
        message = f"the model was pulled in int8 alone, which a CPU computes: take auto or cpu; {again}"
        raise InvalidArgument(message, field="device")
    return Placement("cpu", INT8, "the model was pulled in int8 alone")


def best_precision(processor: Processor, parameters: int) -> tuple[Precision, str]:
    """The fastest precision on ``processor`` without a loss that can be measured, and the reason."""
    capability = processor.cuda_capability
    if capability is not None:
        if capability >= _BFLOAT16_CAPABILITY:
            return BFLOAT16, "the GPU computes bfloat16"
        if capability >= _FLOAT16_CAPABILITY:
            return FLOAT16, "the GPU computes float16, but not bfloat16"
        return FLOAT32, "the GPU is fast in neither bfloat16 nor float16"
    if parameters < LARGE_PARAMETERS:
        return FLOAT32, "the model is small"
    if processor.int8:
        return INT8, "the model is large, and the processor multiplies int8"
    if processor.bfloat16:
        return BFLOAT16, "the model is large, and the processor computes bfloat16 but no int8"
    return FLOAT32, "the processor computes neither int8 nor bfloat16"


def processor_of(device: str) -> Processor:
    """The facts of a device of this machine. ``device``: ``cpu`` or a CUDA device."""
    if device != "cpu":
        return Processor(cuda_capability=torch.cuda.get_device_capability(device))
    features = torch.cpu.get_capabilities()
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return Processor(
        bfloat16=onednn and any(features.get(each) for each in _BFLOAT16_FEATURES),
        int8=onednn and x86 and any(features.get(each) for each in _INT8_FEATURES),
    )


def resolve_device(name: str) -> str:
    """``name`` of a device, or what ``auto`` means: ``cuda`` if there is one, otherwise ``cpu``.

    Raises:
        InvalidArgument: this machine has no such device; ``field`` is ``device``.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if count else "cpu"
    known = ["cpu", *(["cuda"] if count else []), *(f"cuda:{index}" for index in range(count))]
    if name not in known:
        raise InvalidArgument(f"must be auto or one of this machine's: {', '.join(known)}", field="device")
    return name
