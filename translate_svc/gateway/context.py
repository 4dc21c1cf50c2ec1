"""What all endpoints of the HTTP server share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from translate_svc.access.callers import Identified
from translate_svc.errors import StreamTimeout, TranslateSvcError
from translate_svc.gateway.authentication import Authenticator
from translate_svc.gateway.failures import SessionExpired
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.peer import holder
from translate_svc.serving.live_calls import LiveCalls
from translate_svc.serving.protocols import TranslationService
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.types import Caller

_CROWDED_PART = 4


class GatewayContext:
    """The service, its live calls, and who may call."""

    def __init__(
        self, service: TranslationService, options: GatewayOptions, authenticator: Authenticator
    ) -> None:
        self.service = service
        self.options = options
        self.authenticator = authenticator
        self.calls = LiveCalls(service, options)
        """The sessions and calls that are open now."""
        self.languages = service.languages()
        """The languages of the loaded checkpoint."""
        self._openings: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def opening(self, caller: Caller) -> AsyncIterator[None]:
        """Wraps the wait for the first settings of a session. A drain ends it at once.

        Where a quarter of the places are taken, the next ones wait for a short time only: idle connections of
        one stranger must not keep everybody else out for minutes.

        Raises:
            ResourceExhausted: too many sessions wait already, of all callers or of this one.
            StreamTimeout: the settings did not come in ``GatewayOptions.config_timeout_s``, or in
                ``crowded_timeout_s``.
            TranslateSvcError: the reason of a drain.
        """
        is_crowded = len(self._openings) >= max(1, self.options.max_unopened_streams // _CROWDED_PART)
        waited_s = self.options.config_timeout_s
        if is_crowded:
            waited_s = min(waited_s, self.options.crowded_timeout_s)
        with self.calls.opening(caller, holder(caller)):
            try:
                async with asyncio.timeout(waited_s) as patience:
                    self._openings.add(patience)
                    try:
                        yield
                    finally:
                        self._openings.discard(patience)
            except TimeoutError:
                if not patience.expired():
                    raise
                self.calls.check_open()
                raise StreamTimeout(f"nothing that begins the session came for {waited_s:g} s") from None

    async def run_session(self, driver: StreamDriver, who: Identified) -> None:
        """Runs an admitted session to its end, or to its age limit. Must follow the admission at once.

        Raises:
            TranslateSvcError, asyncio.CancelledError: as ``LiveCalls.run``.
        """
        expired = SessionExpired("the session has reached its age limit")
        expiry = asyncio.get_running_loop().call_later(
            self.options.session_lifetime_s, driver.go_away, self.options.drain_finish_s, expired
        )
        try:
            await self.calls.run(driver, who.may_stay)
        finally:
            expiry.cancel()

    async def drain(self, grace_s: float, reason: TranslateSvcError) -> None:
        """Ends all sessions and calls, as ``LiveCalls.drain`` does."""
        draining = asyncio.ensure_future(self.calls.drain(grace_s, reason))
        await asyncio.sleep(0)  # ``drain`` has noted its reason
        now_s = asyncio.get_running_loop().time()
        for patience in tuple(self._openings):
            patience.reschedule(now_s)
        await draining
