"""A queue of requests from the threads of the program to those of gRPC."""

from __future__ import annotations

import threading
from collections import deque

from translate_svc.v1 import speech_translation_pb2 as pb


class RequestQueue:
    """A bounded queue, first in, first out. A thread of gRPC iterates over it.

    ``put`` waits while the queue is full, that is while the server accepts nothing. ``finish`` ends the
    iteration after the queued requests. ``close`` ends it at once and wakes all waiting threads.
    """

    def __init__(self, max_messages: int = 8) -> None:
        self._max_messages = max_messages
        self._queue: deque[pb.StreamingTranslateRequest] = deque()
        self._changed = threading.Condition()
        self._finished = False
        self._closed = False

    def put(self, request: pb.StreamingTranslateRequest) -> bool:
        """Appends a request. Returns False if the queue is finished or closed and takes no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._queue) < self._max_messages)
            if self._closed or self._finished:
                return False
            self._queue.append(request)
            self._changed.notify_all()
            return True

    def finish(self) -> None:
        """No more requests."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """The call has ended."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify_all()

    def __iter__(self) -> RequestQueue:
        return self

    def __next__(self) -> pb.StreamingTranslateRequest:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._finished or self._closed)
            if not self._queue:
                raise StopIteration
            self._changed.notify_all()
            return self._queue.popleft()
