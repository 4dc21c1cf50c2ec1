"""``translate-svc live`` with a microphone and a loudspeaker of software."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import types
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Command
from tests.cli.process import ROOT
from tests.clips import texts
from translate_svc import languages
from translate_svc.audio.files import read_audio
from translate_svc.cli.audio import sound_device
from translate_svc.cli.audio.audio_device import CaptureBuffer, PlaybackBuffer
from translate_svc.cli.audio.sound_device import SoundDevice
from translate_svc.cli.commands import live
from translate_svc.cli.exit_codes import UsageError
from translate_svc.client import pace
from translate_svc.errors import TranslateSvcError
from translate_svc.types import Samples, SimultaneousSettings, TargetSettings

CLIP = ROOT / "tests" / "data" / "eng_1.flac"
SAID, TRANSLATED = texts("eng_1")["eng"], texts("eng_1")["spa"]


class RecordedDevice:
    """Hears a clip at the pace of a microphone, then silence until it is stopped; keeps what it plays."""

    output_rate_hz = 48_000
    dropped_samples = 24_000

    def __init__(self, *, presses_ctrl_c: Callable[[], None] | None) -> None:
        clip, self.input_rate_hz = read_audio(CLIP)
        self._source = np.concatenate((clip, np.zeros(self.input_rate_hz, np.float32)))
        self._presses_ctrl_c = presses_ctrl_c
        self._stopped = False
        self.said: list[Samples] = []
        self.waited = False

    def __enter__(self) -> RecordedDevice:
        return self

    def __exit__(self, *_: object) -> None:
        """Has nothing to close."""

    async def record(self) -> AsyncIterator[Samples]:
        async for block in pace(self._source, self.input_rate_hz):
            yield block
        if self._presses_ctrl_c is not None:
            self._presses_ctrl_c()
            while not self._stopped:
                await asyncio.sleep(0.01)
                yield np.zeros(self.input_rate_hz // 100, np.float32)

    def stop(self) -> None:
        self._stopped = True

    def play(self, samples: Samples) -> None:
        self.said.append(samples)

    async def wait_played(self) -> None:
        self.waited = True


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., RecordedDevice]:
    def plug(*, presses_ctrl_c: Callable[[], None] | None = None) -> RecordedDevice:
        device = RecordedDevice(presses_ctrl_c=presses_ctrl_c)

        def opened(microphone: str | None, loudspeaker: str | None, *, play: bool) -> RecordedDevice:
            assert (microphone, loudspeaker, play) == ("2", "USB", True)
            return device

        monkeypatch.setattr(live, "open_device", opened)
        return device

    return plug


@pytest.mark.realtime
def test_what_is_said_is_shown_and_played_until_ctrl_c(
    command: Command, server: str, plugged: Callable[..., RecordedDevice]
) -> None:
    device = plugged(presses_ctrl_c=lambda: signal.raise_signal(signal.SIGINT))
    code, output, error = command(
        *("live", "--from", "en", "--to", "es", "--transcript", "--microphone", "2", "--loudspeaker", "USB"),
        *("--server", server),
    )
    assert (code, error) == (0, "translate-svc: 1.5 s were not recorded: the translation did not keep up\n")
    assert "Wear headphones." in output
    assert f"eng  {SAID}" in output
    assert f"spa  {TRANSLATED}" in output
    assert "utterance 0 ok: first text" in output
    assert device.waited, "it does not leave while it speaks"
    said = np.concatenate(device.said)
    assert 1 < len(said) / device.output_rate_hz < 6
    assert np.abs(said).max() > 0.05


def test_the_first_target_is_spoken_and_catches_up_and_the_others_are_text() -> None:
    arguments = live._LiveArguments(
        ("fr,es", "en"), None, transcript=False, play=True, catch_up=0.7, simultaneous=True, flag_unsure=True
    )
    first, *others = arguments.settings(languages.packaged()).targets
    assert first == TargetSettings("fra", catch_up_duration_factor=0.7)
    assert others == [TargetSettings("spa", speech=False), TargetSettings("eng", speech=False)]
    assert arguments.settings(languages.packaged()).simultaneous == SimultaneousSettings()
    assert replace(arguments, simultaneous=False).settings(languages.packaged()).simultaneous is None
    with pytest.raises(UsageError, match="no voice for afr; use --no-play"):
        replace(arguments, to=("afr",)).settings(languages.packaged())
    assert not replace(arguments, to=("afr",), play=False).settings(languages.packaged()).targets[0].speech


def test_a_missing_portaudio_or_device_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise TranslateSvcError("PortAudio is missing: apt install libportaudio2")

    monkeypatch.setattr(sound_device, "_portaudio", missing)
    for arguments in (("--list-devices",), ("--to", "es")):
        code, output, error = command("live", *arguments)
        assert (code, output) == (1, "")
        assert error == "translate-svc: PortAudio is missing: apt install libportaudio2\n"


def test_an_absent_extra_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    code, _, error = command("live", "--list-devices")
    assert code == 1
    assert error == "translate-svc: sounddevice is missing: pip install 'translate-svc[live]'\n"


class PortAudio(types.ModuleType):
    """As much of sounddevice as is used: one device that cannot do 16 kHz."""

    class PortAudioError(Exception):
        pass

    class Stream:
        def __init__(self, callback: Callable[..., None], samplerate: int, **options: Any) -> None:
            self.callback, self.samplerate, self.options = callback, samplerate, options
            self.running = self.closed = False
            PortAudio.streams.append(self)

        def start(self) -> None:
            self.running = True

        def stop(self) -> None:
            self.running = False

        def close(self) -> None:
            self.closed = True

    InputStream = OutputStream = Stream
    streams: list[Stream] = []  # noqa: RUF012 - cleared by the fixture

    def check_input_settings(self, **settings: Any) -> None:
        if settings["samplerate"] == 16_000:
            raise self.PortAudioError("Invalid sample rate")

    check_output_settings = check_input_settings

    def query_devices(self, device: int | str | None = None, kind: str | None = None) -> Any:
        if device == "absent":
            raise ValueError("No input device matching 'absent'")
        found = {"index": 0, "name": "USB", "max_input_channels": 1, "max_output_channels": 0}
        found["default_samplerate"] = 44_100
        return found if kind else [found]


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> type[PortAudio]:
    PortAudio.streams.clear()
    monkeypatch.setitem(sys.modules, "sounddevice", PortAudio("sounddevice"))
    return PortAudio


async def test_the_sound_card_is_heard_and_played_from_its_own_threads(portaudio: type[PortAudio]) -> None:
    with SoundDevice("0", None, play=True) as device:
        microphone, loudspeaker = portaudio.streams
        assert (device.input_rate_hz, device.output_rate_hz) == (44_100, 44_100)
        assert microphone.options["device"] == 0
        assert (microphone.running, loudspeaker.running) == (False, True)
        heard = device.record()
        first = asyncio.ensure_future(anext(heard))
        await asyncio.sleep(0)
        assert microphone.running
        block = np.full((441, 1), 0.5, np.float32)
        await asyncio.to_thread(microphone.callback, block, 441, None, None)
        block[:] = 0
        np.testing.assert_array_equal(await first, np.full(441, 0.5, np.float32))
        device.stop()
        with pytest.raises(StopAsyncIteration):
            await anext(heard)

        device.play(np.full(300, 0.25, np.float32))
        waiting = asyncio.ensure_future(device.wait_played())
        out = np.ones((200, 1), np.float32)
        await asyncio.to_thread(loudspeaker.callback, out, 200, None, None)
        assert (out == 0.25).all()
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await asyncio.to_thread(loudspeaker.callback, out, 200, None, None)
        assert (out[:100] == 0.25).all()
        assert (out[100:] == 0).all()
        await waiting
    assert microphone.closed
    assert loudspeaker.closed


async def test_what_the_microphone_gives_while_it_stops_is_heard(portaudio: type[PortAudio]) -> None:
    with SoundDevice(None, None, play=False) as device:
        microphone = portaudio.streams[0]
        block = np.full((441, 1), 0.5, np.float32)
        blocks: list[Samples] = []

        async def hear() -> None:
            blocks.extend([each async for each in device.record()])

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hear())
            await asyncio.sleep(0)
            thread = threading.Thread(target=microphone.callback, args=(block, 441, None, None))
            thread.start()
            thread.join()  # not awaited: PortAudio, too, gives the last block while the loop waits for it
            device.stop()
        assert [len(each) for each in blocks] == [441]


async def test_a_device_that_is_not_there_is_told(portaudio: type[PortAudio]) -> None:
    with pytest.raises(TranslateSvcError, match="cannot be opened: No input device matching 'absent'"):
        SoundDevice("absent", None, play=False).__enter__()


def test_devices_are_listed(command: Command, portaudio: type[PortAudio]) -> None:
    code, output, _ = command("live", "--list-devices")
    assert code == 0
    assert output.splitlines()[1].split() == ["0", "USB", "yes", "-", "44100", "Hz"]


async def test_a_microphone_that_nobody_reads_is_dropped_after_five_seconds() -> None:
    capture = CaptureBuffer(1_000)
    for level in range(7):
        capture.put_from_thread(np.full(1_000, level, np.float32))
    await asyncio.sleep(0)
    capture.end()
    assert [block[0] async for block in capture.blocks()] == [0, 1, 2, 3, 4]
    assert capture.dropped_samples == 2_000


def test_a_loudspeaker_that_is_a_minute_behind_leaves_out_the_oldest() -> None:
    playback = PlaybackBuffer(1_000)
    for level in range(70):
        playback.put(np.full(1_000, level, np.float32))
    assert playback.waiting_samples == 60_000
    out = np.empty(1_000, np.float32)
    playback.fill(out)
    assert (out == 10).all()
