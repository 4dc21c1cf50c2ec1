"""Synthesizers that share nothing with espeak-ng, so that the starter does not learn espeak's ways alone.

- flite (Debian: flite), English: a diphone voice and three built by statistics from recordings. Its pitch is
  the speed of the tape, so that each voice is many speakers.
- SVOX Pico (PyPI: py-nanotts, its voices included): one statistical voice each of eng (two), spa, fra, deu
  and Italian.
- festival (Debian: festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts), English: kept for
  evaluation, wholly unseen in training.

None reports times of words. Each function takes text and voice and gives speech at 16 kHz, or raises
SynthesisError when the program is missing, does not know the voice or fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soundfile
import soxr

from training.starter.synthesis.speech import SAMPLE_RATE, Speech, SynthesisError
from training.starter.synthesis.voices import Voice

_USUAL_WPM = 170.0  # what all of them speak by themselves, about
_TIMEOUT_S = 60
_PICO_VOLUME = 0.7  # at 1 its loud vowels clip


def _pitch_factor(voice: Voice) -> float:
    return float(2.0 ** ((voice.pitch - 50) / 100))


@cache
def _flite_voices() -> frozenset[str]:
    """flite itself speaks with its first voice where it does not know the one it is asked for."""
    listing = subprocess.run(["flite", "-lv"], check=True, capture_output=True, timeout=_TIMEOUT_S, text=True)
    return frozenset(listing.stdout.partition(":")[2].split())


def _from_flite(text: str, voice: Voice) -> Speech:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        pitch = _pitch_factor(voice)
        stretch = f"duration_stretch={pitch * _USUAL_WPM / voice.rate_wpm:.3f}"
        command = ["flite", "-voice", voice.own_name, "--setf", stretch, "-t", text, "-o", str(path)]
        try:
            if voice.own_name not in _flite_voices():
                raise SynthesisError(f"voice.name: flite has no voice {voice.own_name!r}")
            subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_S)
        except (OSError, subprocess.SubprocessError) as error:
            raise SynthesisError(f"voice.name: flite failed for {voice.own_name!r}") from error
        return _read(path, faster=pitch)


def _from_pico(text: str, voice: Voice) -> Speech:
    try:
        from py_nanotts import NanoTTS
    except ImportError as error:
        raise SynthesisError("py-nanotts is missing (PyPI: py-nanotts)") from error
    speed, pitch = voice.rate_wpm / _USUAL_WPM, _pitch_factor(voice)
    try:
        data = NanoTTS().speak(text, voice.own_name, speed=speed, pitch=pitch, volume=_PICO_VOLUME)
    except (RuntimeError, ValueError) as error:
        raise SynthesisError(f"voice.name: pico failed for {voice.own_name!r}") from error
    return Speech(np.frombuffer(data, np.int16).astype(np.float32) / np.float32(32768))


class _Festival:
    """A festival process that stays: it takes 0.2 s to start and 0.1 s to load a voice, 10 ms to speak."""

    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(
                ["festival", "--pipe"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise SynthesisError("festival is missing (Debian: festival)") from error
        self._folder = tempfile.TemporaryDirectory()
        weakref.finalize(self, _end, self._process, self._folder)

    def speak(self, text: str, voice: Voice) -> Speech:
        path = Path(self._folder.name) / "speech.wav"
        path.unlink(missing_ok=True)
        quoted = text.replace("\\", " ").replace('"', " ")
        stretch = _USUAL_WPM / voice.rate_wpm
        # an unknown voice is an error, after which festival reads on: then nothing is saved
        self._run(
            f"(begin (voice_{voice.own_name}) (Param.set 'Duration_Stretch {stretch:.3f})"
            f' (utt.save.wave (utt.synth (Utterance Text "{quoted}")) "{path}" \'riff))'
        )
        if not path.exists():
            raise SynthesisError(f"voice.name: festival failed for {voice.own_name!r}")
        return _read(path)

    def _run(self, expression: str) -> None:
        """Waits until festival has evaluated `expression`, or has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f'{expression}\n(format t "\\nready\\n")(fflush nil)\n'.encode())
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise SynthesisError("festival ended by itself") from error
        while (line := self._process.stdout.readline()) and line != b"ready\n":
            pass


def _end(process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    """Killed, as it would continue while a forked worker holds the other end of its pipe."""
    process.kill()
    process.communicate()
    folder.cleanup()


@cache
def _festival_of(process_id: int) -> _Festival:
    """One for each forked worker, which must neither share its parent's pipes nor let go of (and end) the
    parent's festival: hence a cache that forgets nothing.
    """
    return _Festival()


def _from_festival(text: str, voice: Voice) -> Speech:
    return _festival_of(os.getpid()).speak(text, voice)


def _read(path: Path, faster: float = 1.0) -> Speech:
    """The file's speech, played `faster`: pitch and formants rise with it, as another speaker's do."""
    samples, sample_rate = soundfile.read(path, dtype="float32")
    return Speech(soxr.resample(samples, sample_rate * faster, SAMPLE_RATE).astype(np.float32))


@dataclass(frozen=True, slots=True)
class _Synthesizer:
    speak: Callable[[str, Voice], Speech]
    is_installed: Callable[[], bool]


_SYNTHESIZERS: Mapping[str, _Synthesizer] = {
    "flite": _Synthesizer(_from_flite, lambda: shutil.which("flite") is not None),
    "pico": _Synthesizer(_from_pico, lambda: find_spec("py_nanotts") is not None),
    "festival": _Synthesizer(_from_festival, lambda: shutil.which("festival") is not None),
}


def speak(text: str, voice: Voice) -> Speech:
    """`text` by the synthesizer that `voice` names. Raises SynthesisError."""
    if voice.synthesizer not in _SYNTHESIZERS:
        raise SynthesisError(f"voice.name: no synthesizer {voice.synthesizer!r}")
    return _SYNTHESIZERS[voice.synthesizer].speak(text, voice)


def missing() -> tuple[str, ...]:
    """The names of those that are not installed."""
    return tuple(name for name, synthesizer in _SYNTHESIZERS.items() if not synthesizer.is_installed())
