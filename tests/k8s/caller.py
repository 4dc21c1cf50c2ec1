"""Someone in a call: speaks one sentence after the other, and moves to another server when told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import soundfile

from tests.k8s.manifests import ROOT
from translate_svc.client import AsyncClient, ClientOptions, pace
from translate_svc.client.aio.stream import AsyncStream
from translate_svc.types import Closed, GoAway, TextDelta, UtteranceDone, UtteranceStatus

_DATA = ROOT / "tests/data"
_CLIP = next(
    clip
    for clip in json.loads((_DATA / "clips.json").read_text("utf-8"))["clips"]
    if clip["file"] == "eng_1.flac"
)
EXPECTED: str = _CLIP["translation"]


@dataclass(slots=True)
class Report:
    """What became of a caller's sentences: as many texts as were begun, if all went well."""

    begun: int = 0
    texts: list[str] = field(default_factory=list)
    streams: int = 0
    moved: int = 0
    incomplete: int = 0


class Caller:
    """Speaks until ``stop`` is set. A sentence that has been begun is said to its end.

    Args:
        resolve: the target to connect to, asked anew for every stream.
        options: credentials and the like.

    ``speaking`` is set once its first sentence has begun.
    """

    def __init__(
        self, resolve: Callable[[], str], stop: asyncio.Event, options: ClientOptions | None = None
    ) -> None:
        self.report = Report()
        self.speaking = asyncio.Event()
        self._resolve = resolve
        self._stop = stop
        self._options = options or ClientOptions()
        self._samples, self._rate = soundfile.read(_DATA / _CLIP["file"], dtype="float32")

    async def run(self) -> Report:
        """Stream after stream."""
        while not self._stop.is_set():
            await self._one_stream()
        return self.report

    async def _one_stream(self) -> None:
        going = asyncio.Event()
        async with (
            AsyncClient(self._resolve(), self._options) as client,
            client.stream(
                source="eng", targets=["spa"], sample_rate_hz=self._rate, segmentation="manual"
            ) as stream,
            asyncio.TaskGroup() as group,
        ):
            self.report.streams += 1
            group.create_task(self._speak(stream, going))
            await self._listen(stream, going)

    async def _speak(self, stream: AsyncStream, going: asyncio.Event) -> None:
        while not (self._stop.is_set() or going.is_set()):
            self.report.begun += 1
            self.speaking.set()
            async for chunk in pace(self._samples, self._rate):
                await stream.send(chunk)
            await stream.finalize()
        await stream.end()

    async def _listen(self, stream: AsyncStream, going: asyncio.Event) -> None:
        said: dict[int, str] = {}
        complete = False
        async for event in stream:
            match event:
                case TextDelta():
                    said[event.utterance_id] = said.get(event.utterance_id, "") + event.delta
                case UtteranceDone(status=UtteranceStatus.OK):
                    self.report.texts.append(said.get(event.utterance_id, ""))
                case GoAway():
                    self.report.moved += 1
                    going.set()
                case Closed():
                    complete = event.complete
        self.report.incomplete += not complete
