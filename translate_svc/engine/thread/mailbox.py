"""Commands from callers, kept until the engine's thread applies them between two steps."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from translate_svc.engine.thread.delivery import Submission


@dataclass(slots=True)
class Mail:
    """All commands since the last ``Mailbox.take``.

    ``commands`` holds submits (True) and aborts (False) in the order of their calls. It is bounded, because
    a submission is submitted once and aborted at most once. ``grants`` is bounded too, because grants are
    summed up per sequence.
    """

    commands: list[tuple[Submission, bool]] = field(default_factory=list)
    grants: Counter[tuple[Submission, int]] = field(default_factory=Counter)
    stop: bool = False
    drain: bool = True

    def __bool__(self) -> bool:
        return bool(self.commands or self.grants or self.stop)


class Mailbox:
    """Callers put commands in, from any thread; the engine's thread takes them out.

    ``max_waiting_requests``: requests that may wait for slots, including those in the mailbox.
    """

    def __init__(self, max_waiting_requests: int) -> None:
        self._max_waiting_requests = max_waiting_requests
        self._condition = threading.Condition()
        self._mail = Mail()
        self._waiting_here: Counter[str] = Counter()
        self._waiting_in_scheduler: Counter[str] = Counter()

    @property
    def waiting_requests(self) -> int:
        """Requests that wait for slots, as of the last step, and those in the mailbox."""
        return self._waiting_here.total() + self._waiting_in_scheduler.total()

    def submit(self, submission: Submission, queued: Callable[[], None]) -> bool:
        """Appends a request to the waiting queue. Returns False and does nothing when the queue is full.

        It is also full for a caller who has three quarters of its places.

        ``queued`` is called before the engine's thread can see the request.
        """
        caller = submission.request.caller
        with self._condition:
            if self.waiting_requests >= self._max_waiting_requests or self._has_its_share(caller):
                return False
            queued()
            self._waiting_here[caller] += 1
            self._mail.commands.append((submission, True))
            self._condition.notify()
            return True

    def abort(self, submission: Submission) -> None:
        """Asks the engine to drop a request."""
        with self._condition:
            self._mail.commands.append((submission, False))
            self._condition.notify()

    def grant(self, submission: Submission, sequence: int, pieces: int) -> None:
        """Adds credit for ``pieces`` waveform pieces."""
        with self._condition:
            self._mail.grants[submission, sequence] += pieces
            self._condition.notify()

    def stop(self, drain: bool) -> None:
        """Asks the thread to end, with ``drain`` after all requests, otherwise immediately.

        A later call with ``drain`` does not undo an immediate stop.
        """
        with self._condition:
            self._mail.stop = True
            self._mail.drain = self._mail.drain and drain
            self._condition.notify()

    def take(self, wait: bool) -> Mail:
        """Empties the mailbox and returns its content. With ``wait`` it first waits until there is some."""
        with self._condition:
            if wait:
                self._condition.wait_for(lambda: bool(self._mail))
            mail, self._mail = self._mail, Mail()
            self._waiting_in_scheduler += self._waiting_here
            self._waiting_here = Counter()
            return mail

    def set_scheduler_waiting(self, waiting: Counter[str]) -> None:
        """Sets the number of requests that wait in the scheduler, by caller."""
        with self._condition:
            self._waiting_in_scheduler = waiting

    def _has_its_share(self, caller: str) -> bool:
        share = max(1, self._max_waiting_requests * 3 // 4)
        return caller != "" and self._waiting_here[caller] + self._waiting_in_scheduler[caller] >= share
