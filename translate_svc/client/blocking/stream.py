"""One live stream of the blocking client."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType

from translate_svc.client.aio.stream import AsyncStream
from translate_svc.client.blocking.loop_thread import LoopThread
from translate_svc.client.input_encoder import Audio
from translate_svc.errors import TranslateSvcError
from translate_svc.types import Opened, SessionEvent, StreamSettings


class Stream:
    """Audio in, events out. Made by ``Client.stream``. ``with`` opens the call and ends it.

    One thread at a time may send audio, and one may iterate; ``clear``, ``finalize`` and ``update`` may come
    from any, also beside ``feed``. The server takes no more audio while its results are not taken, and ends
    the stream after 10 s. ``feed`` sends in a background thread, while the program iterates. Who sends all
    and then iterates gets all, too: what comes while ``send`` waits is kept, up to 64 MiB. Beyond them
    ``send`` waits for who iterates, and after 10 s in which nobody takes an event, the stream fails. Every
    method raises the exceptions of this package; ``InvalidArgument`` and ``OutOfRange`` name the field.
    """

    def __init__(self, loop: LoopThread, stream: AsyncStream) -> None:
        self._loop = loop
        self._stream = stream
        self._feed_thread: threading.Thread | None = None
        self._feed_error: BaseException | None = None

    @property
    def opened(self) -> Opened:
        """The server's first event: session id and negotiated configuration."""
        return self._stream.opened

    @property
    def total_samples(self) -> int:
        """Samples sent so far, at the input rate, including silence."""
        return self._stream.total_samples

    @property
    def resumptions(self) -> tuple[float, ...]:
        """For each time the stream continued at another call (``resume``): seconds without a server."""
        return self._stream.resumptions

    def __enter__(self) -> Stream:
        self._loop.run(self._stream.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # a feeding thread ends at its next chunk
        self._loop.finish(lambda: self._stream.__aexit__(kind, error, trace))

    def send(self, audio: Audio) -> None:
        """Sends audio of any length; waits while the server accepts none."""
        self._loop.run(lambda: self._stream.send(audio))

    def silence(self, samples: int) -> None:
        """Sends silence without its bytes."""
        self._loop.run(lambda: self._stream.silence(samples))

    def finalize(self) -> None:
        """Ends the current utterance here."""
        self._loop.run(self._stream.finalize)

    def update(self, settings: StreamSettings) -> None:
        """Replaces all settings, starting with the next utterance."""
        self._loop.run(lambda: self._stream.update(settings))

    def clear(self) -> None:
        """Barge-in: discards everything that is queued or in flight."""
        self._loop.run(self._stream.clear)

    def end(self) -> None:
        """Ends the input. Continue to iterate: the results of the last audio are still to come."""
        self._loop.run(self._stream.end)

    def feed(self, source: Iterable[Audio], *, end: bool = True) -> None:
        """Sends all of ``source`` in a background thread, and then ``end`` if requested.

        If ``source`` raises, the call is cancelled and the iteration raises the same exception.
        """
        _ = self.opened  # raises here what no reader could be told
        if self._feed_thread is not None:
            raise RuntimeError("the stream has a feed already")
        self._feed_thread = threading.Thread(target=self._feed, args=(source, end), daemon=True)
        self._feed_thread.start()

    def cancel(self) -> None:
        """Cancels the call: the server stops its work immediately."""
        self._loop.call(self._stream.cancel)

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> SessionEvent:
        """The next event, ``Opened`` first and ``Closed`` last."""
        try:
            event = self._loop.run(self._next_event)
        except TranslateSvcError as error:
            raise self._feed_error or error from None
        if event is None:
            raise StopIteration
        return event

    async def _next_event(self) -> SessionEvent | None:
        return await anext(self._stream, None)

    def _feed(self, source: Iterable[Audio], end: bool) -> None:
        try:
            for audio in source:
                self.send(audio)
            if end:
                self.end()
        except BaseException as error:  # also SystemExit: the reader would wait for ever
            # if the server failed the call, the reader gets that error from the call
            if not self._stream.done:
                self._feed_error = error
                self.cancel()
