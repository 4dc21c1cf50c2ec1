"""A stand-in accelerator. It computes on the CPU, refuses what a GPU refuses, and counts the host's waits.

Tensors on the device ``standin`` hold real numbers, so tests can compare results. As on a GPU, they do not
mix with tensors of the host, and the host waits when it reads them. So tests reach the code that only runs on
an accelerator (whole batches, copies to the device and back) without one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

import torch
from safetensors import safe_open
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "standin"
_COPIES = {"_to_copy", "copy_", "to", "copy"}
_READ = {"_local_scalar_dense", "item", "is_nonzero", "equal"}
_SIZED_BY_VALUES = {"nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive"}


class MixedDevices(RuntimeError):
    """Tensors of the host and of the device in one operation."""


class _OnDevice(Tensor):
    """A tensor on the device. ``held`` is its content, a CPU tensor."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> _OnDevice:
        made: _OnDevice = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
        )
        made.held = held
        return made

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise AssertionError(f"{func} outside the stand-in device")


class _Module(_DummyBackendModule):
    def is_available(self) -> bool:
        """False, so that code of this process that looks for an accelerator finds none."""
        return False


class StandIn(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The device, while entered.

    ``waits``: names of the operations that the host waited for. ``freed``: how often the memory that the
    allocator keeps was given back. ``behind``: how many queries of events find the device still at work.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.waits: list[str] = []
        self.freed = self.behind = 0

    def synchronize(self, _device: object = None) -> None:
        """Stands in for ``torch.accelerator.synchronize``."""
        self.waits.append("synchronize")

    def current_stream(self, _device: object = None) -> StandIn:
        """Stands in for ``torch.accelerator.current_stream``: it is its only stream."""
        return self

    def record_event(self) -> StandIn:
        """Stands in for ``torch.Stream.record_event``."""
        return self

    def query(self) -> bool:
        """Stands in for ``torch.Event.query``."""
        self.behind -= 1
        return self.behind < 0

    def empty_cache(self) -> None:
        """Stands in for ``torch.accelerator.empty_cache``."""
        self.freed += 1

    def __torch_dispatch__(self, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not _concerns_device(args) and not _concerns_device(kwargs.values()):
            return function(*args, **kwargs)
        name = function.overloadpacket.__name__
        tensors = list(_tensors((*args, *kwargs.values())))
        there = _result_is_there(name, tensors, args, kwargs)
        if _waits(name, tensors, there, args, kwargs):
            self.waits.append(name)
        made = function(*_each(_held, args), **{key: _each(_held, value) for key, value in kwargs.items()})
        if not there:
            return made
        if name.endswith("_"):  # in place
            return args[0]
        return _each(lambda one: _OnDevice(one) if isinstance(one, Tensor) else one, made)


class _MadeOnHost(TorchFunctionMode):
    """``torch.tensor`` copies to its device where no dispatch mode sees it. This mode sees that copy."""

    def __torch_function__(self, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if function in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return function(*args, **kwargs).to(device)
        return function(*args, **kwargs)


def _concerns_device(nested: Iterable[Any]) -> bool:
    """Whether a tensor of the device, or the name of any device, is in it."""
    return any(
        isinstance(each, (_OnDevice, torch.device))
        or (isinstance(each, (list, tuple)) and _concerns_device(each))
        for each in nested
    )


def _each(function: Callable[[Any], Any], nested: Any) -> Any:
    """Like ``torch.utils._pytree.tree_map``, which takes as long as the operations themselves."""
    if isinstance(nested, (list, tuple)):
        return type(nested)(_each(function, one) for one in nested)
    return function(nested)


def _tensors(nested: Any) -> Iterator[Tensor]:
    if isinstance(nested, Tensor):
        yield nested
    elif isinstance(nested, (list, tuple)):
        for one in nested:
            yield from _tensors(one)


def _held(each: Any) -> Any:
    if isinstance(each, _OnDevice):
        return each.held
    return torch.device("cpu") if isinstance(each, torch.device) and each.type == NAME else each


def _result_is_there(name: str, tensors: list[Tensor], args: Any, kwargs: Any) -> bool:
    for asked in (kwargs.get("device"), *args):
        if isinstance(asked, torch.device):
            return asked.type == NAME
    if name in _COPIES:
        return isinstance(tensors[0], _OnDevice)
    # as on a GPU, any operation may take a tensor of the host without dimensions
    here = {isinstance(each, _OnDevice) for each in tensors if each.dim() or isinstance(each, _OnDevice)}
    if len(here) > 1:
        raise MixedDevices(f"{name}: tensors of the host and of the device")
    return here == {True}


def _waits(name: str, tensors: list[Tensor], there: bool, args: Any, kwargs: Any) -> bool:
    places = [isinstance(tensor, _OnDevice) for tensor in tensors]
    if name in _COPIES:
        crosses = len({*places, there}) > 1
        return crosses and not (kwargs.get("non_blocking") or (name == "copy_" and args[2:3] == (True,)))
    if not any(places):
        return False
    # a boolean index gives a size that depends on values
    chosen = name.startswith("index") and any(each.dtype is torch.bool for each in _tensors(args[1:2]))
    return chosen or name in _READ or name in _SIZED_BY_VALUES


def _read_to_host(*args: Any, **options: Any) -> Any:
    """``safe_open`` on the CPU, because it does not know this device. The caller copies to its device."""
    return safe_open(*args, **options | {"device": "cpu"})


@contextlib.contextmanager
def stand_in() -> Iterator[StandIn]:
    """Enters the device; ``torch.device("standin")`` names it from then on."""
    if torch._C._get_privateuse1_backend_name() != NAME:
        _setup_privateuseone_for_python_backend(NAME, _Module())
    device = StandIn()
    with (
        mock.patch("torch.accelerator.synchronize", device.synchronize),
        mock.patch("torch.accelerator.current_stream", device.current_stream),
        mock.patch("torch.accelerator.empty_cache", device.empty_cache),
        mock.patch("translate_svc.models.checkpoint.weights.safe_open", _read_to_host),
        # a wrapper cannot hold views of inference tensors
        mock.patch("torch.inference_mode", torch.no_grad),
        device,
        _MadeOnHost(),
    ):
        yield device
