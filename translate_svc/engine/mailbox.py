"""What callers want of the engine, kept until its thread comes round: applied between steps, never during
one.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from translate_svc.engine.delivery import Submission


@dataclass(slots=True)
class Mail:
    """All that came in since the last time.

    ``arrivals`` holds submissions (True) and aborts (False) in the order they were made. It is bounded: a
    ticket is submitted once and aborted at most once. Grants are summed up per sequence, hence bounded as
    well.
    """

    arrivals: list[tuple[Submission, bool]] = field(default_factory=list)
    grants: Counter[tuple[Submission, int]] = field(default_factory=Counter)
    stop: bool = False
    drain: bool = True

    def __bool__(self) -> bool:
        return bool(self.arrivals or self.grants or self.stop)


class Mailbox:
    """Callers put, on any thread; the engine's thread takes.

    ``max_line``: requests that may stand in line, those in the mailbox included.
    """

    def __init__(self, max_line: int) -> None:
        self._max_line = max_line
        self._condition = threading.Condition()
        self._mail = Mail()
        self._in_mail = 0
        self._in_line = 0

    @property
    def line(self) -> int:
        """Requests that are not admitted yet, as of the last step."""
        return self._in_mail + self._in_line

    def submit(self, ticket: Submission, queued: Callable[[], None]) -> bool:
        """Puts a request at the end of the line; False, and nothing done, when the line is full.

        ``queued`` is called before the engine's thread can see the request.
        """
        with self._condition:
            if self.line >= self._max_line:
                return False
            queued()
            self._in_mail += 1
            self._mail.arrivals.append((ticket, True))
            self._condition.notify()
            return True

    def abort(self, ticket: Submission) -> None:
        """Asks for a request to be forgotten."""
        with self._condition:
            self._mail.arrivals.append((ticket, False))
            self._condition.notify()

    def grant(self, ticket: Submission, sequence: int, pieces: int) -> None:
        """Adds credit."""
        with self._condition:
            self._mail.grants[ticket, sequence] += pieces
            self._condition.notify()

    def stop(self, drain: bool) -> None:
        """Asks the thread to end: when all is done, or at once."""
        with self._condition:
            self._mail.stop = True
            self._mail.drain = self._mail.drain and drain
            self._condition.notify()

    def take(self, wait: bool) -> Mail:
        """Empties the mailbox; with ``wait``, not before something is in it."""
        with self._condition:
            if wait:
                self._condition.wait_for(lambda: bool(self._mail))
            mail, self._mail = self._mail, Mail()
            self._in_line += self._in_mail
            self._in_mail = 0
            return mail

    def tell_line(self, waiting: int) -> None:
        """The scheduler's own count, after a step."""
        with self._condition:
            self._in_line = waiting
