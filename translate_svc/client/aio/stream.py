"""One live stream of the asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, TypeVar

import grpc

from translate_svc import wire
from translate_svc.client.aio.final_status import FinalStatus
from translate_svc.client.input_encoder import Audio, InputEncoder
from translate_svc.client.options import ClientOptions
from translate_svc.client.sequence_check import stream_sequence
from translate_svc.errors import TranslateSvcError, Unavailable
from translate_svc.types import (
    AudioInput,
    ClearInput,
    ClientMessage,
    EndInput,
    FinalizeInput,
    Opened,
    SessionEvent,
    SilenceInput,
    StreamConfig,
    StreamSettings,
    UpdateInput,
)
from translate_svc.v1 import speech_translation_pb2 as pb

T = TypeVar("T")


class AsyncStream:
    """Audio in, events out. Made by ``AsyncClient.stream``; entering it opens, leaving it ends the call.

    Keep reading while you send: when nobody takes its events the server takes no more audio, and after 10 s
    drops the stream. ``feed`` sends in the background.

    A timeout or a cancellation of ``send`` or of the iteration does not harm the stream; gRPC's own calls
    would be cancelled by it. One task at a time may send, and one may iterate. Every method raises the
    package's exceptions: ``InvalidArgument`` and its kin name the field.
    """

    def __init__(self, stub: Any, config: StreamConfig, options: ClientOptions) -> None:
        self._stub = stub
        self._config = config
        self._options = options
        self._audio = InputEncoder(config.input, options.max_chunk_bytes)
        self._order = stream_sequence()
        self._call: Any = None
        self._opened: Opened | None = None
        self._unread: SessionEvent | None = None
        self._reading: asyncio.Task[SessionEvent | None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._feeding: asyncio.Task[None] | None = None
        self._feed_error: BaseException | None = None

    @property
    def opened(self) -> Opened:
        """The server's first answer: session id and negotiated configuration."""
        if self._opened is None:
            raise RuntimeError("the stream is not open: use it as `async with`")
        return self._opened

    @property
    def total_samples(self) -> int:
        """Samples sent so far, at the input rate; silence included."""
        return self._audio.total_samples

    async def __aenter__(self) -> AsyncStream:
        self._call = self._stub.StreamingTranslate(metadata=self._options.metadata())
        self._outcome = FinalStatus(self._call)
        try:
            async with asyncio.timeout(self._options.open_timeout_s):
                await self._write(self._config)
                first = await self._next_event()
        except TimeoutError:
            await self._release()
            waited_s = self._options.open_timeout_s
            raise Unavailable(f"the server did not answer within {waited_s:g} s") from None
        except BaseException:
            await self._release()
            raise
        if not isinstance(first, Opened):
            await self._release()
            raise TranslateSvcError("the server closed the stream without opening it")
        self._opened = self._unread = first
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._release()

    async def send(self, audio: Audio) -> None:
        """Sends audio of any length; waits while the server takes none."""
        await self._send(self._audio.chunks(audio))

    async def silence(self, samples: int) -> None:
        """Sends silence without its bytes."""
        await self._send(self._audio.flush())
        self._audio.silence(samples)
        await self._write(SilenceInput(samples))

    async def finalize(self) -> None:
        """Ends the running utterance here."""
        await self._send(self._audio.flush())
        await self._write(FinalizeInput())

    async def update(self, settings: StreamSettings) -> None:
        """Replaces the settings whole, from the next utterance on."""
        await self._write(UpdateInput(settings))

    async def clear(self) -> None:
        """Barge-in: drops what is queued and in flight."""
        await self._write(ClearInput())

    async def end(self) -> None:
        """No more input. Go on iterating: what is in flight is still to come."""
        await self._send(self._audio.flush())
        await self._write(EndInput(self._audio.total_samples))
        await self._kept(self._call.done_writing)

    def feed(self, source: AsyncIterable[Audio] | Iterable[Audio], *, end: bool = True) -> None:
        """Sends all of ``source`` in a task of its own, and then ``end``.

        When ``source`` raises, the call is cancelled and the iteration raises the same.
        """
        if self._feeding is not None:
            raise RuntimeError("the stream is being fed already")
        self._feeding = asyncio.get_running_loop().create_task(self._feed(source, end=end))

    def cancel(self) -> None:
        """Drops the stream: the server forgets it at once."""
        self._call.cancel()

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> SessionEvent:
        """The next event, ``Opened`` first and ``Closed`` last."""
        if self._unread is not None:
            event, self._unread = self._unread, None
            return event
        following = await self._next_event()
        if following is None:
            raise StopAsyncIteration
        return following

    async def _feed(self, source: AsyncIterable[Audio] | Iterable[Audio], *, end: bool) -> None:
        try:
            if isinstance(source, AsyncIterable):
                async for audio in source:
                    await self.send(audio)
            else:
                for audio in source:
                    await self.send(audio)
            if end:
                await self.end()
        except Exception as error:
            # what the server made the call fail with, the reader learns from the call
            if not self._call.done():
                self._feed_error = error
                self._call.cancel()

    async def _send(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            await self._write(AudioInput(piece))

    async def _next_event(self) -> SessionEvent | None:
        """The next event that is understood, or None at the end."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())
        try:
            return await _unharmed(self._reading)
        finally:
            if self._reading.done():
                self._reading = None

    async def _read(self) -> SessionEvent | None:
        while True:
            response = await self._translated(self._call.read)
            if not isinstance(response, pb.StreamingTranslateResponse):
                return None
            event = self._order.accept(response)
            if event is not None:
                return event

    async def _write(self, message: StreamConfig | ClientMessage) -> None:
        request = wire.encode_request(message)
        await self._kept(lambda: self._call.write(request))

    async def _kept(self, start: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs a write to its end whoever is cancelled; the next waits for it and fails with it."""
        if self._writing is not None:
            await _unharmed(self._writing)
        self._writing = asyncio.get_running_loop().create_task(self._translated(start))
        await _unharmed(self._writing)

    async def _translated(self, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs one operation of the call; its failures become the package's.

        The operation is made here and not by the caller: a task that is cancelled before its first step never
        awaits what it was given, and Python warns of every coroutine that nobody awaits.
        """
        try:
            return await start()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            # the latter is what gRPC says of any operation on a call that is over
            raise self._outcome.error() or TranslateSvcError("the stream has ended") from error
        except asyncio.CancelledError:
            if not self._call.cancelled():
                raise
            # the call was cancelled, not this task
            raise self._feed_error or TranslateSvcError("the stream was cancelled") from None

    async def _release(self) -> None:
        """Ends the call, which gRPC would never do by itself, and every task."""
        self._call.cancel()
        tasks = [task for task in (self._feeding, self._reading, self._writing) if task is not None]
        for task in tasks:
            # a write that waits for the connection does not notice that its call is cancelled
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _unharmed(operation: asyncio.Task[T]) -> T:
    """Waits for an operation, which goes on when the waiting task is cancelled.

    Raises:
        TranslateSvcError: the stream was left meanwhile, by another task, and took the operation with it.
    """
    try:
        return await asyncio.shield(operation)
    except asyncio.CancelledError:
        waiting = asyncio.current_task()
        if not operation.cancelled() or (waiting is not None and waiting.cancelling()):
            raise
        raise TranslateSvcError("the stream was cancelled") from None
