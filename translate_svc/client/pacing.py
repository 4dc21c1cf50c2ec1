"""Recorded audio at the pace of a microphone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from translate_svc.types import Samples


async def pace(samples: Samples, sample_rate_hz: int, chunk_ms: int = 20) -> AsyncIterator[Samples]:
    """Yields ``samples`` ``[n]`` in chunks of ``chunk_ms``, each at the time of its last sample.

    The times are absolute: a consumer that was delayed gets the overdue chunks together, so the whole
    takes no longer than the audio.
    """
    loop = asyncio.get_running_loop()
    chunk_samples = max(sample_rate_hz * chunk_ms // 1000, 1)
    began_s = loop.time()
    for start in range(0, len(samples), chunk_samples):
        chunk = samples[start : start + chunk_samples]
        due_s = began_s + (start + len(chunk)) / sample_rate_hz
        await asyncio.sleep(max(due_s - loop.time(), 0))
        yield chunk
