"""One live call, and all that its program got."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass, field

from translate_svc.client import AsyncClient, pace
from translate_svc.types import (
    Closed,
    Opened,
    Samples,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamConfig,
    StreamWarning,
    TextDelta,
    Updated,
    UtteranceDone,
)


@dataclass
class Received:
    """What a program got of one call. Two runs of the same call are compared by ``content``.

    ``faults`` names what must never happen: a doubled or a missing event, a gap in a speech.
    """

    texts: dict[tuple[int, str, bool], str] = field(default_factory=dict)
    speech: dict[tuple[int, str], bytearray] = field(default_factory=dict)
    samples: Counter[tuple[int, str]] = field(default_factory=Counter)
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    sources: dict[int, tuple[int, int]] = field(default_factory=dict)
    finals: Counter[tuple[object, ...]] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    updates: int = 0
    opened: Opened | None = None
    closed: Closed | None = None
    faults: list[str] = field(default_factory=list)

    def take(self, event: SessionEvent) -> None:
        """Notes the next event."""
        match event:
            case SpeechStarted() | SpeechEnded() | UtteranceDone():
                self.counts[type(event).__name__, event.utterance_id] += 1
                if isinstance(event, UtteranceDone):
                    self.sources[event.utterance_id] = event.source.start, event.source.end
            case TextDelta():
                key = event.utterance_id, event.language, event.transcript
                if self.finals[key]:
                    self.faults.append(f"a delta after the end of text {key}")
                self.texts[key] = self.texts.get(key, "") + event.delta
                self.finals[key] += event.final
            case SpeechChunk():
                place = event.utterance_id, event.language
                if event.start_sample != self.samples[place]:
                    self.faults.append(
                        f"speech {place} goes on at {event.start_sample}, not {self.samples[place]}"
                    )
                self.samples[place] += event.sample_count
                self.speech.setdefault(place, bytearray()).extend(event.data + b"".join(event.packets))
                self.finals[place] += event.final
            case StreamWarning():
                self.warnings.append(event.code)
            case Opened():
                self.opened = event
            case Updated():
                self.updates += 1
            case Closed():
                self.closed = event
            case _:
                pass

    @property
    def is_live(self) -> bool:
        """Whether the call is open now."""
        return self.opened is not None and self.closed is None

    def check(self) -> None:
        """Adds what only the end shows to ``faults``."""
        if self.closed is None or not self.closed.complete:
            self.faults.append("the call did not end completely")
        self.faults += [
            f"{name} of utterance {n}: {count}" for (name, n), count in self.counts.items() if count != 1
        ]
        self.faults += [f"{count} ends of {key}" for key, count in self.finals.items() if count != 1]

    @property
    def content(self) -> dict[str, object]:
        """What must be the same in every run."""
        return {
            "texts": self.texts,
            "speech": {place: hashlib.sha256(data).hexdigest() for place, data in self.speech.items()},
            "samples": dict(self.samples),
            "sources": self.sources,
            "updates": self.updates,
            "usage": self.closed and self.closed.usage,
        }


async def call(
    addresses: list[str], config: StreamConfig, samples: Samples, received: Received, *, speed: float
) -> tuple[float, ...]:
    """Speaks ``samples`` ``[n]`` at ``speed`` times real time, over the first server that takes the call.

    Returns the seconds without a server of each resumption.
    """
    rate_hz = config.input.sample_rate_hz
    async with AsyncClient(addresses) as client, client.open(config, resume=True) as stream:
        stream.feed(pace(samples, round(rate_hz * speed), chunk_ms=40))
        async for event in stream:
            received.take(event)
            await asyncio.sleep(0)
        received.check()
        return stream.resumptions
