"""Translates what the microphone hears and speaks it, on this machine.

pip install 'pipecat-ai[local]' .
translate-svc serve --http 127.0.0.1:8080 &
python example.py
"""

from __future__ import annotations

import asyncio

from pipecat.frames.frames import Frame, TranslationFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.local.audio import LocalAudioTransport, LocalAudioTransportParams
from pipecat.workers.runner import WorkerRunner
from pipecat_translate_svc import TranslateSvcProcessor


class Printer(FrameProcessor):
    """Prints translations."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Implements ``FrameProcessor.process_frame``."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TranslationFrame):
            print(frame.text)
        await self.push_frame(frame, direction)


async def main() -> None:
    """Runs until Ctrl-C."""
    transport = LocalAudioTransport(LocalAudioTransportParams(audio_in_enabled=True, audio_out_enabled=True))
    translator = TranslateSvcProcessor(target_language="es", source_language="en")
    pipeline = Pipeline([transport.input(), translator, Printer(), transport.output()])
    runner = WorkerRunner()
    await runner.add_workers(PipelineWorker(pipeline))
    await runner.run()


if __name__ == "__main__":
    asyncio.run(main())
