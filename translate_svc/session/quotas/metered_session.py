"""A session whose audio counts for its caller."""

from __future__ import annotations

import asyncio
import contextlib

from translate_svc.errors import ResourceExhausted
from translate_svc.session.dependencies import SessionDependencies
from translate_svc.session.negotiation import Negotiated
from translate_svc.session.quotas.audio_meter import AudioMeter
from translate_svc.session.resume_point import ResumePoint
from translate_svc.session.session import Session
from translate_svc.types import ClientMessage, StreamConfig

_FINISH_TIMEOUT_S = 10.0
_FINISH_CHECK_S = 0.02


class MeteredSession(Session):
    """A ``Session`` that takes no more audio than its caller may send."""

    def __init__(
        self,
        session_id: str,
        config: StreamConfig,
        settings: Negotiated,
        dependencies: SessionDependencies,
        start: ResumePoint | None,
        meter: AudioMeter | None,
    ) -> None:
        """Takes the arguments of ``Session``. ``meter``: counts the audio; None: the audio is not counted."""
        super().__init__(session_id, config, settings, dependencies, start)
        self._meter = meter

    async def receive(self, message: ClientMessage) -> None:
        """Takes the client's next message, as ``Session.receive`` does.

        Raises:
            ResourceExhausted: the caller has no audio left. The message has no effect, and the error says
                when to continue. It is raised after the audio so far was translated and its results were
                taken, so that a resumed stream continues behind that audio.
        """
        if self._meter is None:
            await super().receive(message)
            return
        try:
            self._meter.before(message)
        except ResourceExhausted:
            await self._finish_heard()
            raise
        await super().receive(message)
        self._meter.after(message)

    async def _finish_heard(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_TIMEOUT_S):
                while self._input.samples or self._router.unfinished or len(self._outbox):  # noqa: ASYNC110
                    await asyncio.sleep(_FINISH_CHECK_S)
