"""The container `call` of the sidecar overlay: translates from its first moment until after SIGTERM.

It opens a stream immediately, without waiting or trying again, and another one after SIGTERM. Prints what it
heard of both as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal

from tests.k8s.caller import Caller

_TARGET = os.environ["SPEECH_TRANSLATION_TARGET"]


async def main() -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    print("SIGTERM is heeded", flush=True)
    before = await Caller(lambda: _TARGET, told).run()
    goodbye = asyncio.Event()
    after = Caller(lambda: _TARGET, goodbye)
    call = asyncio.create_task(after.run())
    await after.speaking.wait()
    goodbye.set()
    await call
    reports = (before, after.report)
    print(json.dumps({"texts": [each.texts for each in reports], "begun": [each.begun for each in reports]}))


asyncio.run(main())
