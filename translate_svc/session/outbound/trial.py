"""A piece of speech that the engine translates before it is known to be an utterance."""

from __future__ import annotations

import asyncio
import dataclasses

from translate_svc.engine.events import (
    EngineEvent,
    LanguageHeard,
    RequestFinished,
    RequestRefused,
    SequenceFinished,
    TextFinished,
    TokenDecoded,
)
from translate_svc.engine.handle import Deliver, EngineHandle
from translate_svc.engine.request import Request
from translate_svc.errors import InvalidArgument
from translate_svc.session.utterances.live_utterance import LiveUtterance

_UNSURE = 0.15
"""With a lower mean confidence a piece may be half a sentence. Of held-out recordings without long pauses
less than a tenth is then heard twice; with 0.2 half as much again, for no more BLEU.
"""


class Trial:
    """A request whose events are kept until its piece is an utterance (``release``) or not (``drop``).

    The events that are kept are bounded as ``EngineHandle`` says. Its owner calls ``release`` or ``drop``.
    """

    def __init__(self, engine: EngineHandle, utterance: LiveUtterance, request: Request, caller: str) -> None:
        """Submits ``request``. ``utterance``: one of its own, of which nothing is sent."""
        self.request_id = request.request_id
        self._engine = engine
        self._utterance = utterance
        self._visible = {index for index, plan in enumerate(utterance.plans) if not plan.is_hidden}
        self._without_text = set(range(len(request.sequences)))
        self._token_counts = dict.fromkeys(self._visible, 0)
        self._events: list[EngineEvent] = []
        self._deliver: Deliver | None = None
        self._heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        try:
            engine.submit(dataclasses.replace(request, caller=caller), self._receive)
        except InvalidArgument:
            self._settle(heard=False)

    async def heard(self) -> bool:
        """Waits for its texts. False if there are none: the engine refused it, or it was dropped."""
        return await asyncio.shield(self._heard)

    @property
    def tokens(self) -> float:
        """The mean length of its texts."""
        return sum(self._token_counts.values()) / max(1, len(self._token_counts))

    @property
    def confidence(self) -> float:
        """The mean confidence in its texts, 0 to 1; 0 in one that is empty."""
        found = self._utterance.confidence.confidences(self._visible)
        return sum(each.confidence for each in found) / max(1, len(self._visible))

    @property
    def is_unsure(self) -> bool:
        """Whether its texts are probably wrong."""
        return self.confidence < _UNSURE

    def release(self, deliver: Deliver) -> None:
        """Delivers all of its events, those that have come and those to come."""
        self._deliver = deliver
        events, self._events = self._events, []
        for event in events:
            deliver(event)

    def drop(self) -> None:
        """Aborts it, unless it was released. Idempotent."""
        if self._deliver is None:
            self._engine.abort(self.request_id)
            self._events.clear()
            self._settle(heard=False)

    def _receive(self, event: EngineEvent) -> None:
        if self._deliver is not None:
            self._deliver(event)
            return
        self._events.append(event)
        match event:
            case LanguageHeard():
                self._utterance.hear(event.heard, is_last=True)
            case TokenDecoded():
                self._utterance.record(event)
                if event.sequence in self._token_counts:
                    self._token_counts[event.sequence] += 1
            case TextFinished() | SequenceFinished():
                self._without_text.discard(event.sequence)
                if not self._without_text:
                    self._settle(heard=True)
            case RequestRefused():
                self._settle(heard=False)
            case RequestFinished():
                self._settle(heard=True)

    def _settle(self, *, heard: bool) -> None:
        if not self._heard.done():
            self._heard.set_result(heard)
