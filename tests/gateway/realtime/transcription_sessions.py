"""What tests of transcription sessions send and expect."""

from __future__ import annotations

from typing import Any

from tests.gateway.clients import Socket, base64_parts, pcm16, silence, tone

PATH = "/v1/realtime?intent=transcription"
TRANSCRIPT = "conversation.item.input_audio_transcription"
SPOKEN = pcm16(tone(0.6)) + pcm16(silence(0.8))
GERMAN = {"model": "m", "language": "de"}


async def update(session: Socket, **fields: Any) -> dict[str, Any]:
    """The session as it is described after an update of its audio's input."""
    audio = {"input": {"transcription": GERMAN} | fields}
    await session.update(type="transcription", audio=audio)
    updated = await session.until("session.updated")
    described: dict[str, Any] = updated["session"]
    return described


async def append(session: Socket, data: bytes) -> None:
    """Sends audio in parts that a client would send."""
    for part in base64_parts(data):
        await session.send("input_audio_buffer.append", audio=part)
