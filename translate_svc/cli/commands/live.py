"""``translate-svc live``: translates the microphone and plays the translation."""

from __future__ import annotations

import asyncio
import math
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from translate_svc.audio.resampler import Resampler
from translate_svc.cli import interrupts, options
from translate_svc.cli.audio.audio_device import AudioDevice
from translate_svc.cli.audio.sound_device import SoundDevice, list_devices
from translate_svc.cli.backends.backend import Backend
from translate_svc.cli.backends.connection import ModelFlags
from translate_svc.cli.backends.notice import show_notice
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.output.event_view import EventView
from translate_svc.cli.output.standard_output import StandardOutput
from translate_svc.cli.output.text_view import TextView
from translate_svc.cli.source_argument import check_between, spoken_source
from translate_svc.cli.targets import SpeechStyle, target_settings
from translate_svc.languages import LanguageTable
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    GuardSettings,
    Inspect,
    Samples,
    SimultaneousSettings,
    SpeechChunk,
    StreamSettings,
    TargetSettings,
    UtteranceDone,
)

open_device: Callable[..., AbstractContextManager[AudioDevice]] = SoundDevice
"""Opens the audio device. Machines without a sound card can replace it."""
_CELLS = 24
_FLOOR_DB = -60.0
_QUIET_DB = -50.0
_LOUD_DB = -3.0
_FALL_DB = 1.5
"""How much the shown level falls from one block to the next, so that an eye can follow it."""


@dataclass(frozen=True, slots=True)
class _LiveArguments:
    """The arguments of the command that concern the translation."""

    to: tuple[str, ...]
    from_: str | None
    transcript: bool
    play: bool
    catch_up: float
    simultaneous: bool
    flag_unsure: bool = True
    style: SpeechStyle = field(default_factory=SpeechStyle)
    between: tuple[str, ...] = ()

    def settings(self, table: LanguageTable) -> StreamSettings:
        """Text for all targets; speech for the first, and for all of a conversation, in which one comes at a
        time. Speech may be sped up when it falls behind.
        """
        source = spoken_source(self.from_, self.between, table, transcript=self.transcript)
        flag = "--between" if self.between else "--to"
        first, *others = target_settings(
            self.to or self.between,
            table,
            speech=self.play,
            must_speak=False,
            spoken=source.language,
            style=self.style,
            flag=flag,
        )
        if self.play and not first.speech:
            raise UsageError(f"the model has no voice for {first.language}; use --no-play", field=flag)
        return StreamSettings(
            targets=(
                self._hurried(first),
                *(
                    self._hurried(other) if self.between else TargetSettings(other.language, speech=False)
                    for other in others
                ),
            ),
            source_language=source.language,
            source_candidates=source.candidates,
            echo=source.echo,
            include=frozenset({Inspect.TRANSCRIPT} if self.transcript else ()),
            guards=GuardSettings(low_confidence=self.flag_unsure),
            simultaneous=SimultaneousSettings() if self.simultaneous else None,
        )

    def _hurried(self, target: TargetSettings) -> TargetSettings:
        if not target.speech:
            return target
        return replace(target, catch_up_duration_factor=min(self.catch_up, target.duration_factor))


@options.with_flags
def live(
    *,
    to: options.To = (),
    from_: options.From = None,
    between: options.Between = (),
    transcript: options.Transcript = False,
    simultaneous: options.Simultaneous = True,
    flag_unsure: options.FlagUnsure = True,
    play: Annotated[bool, typer.Option(help="Play the translated speech.")] = True,
    catch_up: Annotated[
        float,
        typer.Option(
            min=0.5, max=1, help="Lowest duration factor of speech that falls behind; 1: never speed up."
        ),
    ] = 0.8,
    style: SpeechStyle,
    microphone: Annotated[str | None, typer.Option(help="Number of the device, or part of its name.")] = None,
    loudspeaker: Annotated[
        str | None, typer.Option(help="Number of the device, or part of its name.")
    ] = None,
    devices: Annotated[bool, typer.Option("--list-devices", help="List audio devices and exit.")] = False,
    model: ModelFlags,
) -> None:
    """Translate live speech from the microphone; play it in the first target language.

    Wear headphones, or use --no-play: otherwise the microphone records the translation and it is translated
    again. The translation comes while somebody speaks; with --no-simultaneous it comes after each utterance:
    later, and usually better. Ctrl-C ends the recording and translates the rest; a second Ctrl-C stops at
    once.

    Examples:
      translate-svc live --from en --to es
      translate-svc live --between en,es
      translate-svc live --to fr,de --no-play --server 192.0.2.7:50051
    """
    if devices:
        Console(highlight=False, markup=False).print(_device_table())
        return
    check_between(between, to, from_)
    if not to and not between:
        raise UsageError("is needed", field="--to")
    backend = model.backend()
    style.check_spoken(play, "--play")
    arguments = _LiveArguments(
        to, from_, transcript, play, catch_up, simultaneous, flag_unsure, style, between
    )
    try:
        interrupts.run(_live(arguments, backend, microphone, loudspeaker))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _live(
    arguments: _LiveArguments, backend: Backend, microphone: str | None, loudspeaker: str | None
) -> None:
    console = StandardOutput()
    settings = arguments.settings(await backend.languages())
    await show_notice(backend)
    with open_device(microphone, loudspeaker, play=arguments.play) as device:
        rate_hz = device.input_rate_hz
        async with backend.open() as translator, translator.stream(settings, rate_hz) as stream:
            meter = LiveMeter()
            recorder, player = _Recorder(device, meter), _Player(device)
            console.print("Listening; Ctrl-C ends." + (" Wear headphones." if arguments.play else ""))
            with TextView(console, footer=meter) as view, _stop_on_interrupt(device):
                event_view = EventView(view, rate_hz, recorder.end_ms, "the end of the speech")
                stream.feed(recorder.blocks())
                async for event in stream:
                    event_view.show(event, recorder.now_ms())
                    if isinstance(event, SpeechChunk):
                        player.play(event)
                        meter.play(event)
                await device.wait_played()
        if device.dropped_samples:
            dropped_s = device.dropped_samples / rate_hz
            print(
                f"translate-svc: {dropped_s:.1f} s were not recorded: the translation did not keep up",
                file=sys.stderr,
            )


class _Recorder:
    """The audio of the microphone, and its time. ``meter`` hears it too."""

    def __init__(self, device: AudioDevice, meter: LiveMeter) -> None:
        self._device = device
        self._meter = meter
        self._clock = asyncio.get_running_loop().time
        self._began_s: float | None = None

    async def blocks(self) -> AsyncIterator[Samples]:
        """The recorded blocks, until the device stops."""
        async for block in self._device.record():
            if self._began_s is None:
                self._began_s = self._clock() - len(block) / self._device.input_rate_hz
            self._meter.hear(block)
            yield block

    def now_ms(self) -> float:
        """Milliseconds since the start of the recording."""
        return 0.0 if self._began_s is None else (self._clock() - self._began_s) * 1000

    def end_ms(self, done: UtteranceDone) -> float:
        """The end of an utterance, in milliseconds since the start of the recording."""
        return done.source.end * 1000 / self._device.input_rate_hz


class _Player:
    """Plays speech at the sample rate of the loudspeaker."""

    def __init__(self, device: AudioDevice) -> None:
        self._device = device
        self._resampler: Resampler | None = None

    def play(self, chunk: SpeechChunk) -> None:
        """Plays the next chunk. Chunks of two utterances are never mixed."""
        if self._resampler is None:
            self._resampler = Resampler(INTERNAL_SAMPLE_RATE_HZ, self._device.output_rate_hz)
        samples = np.frombuffer(chunk.data, "<i2").astype(np.float32) / np.float32(1 << 15)
        self._device.play(self._resampler.push(samples))
        if chunk.final:
            self._device.play(self._resampler.flush())
            self._resampler = None


@contextmanager
def _stop_on_interrupt(device: AudioDevice) -> Iterator[None]:
    """The first Ctrl-C ends the recording, the second one cancels the command."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    actions = iter((device.stop,))

    def press(signum: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(next(actions, task.cancel))

    # not by the loop, which has no signals on Windows
    before = signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _device_table() -> Table:
    table = Table("number", "name", "microphone", "loudspeaker", "rate", box=None, pad_edge=False)
    for device in list_devices():
        able = ("yes" if device[f"max_{way}_channels"] else "-" for way in ("input", "output"))
        table.add_row(str(device["index"]), device["name"], *able, f"{device['default_samplerate']:.0f} Hz")
    return table


class LiveMeter:
    """Levels are root mean squares in dBFS: 0 is the loudest square wave that fits."""

    def __init__(self) -> None:
        self.level_db = _FLOOR_DB
        self.lag_ms = 0

    def hear(self, samples: Samples) -> None:
        """Takes the next block of the microphone, mono ``[n]``."""
        power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
        now_db = 10 * math.log10(power) if power > 0 else _FLOOR_DB
        self.level_db = max(now_db, self.level_db - _FALL_DB, _FLOOR_DB)

    def play(self, chunk: SpeechChunk) -> None:
        """Takes the next chunk of speech, which knows how far it is behind."""
        self.lag_ms = chunk.output_lag_ms

    def __rich__(self) -> Text:
        filled = round(_CELLS * (1 - self.level_db / _FLOOR_DB))
        color = "red" if self.level_db > _LOUD_DB else "green" if self.level_db > _QUIET_DB else "dim"
        level = f"{self.level_db:4.0f} dB" if self.level_db > _FLOOR_DB else "  quiet"
        return Text.assemble(
            ("microphone ", "dim"),
            ("█" * filled, color),
            ("░" * (_CELLS - filled), "dim"),
            (f" {level}", "dim"),
            (f"   speech is {self.lag_ms / 1000:.1f} s behind" if self.lag_ms else "", "dim"),
        )
