"""The memory layout of int8 weights: blocks of 64 outputs, as oneDNN's kernels read them.

``[outputs / 64, inputs / 4, 64, 4]``, then the negative sum of each output's weights in int32, by which the
kernels correct for unsigned activations. Outputs and inputs are padded with zeros to whole blocks. oneDNN's
own conversion handles 50 MB a second; this one is a copy, and the result can be mapped from a file.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

_OUTPUTS, _INPUTS = 64, 4
_INT8, _MKLDNN_LAYOUT, _CPU = 1, 3, 0  # numbers of PyTorch's C interface


class BlockedWeight:
    """A weight in blocks.

    Args:
        shape: outputs and inputs.
        data: the blocks and the sums, int8, one-dimensional, ``size(shape)`` long. It may be a mapped file.
    """

    def __init__(self, shape: tuple[int, int], data: Tensor) -> None:
        self.outputs, self.inputs = shape
        self.data = data
        groups, fours = _padded(shape)
        self._blocks = data[: groups * fours * _OUTPUTS * _INPUTS].view(groups, fours, _OUTPUTS, _INPUTS)

    @classmethod
    def of(cls, weight: Tensor) -> BlockedWeight:
        """``weight`` (``[outputs, inputs]``, int8) in blocks."""
        groups, fours = _padded(weight.shape)
        outputs, inputs = weight.shape
        padding = (0, fours * _INPUTS - inputs, 0, groups * _OUTPUTS - outputs)
        padded = F.pad(weight, padding) if any(padding) else weight
        data = torch.empty(cls.size((outputs, inputs)), dtype=torch.int8)
        made = cls((outputs, inputs), data)
        made._blocks.copy_(padded.view(groups, _OUTPUTS, fours, _INPUTS).transpose(1, 2))
        # as floats, which hold these sums exactly: PyTorch's sum of int8 takes ten times as long
        sums = [part.float().sum(1) for part in torch.split(padded, 4096)]
        data[made._blocks.numel() :].view(torch.int32).copy_(torch.cat(sums).neg_())
        return made

    @staticmethod
    def size(shape: tuple[int, int]) -> int:
        """Bytes of a weight of this shape."""
        groups, fours = _padded(shape)
        return groups * _OUTPUTS * (fours * _INPUTS + 4)

    def parts(self, outputs: int) -> Iterator[Tensor]:
        """The weight again, about ``outputs`` outputs at a time, ``[n, inputs]``."""
        groups = max(outputs // _OUTPUTS, 1)
        for first in range(0, len(self._blocks), groups):
            part = self._blocks[first : first + groups].transpose(1, 2).flatten(0, 1).flatten(1)
            yield part[: self.outputs - first * _OUTPUTS, : self.inputs]

    def rows(self, outputs: Tensor) -> Tensor:
        """Rows of the weight by their numbers, ``[..., inputs]``."""
        groups = outputs.div(_OUTPUTS, rounding_mode="floor")
        return self._blocks[groups, :, outputs % _OUTPUTS].flatten(-2)[..., : self.inputs]

    def packed(self) -> Tensor:
        """The weight as oneDNN's operators take it, over the same memory if oneDNN reads this layout."""
        shape = (self.outputs, self.inputs)
        if shape not in _LAYOUTS:
            _LAYOUTS[shape] = _compared(self)
        metadata = _LAYOUTS[shape]
        return _prepacked(self) if metadata is None else _over(self.data, shape, metadata)


def _padded(shape: tuple[int, ...]) -> tuple[int, int]:
    return -(-shape[0] // _OUTPUTS), -(-shape[1] // _INPUTS)


_LAYOUTS: dict[tuple[int, int], bytes | None] = {}
"""By shape, oneDNN's description of its layout; None if it is not the one of this file."""


def known_layouts() -> dict[str, str]:
    """What ``learn_layouts`` takes: the descriptions by shape, and where they are valid."""
    known = {f"{outputs} {inputs}": each.hex() for (outputs, inputs), each in _LAYOUTS.items() if each}
    return {"layouts": json.dumps(known), "layouts_of": _onednn()}


def learn_layouts(known: Mapping[str, str]) -> None:
    """Takes over descriptions of an earlier process, if it had the same oneDNN on the same processor."""
    if known.get("layouts_of") == _onednn() and _library() is not None:
        for shape, each in json.loads(known["layouts"]).items():
            outputs, inputs = map(int, shape.split())
            _LAYOUTS[outputs, inputs] = bytes.fromhex(each)


def _onednn() -> str:
    isa = os.environ.get("ONEDNN_MAX_CPU_ISA", "")
    return f"{torch.__version__} {isa} {json.dumps(dict(torch.cpu.get_capabilities()), sort_keys=True)}"


def _prepacked(weight: BlockedWeight) -> Tensor:
    """By oneDNN's own conversion."""
    (whole,) = weight.parts(max(weight.outputs, _OUTPUTS) + _OUTPUTS)
    packed: Tensor = torch.ops.onednn.qlinear_prepack(whole.contiguous(), None)
    return packed


def _compared(weight: BlockedWeight) -> bytes | None:
    """oneDNN's description of its layout of ``weight``, if it is the same to the byte."""
    if _library() is None:
        return None
    packed = _prepacked(weight)
    count, address = torch.ops.mkldnn._nbytes(packed), torch.ops.mkldnn.data_ptr(packed)
    theirs = torch.frombuffer((ctypes.c_int8 * count).from_address(address), dtype=torch.int8)
    if not torch.equal(theirs, weight.data):
        return None
    return bytes(torch.ops.mkldnn._get_mkldnn_serialized_md(packed).tolist())


@functools.cache
def _library() -> ctypes.CDLL | None:
    """PyTorch's library, if it can make such a tensor of memory. Inductor's compiled models use the same."""
    path = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        library = ctypes.CDLL(str(path))
        known = (
            library.aoti_torch_layout__mkldnn() == _MKLDNN_LAYOUT and library.aoti_torch_dtype_int8() == _INT8
        )
        library.aoti_torch_create_tensor_from_blob_v2.restype = ctypes.c_int32
    except (OSError, AttributeError):
        return None
    usable = known and hasattr(torch.ops.mkldnn, "_get_mkldnn_serialized_md")
    return library if usable and hasattr(torch._C, "_aoti") else None


def _over(data: Tensor, shape: tuple[int, int], metadata: bytes) -> Tensor:
    """A tensor of oneDNN's over the memory of ``data``, which must outlive it."""
    library = _library()
    assert library is not None
    made = ctypes.c_void_p()
    outputs, inputs = shape
    failed = library.aoti_torch_create_tensor_from_blob_v2(
        ctypes.c_void_p(data.data_ptr()), ctypes.c_int64(2),
        (ctypes.c_int64 * 2)(inputs, outputs), (ctypes.c_int64 * 2)(outputs, 1), ctypes.c_int64(0),
        ctypes.c_int32(_INT8), ctypes.c_int32(_CPU), ctypes.c_int32(0), ctypes.byref(made),
        ctypes.c_int32(_MKLDNN_LAYOUT), metadata, ctypes.c_int64(len(metadata)),
    )  # fmt: skip
    if failed:
        raise RuntimeError("PyTorch refuses a packed weight that it described itself")
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    tensor: Tensor = torch._C._aoti.alloc_tensor_by_stealing_from_void_ptr(capsule(made, None, None))
    return tensor
