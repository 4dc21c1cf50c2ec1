"""Which code belongs to which layer. The probes are put into this process alone, before it serves."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from benchmarks.message_cost.layer_clock import LayerClock
from tests.fakes.scripted_engine import ScriptedEngine
from translate_svc import wire
from translate_svc.audio.codecs.sample_codec import SampleDecoder
from translate_svc.remote_engine.link import Link
from translate_svc.rpc import interceptors
from translate_svc.rpc.event_writer import EventWriter
from translate_svc.rpc.message_reader import MessageReader
from translate_svc.serving.call_driver import CallDriver
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.session.inbound.input_pump import InputPump
from translate_svc.session.inbound.utterance_source import UtteranceSource
from translate_svc.session.outbound.dispatcher import Dispatcher
from translate_svc.session.outbound.utterance_router import UtteranceRouter
from translate_svc.session.session import Session
from translate_svc.session.vad_loop import VadLoop, VadStream

BASE = "event loop: callbacks, wake-ups of tasks"
_FUNCTIONS: tuple[tuple[str, Any, str], ...] = (
    ("parse", interceptors, "parse"),
    ("parse", wire, "decode_request"),
    ("audio conversion", SampleDecoder, "decode"),
    ("segmentation: frames of 32 ms", UtteranceSource, "push"),
    ("segmentation: frames of 32 ms", UtteranceSource, "step"),
    ("segmentation: speech or not", UtteranceSource, "push_probability"),
    ("session: utterances and results", Dispatcher, "begin"),
    ("session: utterances and results", Dispatcher, "commit"),
    ("session: utterances and results", UtteranceRouter, "_on_engine_event"),
)
_COROUTINES: tuple[tuple[str, Any, str], ...] = (
    ("read: driver", StreamDriver, "_read"),
    ("session: takes the message", Session, "receive"),
    ("session: input task", Session, "_pump_input"),
    ("session: input task", InputPump, "process"),
    ("session: utterances and results", Dispatcher, "cut"),
    ("VAD: asks for a score", VadStream, "probability"),
    ("VAD: batches", VadLoop, "_run"),
    ("write: driver", CallDriver, "_write"),
    ("write: encodes", EventWriter, "send"),
    ("engine: messages to its process", Link, "_send"),
    ("engine: messages to its process", Link, "_receive"),
    ("engine: follows its script", ScriptedEngine, "_run"),
    ("engine: follows its script", ScriptedEngine, "_run_sequence"),
)


class _Context:
    """A gRPC context whose reads or writes are counted."""

    def __init__(self, clock: LayerClock, context: Any) -> None:
        self._clock = clock
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def read(self) -> Any:
        return self._clock.awaitable("gRPC: read", self._context.read())

    def write(self, message: Any) -> Any:
        return self._clock.awaitable("gRPC: write", self._context.write(message))


def count_code(clock: LayerClock) -> None:
    """Counts what this process runs from now on. Call it on the thread of the event loop."""
    clock.calibrate()
    for layer, owner, name in _FUNCTIONS:
        setattr(owner, name, clock.function(layer, getattr(owner, name)))
    for layer, owner, name in _COROUTINES:
        setattr(owner, name, clock.coroutine(layer, getattr(owner, name)))
    for kind in (MessageReader, EventWriter):
        setattr(kind, "__init__", _with_counted_context(clock, kind.__init__))  # noqa: B010


def _with_counted_context(clock: LayerClock, init: Callable[..., None]) -> Any:
    @functools.wraps(init)
    def counted(self: Any, context: Any, *arguments: Any) -> None:
        init(self, _Context(clock, context), *arguments)

    return counted


def count_loop(clock: LayerClock) -> None:
    """Counts the waits of the running event loop, and gRPC's callback for operations that are complete.

    Call it before the first server is made.
    """
    loop: Any = asyncio.get_running_loop()
    selector = loop._selector
    selector.select = clock.function("event loop: epoll", selector.select)
    add_reader = loop.add_reader

    def adding(descriptor: Any, callback: Callable[..., Any], *arguments: Any) -> Any:
        if isinstance(callback, functools.partial):  # of gRPC's completion queue: nobody else passes one
            callback = clock.function("gRPC: completions", callback)
        return add_reader(descriptor, callback, *arguments)

    loop.add_reader = adding
