"""Streams that are admitted, and then do the dearest thing that a message can ask for, over and over."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from benchmarks.attacks.aim import Aim
from benchmarks.attacks.http2 import message
from benchmarks.capacity.caller import clips
from benchmarks.soak.speaker import CONFIG, SPEECH
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.v1 import speech_translation_pb2 as pb

_STREAM = f"/{SERVICE_NAME}/StreamingTranslate"
_HOUR_SAMPLES = 16_000 * 3_600
_PAUSE_SAMPLES = 11_200
_CHUNK_BYTES = 64 * 1024
"""The largest that the server takes, about two seconds."""
_THREE_TARGETS = pb.StreamingTranslateRequest.FromString(CONFIG)
_THREE_TARGETS.config.settings.source_language = "eng"
_THREE_TARGETS.config.settings.targets.extend(
    pb.TargetSettings(language=name, text=True, speech=True) for name in ("deu", "fra")
)


def _silence(samples: int) -> bytes:
    return pb.StreamingTranslateRequest(silence=pb.SilenceInput(samples=samples)).SerializeToString()


_CLEAR = pb.StreamingTranslateRequest(clear=pb.ClearInput()).SerializeToString()
_FINALIZE = pb.StreamingTranslateRequest(finalize=pb.FinalizeInput()).SerializeToString()


async def _stream(aim: Aim, config: bytes, messages: Iterator[bytes], *, at_once: int) -> None:
    """One stream that sends ``messages``, so many in one piece, as fast as they are taken."""
    async with aim.connection() as connection:
        call, headers = connection.start_call(_STREAM, aim.key)
        await connection.write(headers)
        await connection.send_message(call, message(config))
        while not call.outcome:
            piece = b"".join(map(message, itertools.islice(messages, at_once)))
            await connection.send_message(call, piece)
            aim.done["messages"] += at_once
        aim.done[f"status {call.outcome}"] += 1


async def _flood(aim: Aim, *messages: bytes) -> None:
    await aim.at_once(1, lambda: _stream(aim, CONFIG, itertools.cycle(messages), at_once=100))


async def silence_by_the_hour(aim: Aim) -> None:
    """Declares hours of silence."""
    await _flood(aim, _silence(_HOUR_SAMPLES))


async def silence_by_the_sample(aim: Aim) -> None:
    """Declares silence, a sample at a time."""
    await _flood(aim, _silence(1))


async def clears(aim: Aim) -> None:
    """Says a little and takes it back."""
    await _flood(aim, SPEECH, _CLEAR)


async def finalizes(aim: Aim) -> None:
    """Says a little and ends the utterance."""
    await _flood(aim, SPEECH, _FINALIZE)


async def greedy_caller(aim: Aim) -> None:
    """Sends 16 recordings as fast as they are taken, each into three languages."""
    pause = bytes(2 * _PAUSE_SAMPLES)
    speech = [
        _audio(part) for clip in clips() for part in ((clip * 32_767).astype("<i2").tobytes(), pause)
    ]  # fmt: skip
    config = _THREE_TARGETS.SerializeToString()
    await aim.at_once(16, lambda: _stream(aim, config, itertools.cycle(speech), at_once=1))


def _audio(data: bytes) -> bytes:
    return pb.StreamingTranslateRequest(audio=pb.AudioInput(data=data[:_CHUNK_BYTES])).SerializeToString()
