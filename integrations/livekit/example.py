"""An agent that translates what the first participant of a room says.

export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret
translate-svc serve --http 127.0.0.1:8080 &
python example.py dev
"""

from __future__ import annotations

from livekit.agents import AgentServer, JobContext, cli
from livekit.agents.beta.translation import TranslationSession
from livekit_translate_svc import TranslateSvcModel

server = AgentServer()


@server.rtc_session()
async def interpret(context: JobContext) -> None:
    """Speaks Spanish, and publishes both texts to the room."""
    model = TranslateSvcModel(target_language="es", source_language="en")
    session = TranslationSession(model=model)
    await session.start(room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
