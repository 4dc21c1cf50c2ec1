"""Large messages: of very many parts, whole ones, and ones that never end."""

from __future__ import annotations

import asyncio

from benchmarks.attacks.aim import Aim
from benchmarks.attacks.http2 import message
from translate_svc.rpc.options import MIB
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.v1 import speech_translation_pb2 as pb

_TRANSLATE = f"/{SERVICE_NAME}/Translate"
_TINY_PARTS = b"\x22\x00" * (2 * MIB)
"""4 MiB of empty ``targets``: two million messages."""
_CLIP = pb.TranslateRequest(
    clip=pb.AudioClip(
        format=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000), data=bytes(4 * MIB)
    ),
    targets=[pb.TargetSettings(language="nonsense")],
).SerializeToString()
"""As large as a clip may be, and refused for its target."""
_CALLS_AT_ONCE = 24


async def _call(aim: Aim, data: bytes, *, at_once: int = 1) -> None:
    """Sends a whole message in each of ``at_once`` calls of one connection, again and again."""
    async with aim.connection() as connection:

        async def one_after_the_other() -> None:
            while not connection.is_cut.is_set():
                call, headers = connection.start_call(_TRANSLATE, aim.key)
                await connection.write(headers)
                await connection.send_message(call, message(data), half_close=True)
                await call.ended.wait()
                aim.done[f"status {call.outcome}"] += 1

        await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))


async def tiny_parts(aim: Aim) -> None:
    """Messages of two million empty parts, 24 at a time on one connection."""
    await aim.at_once(1, lambda: _call(aim, _TINY_PARTS, at_once=_CALLS_AT_ONCE))


async def whole_clips(aim: Aim) -> None:
    """The largest clips that there are, from 40 connections."""
    await aim.at_once(40, lambda: _call(aim, _CLIP))


async def half_clips(aim: Aim) -> None:
    """Clips of which the second half never comes, from 200 connections."""

    async def half() -> None:
        async with aim.connection() as connection:
            call, headers = connection.start_call(_TRANSLATE, aim.key)
            await connection.write(headers)
            await connection.send_message(call, message(_CLIP)[: 2 * MIB])
            aim.done["halves sent"] += not call.outcome
            await call.ended.wait()
            aim.done[f"status {call.outcome}"] += 1

    await aim.at_once(200, half)
