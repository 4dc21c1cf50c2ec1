"""The caller beside whom the others speak: with no call, one recording at a time, or many calls."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any, NamedTuple

import grpc

from benchmarks.capacity.caller import clips
from benchmarks.fairness.kinds import KINDS, LiveCaller, Site
from benchmarks.soak.speaker import RATE_HZ, open_channel
from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.v1 import speech_translation_pb2 as pb

NEIGHBOUR = "neighbour"
NONE, ONE = "none", "one recording"
_CHANNELS = 4
_AGAIN_S = 1.0
_STREAM_S = 60.0
"""Longer than a turn, if not on purpose."""
_PHASES = 6
"""Live calls begin with up to so many thirds of a second of silence, so that they do not speak in step."""


class Load(NamedTuple):
    """So many calls at the same time: of a kind of ``KINDS``, or recordings."""

    at_once: int
    kind: str = ""


LOADS = MappingProxyType(
    {NONE: Load(0), ONE: Load(1), "100 recordings": Load(100)}
    | {f"20 {kind}": Load(20, kind) for kind in KINDS}
)


class Neighbour:
    """The calls of one turn. ``refused`` and ``failed`` count calls, ``failures`` says why those failed."""

    def __init__(self, site: Site) -> None:
        self.refused = 0
        self.failures: list[str] = []
        self._site = site
        self._recordings = 0
        self._live: list[LiveCaller] = []

    @property
    def given(self) -> int:
        """What it got so far: recordings, or texts of live utterances."""
        return self._recordings + sum(len(caller.heard.texts) for caller in self._live)

    def counts(self) -> Counter[str]:
        """The counts of now, by their names."""
        return Counter(given=self.given, refused=self.refused, failed=len(self.failures))

    async def translate(self, channel: grpc.aio.Channel, request: bytes) -> None:
        """One recording after the other, for ever."""
        method: Any = channel.unary_stream(
            f"/{SERVICE_NAME}/Translate",
            request_serializer=None,
            response_deserializer=pb.TranslateResponse.FromString,
        )
        key = self._site.keys[NEIGHBOUR]
        while True:
            call = method(request, metadata=(("authorization", f"Bearer {key}"),))
            with suppress(grpc.aio.AioRpcError):
                async for _ in call:
                    pass
            code = await call.code()
            if code is grpc.StatusCode.OK:
                self._recordings += 1
                continue
            if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
                self.refused += 1
            else:
                self.failures.append(f"{code}, {await call.details()}")
            await asyncio.sleep(_AGAIN_S)

    async def speak(self, kind: str, number: int) -> None:
        """One live call after the other, for ever."""
        for again in itertools.count():
            caller = self._site.caller(kind, NEIGHBOUR, number % _PHASES, _STREAM_S)
            self._live.append(caller)
            try:
                await caller.run()
            except ResourceExhausted:
                self.refused += 1
            except Exception as error:
                self.failures.append(f"call {again} of {number}: {error!r}")
            await asyncio.sleep(_AGAIN_S)


@asynccontextmanager
async def neighbour(site: Site, load: Load) -> AsyncIterator[Neighbour]:
    """Makes its calls in this block, and leaves them at its end."""
    one = Neighbour(site)
    channels = [open_channel(site.target) for _ in range(_CHANNELS)]
    request = recording()
    calls = [
        one.speak(load.kind, number) if load.kind else one.translate(channels[number % _CHANNELS], request)
        for number in range(load.at_once)
    ]
    running = [asyncio.create_task(call) for call in calls]
    try:
        yield one
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for channel in channels:
            await channel.close(None)


def recording() -> bytes:
    """A request to translate one of 2.5 s into text and speech."""
    (clip,) = clips(("eng_1",))
    data = (clip * 32_767).astype("<i2").tobytes()
    return pb.TranslateRequest(
        clip=pb.AudioClip(
            format=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ), data=data
        ),
        source_language="eng",
        targets=[pb.TargetSettings(language="spa", text=True, speech=True)],
    ).SerializeToString()
