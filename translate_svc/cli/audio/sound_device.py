"""The microphone and loudspeaker of this machine, by PortAudio (sounddevice, extra ``live``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from translate_svc.cli.audio.audio_device import CaptureBuffer, PlaybackBuffer
from translate_svc.errors import TranslateSvcError
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

_BLOCK_MS = 20
_POLL_S = 0.05
_MAX_RATE_HZ = 48_000


def list_devices() -> list[dict[str, Any]]:
    """Every device as sounddevice describes it: ``index``, ``name``, ``max_input_channels``, ...

    Raises:
        TranslateSvcError: PortAudio is missing.
    """
    return list(_portaudio().query_devices())


class SoundDevice:
    """An ``AudioDevice``. Each direction runs at 16 kHz if the device can, else at the device's own rate."""

    def __init__(self, microphone: str | None, loudspeaker: str | None, *, play: bool) -> None:
        """Devices are given by number or by part of their name; None: the system's default."""
        self._sd = _portaudio()
        self._streams = ExitStack()
        self._wanted = (microphone, loudspeaker)
        self._play = play

    def __enter__(self) -> SoundDevice:
        """Opens both devices. Must be called on the event loop.

        Raises:
            TranslateSvcError: there is no such device, or it is in use.
        """
        microphone, loudspeaker = (_device(name) for name in self._wanted)
        try:
            self.input_rate_hz = self._rate("input", microphone)
            self._capture = CaptureBuffer(self.input_rate_hz)
            self._microphone = self._sd.InputStream(
                device=microphone,
                samplerate=self.input_rate_hz,
                channels=1,
                dtype="float32",
                blocksize=self.input_rate_hz * _BLOCK_MS // 1000,
                callback=self._on_input,
            )
            self._streams.callback(self._microphone.close)
            self.output_rate_hz = self._rate("output", loudspeaker) if self._play else INTERNAL_SAMPLE_RATE_HZ
            self._playback = PlaybackBuffer(self.output_rate_hz)
            if self._play:
                speaker = self._sd.OutputStream(
                    device=loudspeaker,
                    samplerate=self.output_rate_hz,
                    channels=1,
                    dtype="float32",
                    callback=self._on_output,
                )
                self._streams.callback(speaker.close)
                speaker.start()
        except (self._sd.PortAudioError, ValueError) as error:
            self._streams.close()
            raise TranslateSvcError(f"the audio device cannot be opened: {error}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._streams.close()

    @property
    def dropped_samples(self) -> int:
        """Captured samples that were dropped because the reader was too slow."""
        return self._capture.dropped_samples

    async def record(self) -> AsyncIterator[Samples]:
        """The audio of the microphone from now on, as mono blocks ``[n]``, until ``stop``."""
        self._microphone.start()
        async for block in self._capture.blocks():
            yield block

    def stop(self) -> None:
        """Ends ``record`` after the audio captured so far. Idempotent."""
        self._microphone.stop()
        self._capture.end()

    def play(self, samples: Samples) -> None:
        """Queues mono samples ``[n]`` for playback. Does not wait."""
        self._playback.put(samples)

    async def wait_played(self) -> None:
        """Returns when all queued samples have been played."""
        while self._play and self._playback.waiting_samples:  # noqa: ASYNC110 - PortAudio has no event for it
            await asyncio.sleep(_POLL_S)

    def _rate(self, direction: str, device: int | str | None) -> int:
        check = getattr(self._sd, f"check_{direction}_settings")
        try:
            check(device=device, samplerate=INTERNAL_SAMPLE_RATE_HZ, channels=1, dtype="float32")
        except self._sd.PortAudioError:
            return min(int(self._sd.query_devices(device, direction)["default_samplerate"]), _MAX_RATE_HZ)
        return INTERNAL_SAMPLE_RATE_HZ

    def _on_input(self, block: Any, frames: int, time: Any, status: Any) -> None:
        # a copy, because PortAudio reuses the memory
        self._capture.put_from_thread(block[:, 0].copy())

    def _on_output(self, block: Any, frames: int, time: Any, status: Any) -> None:
        self._playback.fill(block[:, 0])


def _device(name: str | None) -> int | str | None:
    return int(name) if name is not None and name.isdecimal() else name


def _portaudio() -> Any:
    try:
        import sounddevice
    except OSError:
        raise TranslateSvcError(
            "PortAudio is missing: apt install libportaudio2, or your system's package of it"
        ) from None
    return sounddevice
