"""Counts the kernels that PyTorch would launch: their bytes, operations and sizes. Computes nothing."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.gpu_model.devices import Kernel, Kind

_WITHOUT_KERNEL = {
    "_unsafe_view", "detach", "alias", "lift_fresh", "empty", "empty_like", "empty_strided", "new_empty",
}  # fmt: skip
_READS_ROWS = {"index", "gather", "embedding", "index_select"}
_WRITES_ROWS = {"index_put_", "index_put", "index_copy_", "index_fill_", "_index_put_impl_"}


@dataclass(slots=True)
class Work:
    """What some calls launch.

    Attributes:
        kernels: in their order.
        calls: operations of the host, with and without a kernel.
        taken: by id, the arguments.
        given: by id, the results. All are kept, so that no id is used twice.
    """

    kernels: list[Kernel] = field(default_factory=list)
    calls: int = 0
    taken: dict[int, Tensor] = field(default_factory=dict)
    given: dict[int, Tensor] = field(default_factory=dict)

    def inputs(self) -> set[int]:
        """Ids of the arguments that the calls did not make themselves."""
        return self.taken.keys() - self.given.keys()


class _Known(NamedTuple):
    """What an operation of known shapes gives: each result's shape, strides and dtype, and its kernels."""

    made: tuple[tuple[torch.Size, tuple[int, ...], torch.dtype], ...]
    single: bool
    kernels: tuple[Kernel, ...]


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While entered, counts into ``work`` what operations on the device ``meta`` would launch.

    An operation whose shapes were seen before is not run again: its results are empty tensors, which is all
    that they are on ``meta``. So a layer costs PyTorch's shape functions once, and not 24 times.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.work = Work()
        self._attention = _Attention(self)
        self._known: dict[Any, _Known] = {}

    def __enter__(self) -> Self:
        super().__enter__()  # type: ignore[no-untyped-call]
        self._attention.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        self._attention.__exit__(*error)  # type: ignore[no-untyped-call]
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    def begin(self) -> Work:
        """Counts into a new ``work``, and returns it."""
        self.work = Work()
        return self.work

    def __torch_dispatch__(self, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        work = self.work
        work.calls += 1
        work.taken.update((id(each), each) for each in args if isinstance(each, Tensor))
        key = (function, _described(args), _described(tuple(kwargs.items())))
        known = self._known.get(key)
        in_place = _writes(function)
        if known is None:
            made = function(*args, **kwargs)
            known = _learned(function, made, args, kwargs)
            if any(_is_meta(each) for each in _tensors((made,))):
                self._known[key] = known
        elif in_place:
            made = args[0]
        elif not known.kernels:
            made = function(*args, **kwargs)  # a view, which must be one
        else:
            empty = [
                torch.empty_strided(size, stride, dtype=dtype, device="meta")
                for size, stride, dtype in known.made
            ]
            made = empty[0] if known.single else empty
        work.kernels += known.kernels
        if not in_place:
            work.given.update((id(each), each) for each in _tensors((made,)))
        return made


class _Attention(TorchFunctionMode):
    """On a GPU attention is one kernel; on ``meta`` PyTorch would take it apart."""

    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self._counter = counter

    def __torch_function__(self, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is not F.scaled_dot_product_attention:
            return function(*args, **kwargs)
        query, key, value = args
        bias = kwargs.get("attn_mask")
        batch, heads, rows, width = query.shape
        columns = key.shape[2]
        size = sum(map(_size, (query, key, value, query))) + (_size(bias) if bias is not None else 0)
        flops = 4 * batch * heads * rows * columns * width
        work = self._counter.work
        work.kernels.append(
            Kernel(
                "attention", Kind.ATTENTION, query.dtype, size, flops, batch * heads * rows, columns, width
            )
        )
        work.calls += 1
        return query.new_empty(batch, rows, heads, width).transpose(1, 2)


def _described(nested: Any) -> Any:
    """All that the shapes of results depend on, hashable."""
    if isinstance(nested, Tensor):
        return nested.shape, nested.stride(), nested.dtype, _is_meta(nested)
    if isinstance(nested, (list, tuple)):
        return tuple(map(_described, nested))
    return type(nested), nested


def _is_meta(tensor: Tensor) -> bool:
    return tensor.device.type == "meta"


@functools.cache
def _writes(function: Any) -> bool:
    """Whether it changes its first argument, and returns it."""
    returns = function._schema.returns
    return bool(returns) and returns[0].alias_info is not None and returns[0].alias_info.is_write


def _learned(function: Any, made: Any, args: Any, kwargs: Any) -> _Known:
    given = list(_tensors((made,)))
    taken = list(_tensors((*args, *kwargs.values())))
    specs = tuple((each.shape, each.stride(), each.dtype) for each in given)
    kernels: tuple[Kernel, ...] = ()
    # an operation on the host's tensors is no kernel
    if any(map(_is_meta, given)) and not _only_views(function, given, taken):
        kernels = _kernels(function.overloadpacket.__name__, taken, given)
    return _Known(specs, isinstance(made, Tensor), kernels)


def _only_views(function: Any, given: list[Tensor], taken: list[Tensor]) -> bool:
    """Whether nothing is written: results are views of arguments, or memory without content."""
    if function.overloadpacket.__name__ in _WITHOUT_KERNEL:
        return True
    held = {each.untyped_storage()._cdata for each in taken}
    return not _writes(function) and all(each.untyped_storage()._cdata in held for each in given)


def _kernels(name: str, taken: list[Tensor], given: list[Tensor]) -> tuple[Kernel, ...]:
    made = given[0]
    match name:
        case "mm" | "addmm" | "bmm" | "baddbmm":
            return (_product(name, taken[-2], taken[-1], made),)
        case "linear" | "matmul":
            return (_product(name, taken[0], taken[1], made),)
        case "conv2d" | "conv_transpose2d" | "convolution":
            kernel = _convolution(taken, made, name == "conv_transpose2d")
            added = Kernel("bias", Kind.MEMORY, made.dtype, 2 * _size(made))
            return (kernel, added) if len(taken) > 2 else (kernel,)
    if name in _READS_ROWS:
        size = 2 * _size(made) + sum(map(_size, taken[1:]))
    elif name in _WRITES_ROWS:
        size = 2 * sum(map(_size, taken[1:]))
    elif name == "copy_":
        size = sum(map(_size, taken[:2]))
    else:
        size = sum(map(_size, taken)) + sum(map(_size, given))
    return (Kernel(name, Kind.MEMORY, made.dtype, size),)


def _product(name: str, left: Tensor, right: Tensor, made: Tensor) -> Kernel:
    rows, terms = made.numel() // made.shape[-1], left.shape[-1]
    size = _size(left) + _size(right) + _size(made)
    flops = 2 * made.numel() * terms
    kind = Kind.SIMT if made.dtype is torch.float64 else Kind.MATMUL
    return Kernel(name, kind, made.dtype, size, flops, rows, made.shape[-1], terms)


def _convolution(taken: list[Tensor], made: Tensor, transposed: bool) -> Kernel:
    states, weight = taken[:2]
    size = _size(states) + _size(weight) + _size(made)
    places = states if transposed else made
    rows = places.numel() // places.shape[1]
    taps = math.prod(weight.shape[2:])
    if transposed:
        columns, terms, grouped = weight.shape[1] * taps, weight.shape[0], False
    else:
        columns, terms = weight.shape[0], weight.shape[1] * taps
        grouped = weight.shape[1] < states.shape[1]
    kind = Kind.SIMT if grouped else Kind.CONVOLUTION
    return Kernel("convolution", kind, made.dtype, size, 2 * rows * columns * terms, rows, columns, terms)


def _size(tensor: Tensor) -> int:
    """Bytes of memory; what an expanded tensor repeats is read once."""
    numbers = math.prod(
        size for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride or size == 1
    )
    return numbers * tensor.element_size() if tensor.numel() else 0


def _tensors(nested: Any) -> Iterator[Tensor]:
    for each in nested:
        if isinstance(each, Tensor):
            yield each
        elif isinstance(each, (list, tuple)):
            yield from _tensors(each)
