"""One live stream of the blocking client."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import grpc

from translate_svc import wire
from translate_svc.client.blocking.request_queue import RequestQueue
from translate_svc.client.failures import error_of
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


class Stream:
    """Audio in, events out. Made by ``Client.stream``. ``with`` opens the call and ends it.

    One thread at a time may send, and one may iterate. Keep reading while you send: if you do not read its
    events, the server takes no more audio, and ends the stream after 10 s. ``feed`` sends in a background
    thread. Every method raises the exceptions of this package; ``InvalidArgument`` and ``OutOfRange`` name
    the field.
    """

    def __init__(self, stub: Any, config: StreamConfig, options: ClientOptions) -> None:
        self._stub = stub
        self._config = config
        self._options = options
        self._audio = InputEncoder(config.input, options.max_chunk_bytes)
        self._sequence = stream_sequence()
        self._requests = RequestQueue()
        self._call: Any = None
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

    def __enter__(self) -> Stream:
        self._call = self._stub.StreamingTranslate(self._requests, metadata=self._options.metadata())
        if not self._call.add_callback(self._requests.close):
            self._requests.close()
        timed_out = threading.Event()

        def time_out() -> None:
            timed_out.set()
            self._call.cancel()

        timer = threading.Timer(self._options.open_timeout_s, time_out)
        timer.daemon = True
        timer.start()
        try:
            self._put(self._config)
            first = self._next_event()
        except TranslateSvcError:
            self._release()
            if timed_out.is_set():
                waited_s = self._options.open_timeout_s
                raise Unavailable(f"the server did not answer within {waited_s:g} s") from None
            raise
        except BaseException:
            self._release()
            raise
        finally:
            timer.cancel()
        if not isinstance(first, Opened):
            self._release()
            raise TranslateSvcError("the server closed the stream without opening it")
        self._opened = self._unread = first
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def send(self, audio: Audio) -> None:
        """Sends audio of any length; waits while the server accepts none."""
        self._send(self._audio.chunks(audio))

    def silence(self, samples: int) -> None:
        """Sends silence without its bytes."""
        self._send(self._audio.flush())
        self._audio.silence(samples)
        self._put(SilenceInput(samples))

    def finalize(self) -> None:
        """Ends the current utterance here."""
        self._send(self._audio.flush())
        self._put(FinalizeInput())

    def update(self, settings: StreamSettings) -> None:
        """Replaces all settings, starting with the next utterance."""
        self._put(UpdateInput(settings))

    def clear(self) -> None:
        """Barge-in: discards everything that is queued or in flight."""
        self._put(ClearInput())

    def end(self) -> None:
        """Ends the input. Continue to iterate: the results of the last audio are still to come."""
        self._send(self._audio.flush())
        self._put(EndInput(self._audio.total_samples))
        self._requests.finish()

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
        self._call.cancel()

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
            if self._call.is_active():
                self._feed_error = error
                self._call.cancel()

    def _send(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            self._put(AudioInput(chunk))

    def _next_event(self) -> SessionEvent | None:
        """The next event that this client knows, or None at the end."""
        while True:
            try:
                event = self._sequence.accept(next(self._call))
            except StopIteration:
                return None
            except grpc.RpcError as error:
                raise self._feed_error or self._failure() from error
            if event is not None:
                return event

    def _put(self, message: StreamConfig | ClientMessage) -> None:
        if not self._requests.put(wire.encode_request(message)):
            if self._call.is_active():
                raise TranslateSvcError("comes after end")
            raise self._failure()

    def _failure(self) -> TranslateSvcError:
        """The error of the call that has ended."""
        code = self._call.code()
        if code is grpc.StatusCode.CANCELLED and self._call.cancelled():
            return TranslateSvcError("the stream was cancelled")
        return error_of(code, self._call.details(), self._call.trailing_metadata())

    def _release(self) -> None:
        """Ends the call: gRPC never ends an abandoned call. A feeding thread ends at its next chunk."""
        self._call.cancel()
        self._requests.close()
