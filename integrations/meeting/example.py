"""Interprets room 1234 of a Janus server into English, Spanish and French.

translate-svc serve &
python example.py
"""

from __future__ import annotations

import asyncio

from meeting_translate_svc import Interpreter, JanusServer, MeetingOptions, Room

from translate_svc.client import AsyncClient


async def main() -> None:
    """Runs until the room is closed."""
    janus = JanusServer("ws://127.0.0.1:8188")
    options = MeetingOptions(languages=("en", "es", "fr"))
    async with AsyncClient("127.0.0.1:50051") as client:
        await Interpreter(client, janus, [Room(1234)], options).run()


if __name__ == "__main__":
    asyncio.run(main())
