"""API keys that come and go while others speak."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from pathlib import Path

import aiohttp

from benchmarks.newcomers import speech
from benchmarks.soak.callers import bearer
from benchmarks.soak.speaker import RATE_HZ
from translate_svc.access.api_keys import key_line, new_key
from translate_svc.client import AsyncClient, ClientOptions, pace
from translate_svc.errors import Unauthenticated
from translate_svc.types import Opened

_LET_IN_WITHIN_S = 10.0
_PUT_OUT_WITHIN_S = 15.0
"""Five seconds are promised; the machine is busy."""
_SPEAKS_S = 5.0


class KeyFile:
    """A file of API keys. Each change replaces it, so that servers never read half of one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[str, str] = {}

    def add(self, name: str) -> str:
        """Returns the new key of ``name``."""
        key = new_key()
        self._lines[name] = key_line(name, key)
        self._write()
        return key

    def withdraw(self, name: str) -> None:
        """From now on the key of ``name`` is refused, if it has one."""
        if self._lines.pop(name, None):
            self._write()

    def _write(self) -> None:
        new = self.path.with_suffix(".new")
        new.write_text("".join(f"{line}\n" for line in self._lines.values()))
        os.replace(new, self.path)


class Guests:
    """Callers at one server whose keys are added, and withdrawn while they speak. Each is another one.

    Attributes:
        let_in_s: for each guest, from its key's first line until it was let in.
        put_out_s: for each, from the removal of the line until its open stream had ended.
    """

    def __init__(self, keys: KeyFile, address: str, http: str) -> None:
        self.let_in_s: list[float] = []
        self.put_out_s: list[float] = []
        self._keys, self._address, self._http = keys, address, http
        self._said = speech(_SPEAKS_S + _PUT_OUT_WITHIN_S)
        self._numbers = itertools.count()

    async def one(self) -> None:
        """A guest comes, speaks, loses its key, and tries again without.

        Raises:
            RuntimeError: it was heard, or answered, without a valid key.
            TimeoutError: it was not let in, or not put out.
        """
        name = f"guest-{next(self._numbers)}"
        key, began_s = self._keys.add(name), time.monotonic()
        opened = asyncio.Event()
        speaking = asyncio.create_task(self._speak(key, opened))
        try:
            async with asyncio.timeout(_LET_IN_WITHIN_S):
                await opened.wait()
            self.let_in_s.append(time.monotonic() - began_s)
            await asyncio.sleep(_SPEAKS_S)
            self._keys.withdraw(name)
            withdrawn_s = time.monotonic()
            async with asyncio.timeout(_PUT_OUT_WITHIN_S):
                await speaking
            self.put_out_s.append(time.monotonic() - withdrawn_s)
        finally:
            speaking.cancel()
            self._keys.withdraw(name)
        await self._check_refused(key)

    async def _speak(self, key: str, opened: asyncio.Event) -> None:
        """Speaks until it is refused."""
        try:
            async with (
                AsyncClient([self._address], ClientOptions(api_key=key)) as client,
                client.stream(source="en", targets=["es"], sample_rate_hz=RATE_HZ) as live,
            ):
                live.feed(pace(self._said, RATE_HZ))
                async for event in live:
                    if isinstance(event, Opened):
                        opened.set()
        except Unauthenticated:
            return
        raise RuntimeError("a caller without a key was heard to the end")

    async def _check_refused(self, key: str) -> None:
        async with (
            aiohttp.ClientSession(self._http, headers=bearer(key)) as http,
            http.get("/v1/models") as response,
        ):
            if response.status != 401:
                raise RuntimeError(f"a caller without a key got {response.status} over HTTP")
        async with AsyncClient([self._address], ClientOptions(api_key=key)) as client:
            try:
                await client.languages()
            except Unauthenticated:
                return
        raise RuntimeError("a caller without a key was answered over gRPC")
