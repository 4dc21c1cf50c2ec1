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
    """Audio in, events out. Made by ``AsyncClient.stream``. ``async with`` opens the call and ends it.

    Keep reading while you send: if you do not read its events, the server takes no more audio, and ends the
    stream after 10 s. ``feed`` sends in the background.

    A timeout or a cancellation of ``send`` or of the iteration does not end the stream, although it would
    cancel a plain gRPC call. One task at a time may send, and one may iterate. Every method raises the
    exceptions of this package; ``InvalidArgument`` and ``OutOfRange`` name the field.
    """

    def __init__(self, stub: Any, config: StreamConfig, options: ClientOptions) -> None:
        self._stub = stub
        self._config = config
        self._options = options
        self._audio = InputEncoder(config.input, options.max_chunk_bytes)
        self._sequence = stream_sequence()
        self._call: Any = None
        self._opened: Opened | None = None
        self._unread: SessionEvent | None = None
        self._read_task: asyncio.Task[SessionEvent | None] | None = None
        self._write_task: asyncio.Task[None] | None = None
        self._feed_task: asyncio.Task[None] | None = None
        self._feed_error: BaseException | None = None

    @property
    def opened(self) -> Opened:
        """The server's first event: session id and negotiated configuration."""
        if self._opened is None:
            raise RuntimeError("the stream is not open: use it as `async with`")
        return self._opened

    @property
    def total_samples(self) -> int:
        """Samples sent so far, at the input rate, including silence."""
        return self._audio.total_samples

    async def __aenter__(self) -> AsyncStream:
        self._call = self._stub.StreamingTranslate(metadata=self._options.metadata())
        self._final_status = FinalStatus(self._call)
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
        """Sends audio of any length; waits while the server accepts none."""
        await self._send(self._audio.chunks(audio))

    async def silence(self, samples: int) -> None:
        """Sends silence without its bytes."""
        await self._send(self._audio.flush())
        self._audio.silence(samples)
        await self._write(SilenceInput(samples))

    async def finalize(self) -> None:
        """Ends the current utterance here."""
        await self._send(self._audio.flush())
        await self._write(FinalizeInput())

    async def update(self, settings: StreamSettings) -> None:
        """Replaces all settings, starting with the next utterance."""
        await self._write(UpdateInput(settings))

    async def clear(self) -> None:
        """Barge-in: discards everything that is queued or in flight."""
        await self._write(ClearInput())

    async def end(self) -> None:
        """Ends the input. Continue to iterate: the results of the last audio are still to come."""
        await self._send(self._audio.flush())
        await self._write(EndInput(self._audio.total_samples))
        await self._run_write(self._call.done_writing)

    def feed(self, source: AsyncIterable[Audio] | Iterable[Audio], *, end: bool = True) -> None:
        """Sends all of ``source`` in a background task, and then ``end`` if requested.

        If ``source`` raises, the call is cancelled and the iteration raises the same exception.
        """
        if self._feed_task is not None:
            raise RuntimeError("the stream has a feed already")
        self._feed_task = asyncio.get_running_loop().create_task(self._feed(source, end=end))

    def cancel(self) -> None:
        """Cancels the call: the server stops its work at once."""
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
            # if the server failed the call, the reader gets that error from the call
            if not self._call.done():
                self._feed_error = error
                self._call.cancel()

    async def _send(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            await self._write(AudioInput(chunk))

    async def _next_event(self) -> SessionEvent | None:
        """The next event that this client knows, or None at the end."""
        if self._read_task is None:
            self._read_task = asyncio.get_running_loop().create_task(self._read())
        try:
            return await _shielded(self._read_task)
        finally:
            if self._read_task.done():
                self._read_task = None

    async def _read(self) -> SessionEvent | None:
        while True:
            response = await self._with_package_errors(self._call.read)
            if not isinstance(response, pb.StreamingTranslateResponse):
                return None
            event = self._sequence.accept(response)
            if event is not None:
                return event

    async def _write(self, message: StreamConfig | ClientMessage) -> None:
        request = wire.encode_request(message)
        await self._run_write(lambda: self._call.write(request))

    async def _run_write(self, start: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs a write to its end, even if the calling task is cancelled.

        The next write waits for it, and fails if it failed.
        """
        if self._write_task is not None:
            await _shielded(self._write_task)
        self._write_task = asyncio.get_running_loop().create_task(self._with_package_errors(start))
        await _shielded(self._write_task)

    async def _with_package_errors(self, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs one operation of the call and converts its errors to those of this package.

        It takes a function and not a coroutine: a task that is cancelled before its first step never awaits
        its coroutine, and Python warns about every coroutine that is never awaited.
        """
        try:
            return await start()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            # gRPC raises InvalidStateError for every operation on a call that has ended
            raise self._final_status.error() or TranslateSvcError("the stream has ended") from error
        except asyncio.CancelledError:
            if not self._call.cancelled():
                raise
            # the call was cancelled, not this task
            raise self._feed_error or TranslateSvcError("the stream was cancelled") from None

    async def _release(self) -> None:
        """Ends the call and all tasks. gRPC never ends an abandoned call."""
        self._call.cancel()
        tasks = [task for task in (self._feed_task, self._read_task, self._write_task) if task is not None]
        for task in tasks:
            # cancelling the call does not wake a write that waits for the connection
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _shielded(operation: asyncio.Task[T]) -> T:
    """Waits for an operation, which continues if the waiting task is cancelled.

    Raises:
        TranslateSvcError: another task closed the stream meanwhile, which cancelled the operation.
    """
    try:
        return await asyncio.shield(operation)
    except asyncio.CancelledError:
        waiting = asyncio.current_task()
        if not operation.cancelled() or (waiting is not None and waiting.cancelling()):
            raise
        raise TranslateSvcError("the stream was cancelled") from None
