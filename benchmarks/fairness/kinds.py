"""The kinds of live callers, as bystanders, neighbours and newcomers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from benchmarks.attacks.bystanders import PART_S, WHOLE_S, Speaker
from benchmarks.attacks.heard import Heard
from benchmarks.fairness.session_speaker import SessionSpeaker
from benchmarks.soak.callers import Places


class LiveCaller(Protocol):
    """One stream at the pace of speech, with text and speech of each target."""

    heard: Heard
    opened: asyncio.Event
    """Set when the server has let it in."""

    async def run(self) -> None:
        """Speaks to the end.

        Raises:
            ResourceExhausted: the stream was refused.
            RuntimeError: it failed.
        """


@dataclass(frozen=True, slots=True)
class Kind:
    """What a live caller asks for: over gRPC, or over OpenAI's protocol, which is simultaneous by default."""

    targets: tuple[str, ...] = ("spa",)
    simultaneous: bool = False
    openai: bool = False


KINDS = MappingProxyType(
    {
        "utterance": Kind(),
        "targets": Kind(targets=("spa", "deu", "fra")),
        "simultaneous": Kind(simultaneous=True),
        "openai": Kind(simultaneous=True, openai=True),
    }
)


@dataclass(frozen=True, slots=True)
class Site:
    """A server with gRPC at ``target`` and OpenAI's protocol at ``http``, and the keys of its callers."""

    target: str
    http: str
    keys: Mapping[str, str]

    def caller(self, kind: str, name: str, number: int, seconds: float) -> LiveCaller:
        """A caller of a kind of ``KINDS`` with the key of ``name``. Callers of other numbers speak at other
        times; who translates utterance by utterance says parts of sentences, the others whole ones.
        """
        wanted, key = KINDS[kind], self.keys[name]
        if wanted.openai:
            return SessionSpeaker(Places((), self.http), key, number, seconds)
        spoken_s = WHOLE_S if wanted.simultaneous else PART_S
        return Speaker(self.target, key, number, seconds, wanted.targets, wanted.simultaneous, spoken_s)
