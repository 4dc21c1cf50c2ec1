"""What each caller uses, and whether it may use more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from translate_svc.errors import PermissionDenied, QuotaExceeded
from translate_svc.session.admission import AdmissionSlot
from translate_svc.session.quotas.token_bucket import TokenBucket
from translate_svc.types import Caller

_STREAMS_RETRY_AFTER_S = 2.0
_WORTH_COMING_BACK_S = 20.0
"""Audio that a caller who had none left must wait for before it opens another stream. A stream that is
resumed sends its last utterance again, of 15 s at most. With less it might never get past it.
"""
_LEAST_S = 0.1
"""Audio that must be there before a stream that waits for it goes on."""
_PLENTY = 0.25
"""No more than this share of what is there is drawn ahead."""
_SWEEP_FROM = 1_024

Record = Callable[[str, str, float], None]
"""``Metrics.add``: the name of a metric, its label, and what to add."""


def _record_nothing(metric: str, label: str, value: float) -> None:
    del metric, label, value


@dataclass(slots=True)
class _Account:
    """What one caller uses. ``exhausted``: it had no audio left, and has not waited long enough since."""

    streams: int = 0
    audio_s_per_minute: float | None = None
    audio_burst_s: float = 0.0
    bucket: TokenBucket | None = None
    exhausted: bool = False

    def is_idle(self, now_s: float) -> bool:
        return not self.streams and (self.bucket is None or self.bucket.is_full(now_s))


@dataclass(frozen=True, slots=True)
class Drawn:
    """Seconds of audio that were taken, or after how many seconds to ask again. One of them is 0."""

    seconds: float = 0.0
    wait_s: float = 0.0


class Quotas:
    """Holds callers to their limits. Belongs to one event loop; nothing here waits.

    A caller is known by its name. The limits with which it opens a stream or call (``check``) count from then
    on, for its older streams too. Callers without limits cost nothing. The use of one caller does not limit
    another.
    """

    def __init__(
        self, model: str, record: Record = _record_nothing, clock: Callable[[], float] | None = None
    ) -> None:
        """``model``: the loaded one. ``record`` counts by class. ``clock``: by default the event loop's."""
        self._model = model
        self._record = record
        self._clock = clock or asyncio.get_running_loop().time
        self._accounts: dict[str, _Account] = {}
        self._sweep_at = _SWEEP_FROM

    def check(self, caller: Caller, *, goes_on: bool = False) -> None:
        """Raises if ``caller`` may open no further stream or call now.

        ``goes_on``: it takes the place of one that has just ended, so their number does not grow.

        Raises:
            PermissionDenied: the caller may not use the loaded model.
            QuotaExceeded: a limit of the caller is reached. Says when to try again.
        """
        limits = caller.limits
        if limits.models is not None and self._model not in limits.models:
            raise PermissionDenied("this caller may not use the loaded model")
        account = self._account(caller)
        self._shape(account, limits.audio_s_per_minute, limits.audio_burst_s)
        if limits.max_streams is not None and account.streams >= limits.max_streams and not goes_on:
            self._count("caller_streams_limited", caller)
            raise QuotaExceeded(
                f"{account.streams} streams of this caller are open, and it may have {limits.max_streams}",
                retry_after_s=_STREAMS_RETRY_AFTER_S,
            )
        if account.exhausted and account.bucket is not None:
            if wait_s := account.bucket.wait_s(_WORTH_COMING_BACK_S, self._clock()):
                self._refuse_audio(account, caller, wait_s)
            account.exhausted = False
        self._check_audio(caller)

    def draw(self, caller: Caller, seconds: float, *, most_s: float = 0.0, patient: bool = False) -> Drawn:
        """Takes ``seconds`` of audio from what ``caller`` may send. The last of it may be overdrawn.

        ``most_s``: takes up to so much, as long as a caller with several streams has plenty.
        ``patient``: says when to ask again, where nothing is left.

        Raises:
            QuotaExceeded: nothing is left, and it is not patient. From then on it may open nothing before a
                part of its audio is there again: it would be used up at once.
        """
        account, now_s = self._account(caller), self._clock()
        if account.bucket is None:
            return Drawn(max(seconds, most_s))
        level = account.bucket.level(now_s)
        if level <= 0 and patient:
            return Drawn(wait_s=account.bucket.wait_s(_LEAST_S, now_s))
        self._check_audio(caller)
        drawn_s = max(seconds, min(most_s, level * _PLENTY))
        account.bucket.take(drawn_s, now_s)
        return Drawn(drawn_s)

    def _check_audio(self, caller: Caller) -> None:
        account, now_s = self._account(caller), self._clock()
        if account.bucket is not None and account.bucket.level(now_s) <= 0:
            account.exhausted = True
            self._refuse_audio(account, caller, account.bucket.wait_s(_WORTH_COMING_BACK_S, now_s))

    def _refuse_audio(self, account: _Account, caller: Caller, wait_s: float) -> NoReturn:
        self._count("caller_audio_limited", caller)
        raise QuotaExceeded(
            f"this caller may send {account.audio_s_per_minute:g} s of audio a minute, and sent more",
            retry_after_s=wait_s,
        )

    def hold(self, caller: Caller, slot: AdmissionSlot) -> None:
        """Counts a stream or call of ``caller`` until ``slot`` is released."""
        self._count("caller_admitted", caller)
        account = self._account(caller)
        account.streams += 1

        def leave() -> None:
            account.streams -= 1

        slot.on_release(leave)

    def charge(self, caller: Caller, seconds: float) -> None:
        """Counts audio that ``caller`` has sent; less than 0 gives back what was drawn and not sent."""
        if (bucket := self._account(caller).bucket) is not None:
            bucket.take(seconds, self._clock())

    def _count(self, metric: str, caller: Caller, value: float = 1.0) -> None:
        if caller.class_name:
            self._record(metric, caller.class_name, value)

    def _account(self, caller: Caller) -> _Account:
        """The account of ``caller``. A new one has its limits."""
        account = self._accounts.get(caller.name)
        if account is None:
            self._sweep()
            account = self._accounts[caller.name] = _Account()
            self._shape(account, caller.limits.audio_s_per_minute, caller.limits.audio_burst_s)
        return account

    def _shape(self, account: _Account, audio_s_per_minute: float | None, burst_s: float) -> None:
        """Gives ``account`` limits of audio. What it has used stays used."""
        if (account.audio_s_per_minute, account.audio_burst_s) == (audio_s_per_minute, burst_s):
            return
        account.audio_s_per_minute, account.audio_burst_s = audio_s_per_minute, burst_s
        if audio_s_per_minute is None:
            account.bucket = None
        elif account.bucket is None:
            account.bucket = TokenBucket(audio_s_per_minute / 60, burst_s, self._clock())
        else:
            account.bucket.reshape(audio_s_per_minute / 60, burst_s, self._clock())

    def _sweep(self) -> None:
        """Forgets callers who use nothing, before their number has doubled."""
        if len(self._accounts) >= self._sweep_at:
            now_s = self._clock()
            self._accounts = {name: each for name, each in self._accounts.items() if not each.is_idle(now_s)}
            self._sweep_at = max(_SWEEP_FROM, 2 * len(self._accounts))
