"""Runs with Pipecat: reads messages of sound, for Twilio and for Telnyx, and says what its serializers hear,
how they send the same, and how they interrupt.
"""

from __future__ import annotations

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

from pipecat.frames.frames import InterruptionFrame, OutputAudioRawFrame
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer

RATE_HZ = 8_000


async def told(serializer: Any, message: str) -> dict[str, Any]:
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=RATE_HZ))
    frame = await serializer.deserialize(message)
    return {
        "heard": memoryview(frame.audio).cast("h").tolist(),
        "media": await serializer.serialize(OutputAudioRawFrame(frame.audio, RATE_HZ, 1)),
        "clear": await serializer.serialize(InterruptionFrame()),
    }


async def main() -> None:
    twilio, telnyx = json.load(sys.stdin)
    of_twilio = TwilioFrameSerializer("MZ1", params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
    of_telnyx = TelnyxFrameSerializer(
        "s", "PCMU", "PCMU", params=TelnyxFrameSerializer.InputParams(auto_hang_up=False)
    )
    print(json.dumps([await told(of_twilio, twilio), await told(of_telnyx, telnyx)]))


if __name__ == "__main__":
    asyncio.run(main())
