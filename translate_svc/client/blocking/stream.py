"""One live stream of the blocking client."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType

from translate_svc.client.blocking.connection import StreamConnection
from translate_svc.client.input_encoder import Audio, InputEncoder
from translate_svc.errors import TranslateSvcError
from translate_svc.types import (
    AudioFormat,
    AudioInput,
    ClearInput,
    EndInput,
    FinalizeInput,
    Opened,
    SessionEvent,
    SilenceInput,
    StreamSettings,
    UpdateInput,
)


class Stream:
    """Audio in, events out. Made by ``Client.stream``. ``with`` opens the call and ends it.

    One thread at a time may send, and one may iterate. Keep reading while you send: if you do not read its
    events, the server takes no more audio, and ends the stream after 10 s. ``feed`` sends in a background
    thread. Every method raises the exceptions of this package; ``InvalidArgument`` and ``OutOfRange`` name
    the field.
    """

    def __init__(self, connection: StreamConnection, input_format: AudioFormat, max_chunk_bytes: int) -> None:
        self._connection = connection
        self._audio = InputEncoder(input_format, max_chunk_bytes)
        self._opened: Opened | None = None
        self._unread: SessionEvent | None = None
        self._feed_thread: threading.Thread | None = None
        self._feed_error: Exception | None = None

    @property
    def opened(self) -> Opened:
        """The server's first event: session id and negotiated configuration."""
        if self._opened is None:
            raise RuntimeError("the stream is not open: use it as `with`")
        return self._opened

    @property
    def total_samples(self) -> int:
        """Samples sent so far, at the input rate, including silence."""
        return self._audio.total_samples

    @property
    def resumptions(self) -> tuple[float, ...]:
        """For each time the stream went on at another call (``resume``): seconds without a server."""
        return self._connection.resumptions

    def __enter__(self) -> Stream:
        try:
            self._opened = self._unread = self._connection.open()
        except BaseException:
            self._connection.cancel()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.cancel()  # a feeding thread ends at its next chunk

    def send(self, audio: Audio) -> None:
        """Sends audio of any length; waits while the server accepts none."""
        self._send(self._audio.chunks(audio))

    def silence(self, samples: int) -> None:
        """Sends silence without its bytes."""
        self._send(self._audio.flush())
        self._audio.silence(samples)
        self._connection.write(SilenceInput(samples))

    def finalize(self) -> None:
        """Ends the current utterance here."""
        self._send(self._audio.flush())
        self._connection.write(FinalizeInput())

    def update(self, settings: StreamSettings) -> None:
        """Replaces all settings, starting with the next utterance."""
        self._connection.write(UpdateInput(settings))

    def clear(self) -> None:
        """Barge-in: discards everything that is queued or in flight."""
        self._connection.write(ClearInput())

    def end(self) -> None:
        """Ends the input. Continue to iterate: the results of the last audio are still to come."""
        self._send(self._audio.flush())
        self._connection.write(EndInput(self._audio.total_samples))

    def feed(self, source: Iterable[Audio], *, end: bool = True) -> None:
        """Sends all of ``source`` in a background thread, and then ``end`` if requested.

        If ``source`` raises, the call is cancelled and the iteration raises the same exception.
        """
        if self._feed_thread is not None:
            raise RuntimeError("the stream has a feed already")
        self._feed_thread = threading.Thread(target=self._feed, args=(source, end), daemon=True)
        self._feed_thread.start()

    def cancel(self) -> None:
        """Cancels the call: the server stops its work at once."""
        self._connection.cancel()

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> SessionEvent:
        """The next event, ``Opened`` first and ``Closed`` last."""
        if self._unread is not None:
            event, self._unread = self._unread, None
            return event
        following = self._next_event()
        if following is None:
            raise StopIteration
        return following

    def _feed(self, source: Iterable[Audio], end: bool) -> None:
        try:
            for audio in source:
                self.send(audio)
            if end:
                self.end()
        except Exception as error:
            # if the server failed the call, the reader gets that error from the call
            if not self._connection.done:
                self._feed_error = error
                self._connection.cancel()

    def _send(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            self._connection.write(AudioInput(chunk))

    def _next_event(self) -> SessionEvent | None:
        """The next event that this client knows, or None at the end."""
        try:
            return self._connection.next_event()
        except TranslateSvcError as error:
            raise self._feed_error or error from None
