"""``translate-svc live``: the microphone in, the translation out of the loudspeaker."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from translate_svc.audio.resampler import Resampler
from translate_svc.cli import options
from translate_svc.cli.audio_device import AudioDevice
from translate_svc.cli.backend import Backend, choose_backend
from translate_svc.cli.connection import client_options
from translate_svc.cli.event_view import EventView
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.language_argument import match_language
from translate_svc.cli.sound_device import SoundDevice, list_devices
from translate_svc.cli.targets import target_settings
from translate_svc.cli.text_view import TextView
from translate_svc.languages import LanguageTable
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    Inspect,
    Samples,
    SpeechChunk,
    StreamSettings,
    UtteranceDone,
)

open_device: Callable[..., AbstractContextManager[AudioDevice]] = SoundDevice
"""The audio device; whoever has no sound card may put another here."""


@dataclass(frozen=True, slots=True)
class _Talk:
    """What is to be translated."""

    to: tuple[str, ...]
    from_: str | None
    transcript: bool
    play: bool
    catch_up: float

    def settings(self, table: LanguageTable) -> StreamSettings:
        """Texts of all targets, speech of the first, which catches up when it falls behind."""
        source = None if self.from_ is None else match_language(self.from_, table, "--from")
        first, *others = target_settings(self.to, table, speech=self.play, must_speak=False)
        if self.play and not first.speech:
            raise UsageError(f"the model has no voice for {first.language}; use --no-play", field="--to")
        return StreamSettings(
            targets=(
                replace(first, catch_up_duration_factor=self.catch_up) if self.play else first,
                *(replace(other, speech=False) for other in others),
            ),
            source_language=None if source is None else source.code,
            include=frozenset({Inspect.TRANSCRIPT} if self.transcript else ()),
        )


def live(
    to: options.To = None,
    from_: options.From = None,
    transcript: options.Transcript = False,
    play: Annotated[bool, typer.Option(help="Play the translated speech.")] = True,
    catch_up: Annotated[
        float,
        typer.Option(
            min=0.5, max=1, help="Speech that falls behind is hurried, to this part of its length at most."
        ),
    ] = 0.8,
    microphone: Annotated[str | None, typer.Option(help="Number or part of the name.")] = None,
    loudspeaker: Annotated[str | None, typer.Option(help="Number or part of the name.")] = None,
    devices: Annotated[bool, typer.Option("--list-devices", help="List audio devices and exit.")] = False,
    server: options.Server = None,
    tls_ca: options.TlsCa = None,
    tls_certificate: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
    api_key_file: options.ApiKeyFile = None,
    model: options.Model = None,
    model_cache: options.ModelCache = None,
    device: options.Device = None,
) -> None:
    """Translate what the microphone hears, as it is said; play it in the first target language.

    Wear headphones, or use --no-play: a microphone that hears the loudspeaker translates the translation.
    Ctrl-C ends the recording; what was said until then is still translated, unless there is a second one.
    """
    if devices:
        Console(highlight=False).print(_device_table())
        return
    if not to:
        raise UsageError("is needed", field="--to")
    if transcript and from_ is None:
        raise UsageError("needs --from", field="--transcript")
    connection = client_options(
        tls_ca=tls_ca, tls_certificate=tls_certificate, tls_key=tls_key, api_key_file=api_key_file
    )
    backend = choose_backend(
        server, {"model": model, "model_cache": model_cache, "device": device}, connection
    )
    talk = _Talk(tuple(to), from_, transcript, play, catch_up)
    try:
        asyncio.run(_live(talk, backend, microphone, loudspeaker))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _live(talk: _Talk, backend: Backend, microphone: str | None, loudspeaker: str | None) -> None:
    console = Console(highlight=False)
    settings = talk.settings(await backend.languages())
    with open_device(microphone, loudspeaker, play=talk.play) as device:
        rate_hz = device.input_rate_hz
        async with backend.open() as translator, translator.stream(settings, rate_hz) as stream:
            recording, speaker = _Recording(device), _Speaker(device)
            console.print("Listening; Ctrl-C ends." + (" Wear headphones." if talk.play else ""))
            with TextView(console) as view, _ended_by_interrupt(device):
                shown = EventView(view, rate_hz, recording.end_ms, "it was said")
                stream.feed(recording.blocks())
                async for event in stream:
                    shown.take(event, recording.now_ms())
                    if isinstance(event, SpeechChunk):
                        speaker.take(event)
                await device.played()
        if device.dropped_samples:
            missed_s = device.dropped_samples / rate_hz
            print(
                f"translate-svc: {missed_s:.1f} s were not heard: the translation did not keep up",
                file=sys.stderr,
            )


class _Recording:
    """What the microphone hears, and when it was heard."""

    def __init__(self, device: AudioDevice) -> None:
        self._device = device
        self._clock = asyncio.get_running_loop().time
        self._began_s: float | None = None

    async def blocks(self) -> AsyncIterator[Samples]:
        """Until the device is told to stop."""
        async for block in self._device.record():
            if self._began_s is None:
                self._began_s = self._clock() - len(block) / self._device.input_rate_hz
            yield block

    def now_ms(self) -> float:
        """Since the recording began."""
        return 0.0 if self._began_s is None else (self._clock() - self._began_s) * 1000

    def end_ms(self, done: UtteranceDone) -> float:
        """When an utterance had been said."""
        return done.source.end * 1000 / self._device.input_rate_hz


class _Speaker:
    """Speech to the loudspeaker, at its rate."""

    def __init__(self, device: AudioDevice) -> None:
        self._device = device
        self._resampler: Resampler | None = None

    def take(self, chunk: SpeechChunk) -> None:
        """The next chunk; utterances come one after the other."""
        if self._resampler is None:
            self._resampler = Resampler(INTERNAL_SAMPLE_RATE_HZ, self._device.output_rate_hz)
        samples = np.frombuffer(chunk.data, "<i2").astype(np.float32) / np.float32(1 << 15)
        self._device.play(self._resampler.push(samples))
        if chunk.final:
            self._device.play(self._resampler.flush())
            self._resampler = None


@contextmanager
def _ended_by_interrupt(device: AudioDevice) -> Iterator[None]:
    """The first Ctrl-C ends the recording, the second one everything."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    answers = iter((device.stop,))
    loop.add_signal_handler(signal.SIGINT, lambda: next(answers, task.cancel)())
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _device_table() -> Table:
    table = Table("number", "name", "microphone", "loudspeaker", "rate", box=None, pad_edge=False)
    for device in list_devices():
        able = ("yes" if device[f"max_{way}_channels"] else "-" for way in ("input", "output"))
        table.add_row(str(device["index"]), device["name"], *able, f"{device['default_samplerate']:.0f} Hz")
    return table
