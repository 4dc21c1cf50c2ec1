"""A session of OpenAI's protocol that is watched as a gRPC stream is."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.attacks.bystanders import END_KNOWN_AFTER_S, SHIFT_S, WHOLE_S, period
from benchmarks.attacks.heard import Heard
from benchmarks.soak.callers import PART_MS, Places, openai_session
from benchmarks.soak.speaker import RATE_HZ

_ASKED_FOR = ("speech_activity", "utterances")
_LANGUAGE = "es"


@dataclass(eq=False)
class SessionSpeaker:
    """Implements ``LiveCaller``. Says whole sentences for ``seconds``, or once more all of them."""

    places: Places
    key: str
    number: int
    seconds: float
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    heard: Heard = field(default_factory=lambda: Heard((_LANGUAGE,), simultaneous=True))

    async def run(self) -> None:
        """Implements ``LiveCaller.run``."""
        silence = np.zeros(round(self.number * SHIFT_S * RATE_HZ), np.float32)
        said = np.concatenate([silence, period(WHOLE_S)])[: round(self.seconds * RATE_HZ)]
        said = said[: len(said) - len(said) % (PART_MS * RATE_HZ // 1000)]  # parts are whole, again and again
        times = math.ceil(self.seconds * RATE_HZ / len(said))
        await openai_session(self.places, self.key, said, times=times, include=_ASKED_FOR, hear=self._take)

    def _take(self, event: dict[str, Any], at_s: float) -> None:
        number, language = event.get("utterance_id", 0), event.get("language", "")
        match event["type"]:
            case "session.updated":
                self.opened.set()
            case "session.utterance.speech_started":
                self.heard.begin(number)
            case "session.utterance.speech_stopped" if event["reason"] == "silence":
                known_s = event["audio_end_ms"] / 1000 + END_KNOWN_AFTER_S
                self.heard.end(number, time.monotonic() - at_s + known_s)
            case "session.output_transcript.delta":
                self.heard.text(number, language, event["delta"], final=event["is_final"])
            case "session.output_audio.delta":
                self.heard.speech(number, language, final=True)  # a last chunk without samples is not told
            case "session.utterance.done":
                self.heard.done(number, event["status"])
