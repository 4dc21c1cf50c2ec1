"""One live stream of the asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Generator, Iterable
from contextlib import closing
from types import TracebackType

from translate_svc.client.aio.connection import StreamConnection
from translate_svc.client.aio.event_reader import EventReader, shielded
from translate_svc.client.aio.stream_call import cancellations
from translate_svc.client.input_encoder import Audio, InputEncoder
from translate_svc.errors import TranslateSvcError
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


class AsyncStream:
    """Audio in, events out. Made by ``AsyncClient.stream``. ``async with`` opens the call and ends it.

    The server takes no more audio while its results are not taken, and ends the stream after 10 s. ``feed``
    sends in the background, while the program iterates. Who sends all and then iterates gets all, too: what
    comes while ``send`` waits is kept, up to 64 MiB. Beyond them ``send`` waits for who iterates, and after
    10 s in which nobody takes an event, the stream fails.

    A timeout or a cancellation of ``send`` or of the iteration does not end the stream, although it would
    cancel a plain gRPC call. One task at a time may send audio, and one may iterate; ``clear``, ``finalize``
    and ``update`` may come from any, also beside ``feed``. Every method raises the exceptions of this
    package; ``InvalidArgument`` and ``OutOfRange`` name the field.
    """

    def __init__(self, connection: StreamConnection, config: StreamConfig, max_chunk_bytes: int) -> None:
        self._connection = connection
        self._first_sample = config.resume_from_sample if config.resume_token else 0
        self._audio = InputEncoder(config.input, max_chunk_bytes)
        self._opened: Opened | None = None
        self._events = EventReader(connection)
        self._write_task: asyncio.Task[None] | None = None
        self._feed_task: asyncio.Task[None] | None = None
        self._error: Exception | None = None  # why this side ended the call

    @property
    def opened(self) -> Opened:
        """The server's first event: session id and negotiated configuration."""
        if self._opened is None:
            raise RuntimeError("the stream is not open: `with`, or `async with`, opens it")
        return self._opened

    @property
    def total_samples(self) -> int:
        """Samples sent so far, at the input rate, including silence."""
        return self._audio.total_samples

    @property
    def resumptions(self) -> tuple[float, ...]:
        """For each time the stream continued at another call (``resume``): seconds without a server."""
        return self._connection.resumptions

    @property
    def done(self) -> bool:
        """Whether the call has ended."""
        return self._connection.done

    async def __aenter__(self) -> AsyncStream:
        try:
            self._opened = await self._connection.open()
        except BaseException:
            await self._release()
            raise
        self._events.keep(self._opened)
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
        # a stream that is resumed counts on; who does not say where it begins cannot count
        first = self._first_sample
        await self._write(EndInput(0 if first is None else first + self._audio.total_samples))

    def feed(self, source: AsyncIterable[Audio] | Iterable[Audio], *, end: bool = True) -> None:
        """Sends all of ``source`` in a background task, and then ``end`` if requested.

        If ``source`` raises, the call is cancelled and the iteration raises the same exception; in place of
        CancelledError it raises ``TranslateSvcError``.
        """
        _ = self.opened  # raises here what no reader could be told
        if self._feed_task is not None:
            raise RuntimeError("the stream has a feed already")
        self._feed_task = asyncio.get_running_loop().create_task(self._feed(source, end=end))

    def cancel(self) -> None:
        """Cancels the call: the server stops its work at once."""
        self._connection.cancel()

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> SessionEvent:
        """The next event, ``Opened`` first and ``Closed`` last."""
        try:
            event = await self._events.next_event()
        except TranslateSvcError as error:
            raise self._error or error from None
        if event is None:
            raise StopAsyncIteration
        return event

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
        except asyncio.CancelledError:
            if cancellations():
                raise
            self._fail(TranslateSvcError("the audio that was fed was cancelled"))
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        # if the server failed the call, the reader gets that error from the call
        if not self._connection.done:
            self._error = error
            self._connection.cancel()

    async def _send(self, chunks: Generator[bytes]) -> None:
        with closing(chunks):
            for chunk in chunks:
                await self._write(AudioInput(chunk))

    async def _write(self, message: ClientMessage) -> None:
        """Runs a write to its end, even if the calling task is cancelled.

        Writes keep their order, whichever tasks they are of: gRPC takes one at a time, and a second one would
        end the call. Each fails if the one before failed.
        """
        self._write_task = asyncio.get_running_loop().create_task(
            self._write_after(self._write_task, message)
        )
        write = self._write_task
        try:
            await self._events.read_while(write)
        except TranslateSvcError as error:
            self._fail(error)
            raise
        await shielded(write)

    async def _write_after(self, earlier: asyncio.Task[None] | None, message: ClientMessage) -> None:
        if earlier is not None:
            await earlier
        await self._connection.write(message)

    async def _release(self) -> None:
        """Ends the stream and all tasks."""
        self._connection.cancel()
        tasks = [task for task in (self._feed_task, self._write_task) if task is not None]
        for task in tasks:
            # cancelling the call does not wake a write that waits for the connection
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._events.release()
        # their tracebacks refer to this, which would keep the connection open until a collection
        self._feed_task = self._write_task = self._error = None
        await self._connection.release()
