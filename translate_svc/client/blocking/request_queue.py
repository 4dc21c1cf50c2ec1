"""Requests on their way from a caller's thread to gRPC's."""

from __future__ import annotations

import threading
from collections import deque

from translate_svc.v1 import speech_translation_pb2 as pb


class RequestQueue:
    """A bounded first-in, first-out line; gRPC's thread iterates over it.

    ``put`` waits while the line is full, which it is while the server takes nothing. ``finish`` ends the
    iteration after what is in line, ``close`` at once, and releases whoever waits.
    """

    def __init__(self, max_messages: int = 8) -> None:
        self._max_messages = max_messages
        self._line: deque[pb.StreamingTranslateRequest] = deque()
        self._changed = threading.Condition()
        self._finished = False
        self._closed = False

    def put(self, request: pb.StreamingTranslateRequest) -> bool:
        """Appends a request; False when the line is finished or closed and will never be read further."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._line) < self._max_messages)
            if self._closed or self._finished:
                return False
            self._line.append(request)
            self._changed.notify_all()
            return True

    def finish(self) -> None:
        """No more requests."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """The call is over."""
        with self._changed:
            self._closed = True
            self._line.clear()
            self._changed.notify_all()

    def __iter__(self) -> RequestQueue:
        return self

    def __next__(self) -> pb.StreamingTranslateRequest:
        with self._changed:
            self._changed.wait_for(lambda: self._line or self._finished or self._closed)
            if not self._line:
                raise StopIteration
            self._changed.notify_all()
            return self._line.popleft()
