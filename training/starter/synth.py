"""Speech from text with word times: espeak-ng in this process, flite as a second, unrelated synthesizer.

espeak-ng keeps its state in C globals, so a process holds one instance, made on first use. A worker of a
process pool makes its own; nothing here may be called from two threads at once.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from training.starter.voices import Voice

SAMPLE_RATE = 16_000
Samples = NDArray[np.float32]

_OWN_VOICES = Path(__file__).parent / "espeak_voices"


@dataclass(frozen=True, slots=True)
class Word:
    """A spoken word and where it lies in the samples: [start_sample, end_sample).

    `text` runs to the next word, without the punctuation around it: espeak speaks some neighbours as one
    ("I am"), and then they are one Word, so that the words always cover the whole text. `first_character` is
    its index in the text.
    """

    text: str
    first_character: int
    start_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True)
class Speech:
    """Mono float32 samples at 16 kHz within [-1, 1] and the words in order (flite reports none)."""

    samples: Samples
    words: tuple[Word, ...] = ()


# From speak_lib.h, the library's public header.
_AUDIO_OUTPUT_SYNCHRONOUS, _PHONEME_EVENTS = 2, 1
_EVENT_END_OF_LIST, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_PARAMETER_RATE, _PARAMETER_PITCH, _PARAMETER_RANGE = 1, 3, 4
_POSITION_CHARACTER, _CHARS_UTF8 = 1, 1
_PUNCTUATION = " .,;:?!¿¡"


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Wave, _Events = ctypes.POINTER(ctypes.c_short), ctypes.POINTER(_Event)
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, _Wave, ctypes.c_int, _Events)


class SynthesisError(RuntimeError):
    """The synthesizer is missing, does not know the voice, or gave no sound."""


@dataclass(slots=True)
class _Espeak:
    """The one espeak-ng instance of this process."""

    library: ctypes.CDLL
    sample_rate: int
    callback: object = None
    pieces: list[Samples] = field(default_factory=list)
    words: list[tuple[int, int]] = field(default_factory=list)  # first character, sample at which it begins
    pauses: list[int] = field(default_factory=list)  # samples at which a pause begins

    def collect(
        self, wave: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]
    ) -> int:
        if wave and count > 0:
            block = np.ctypeslib.as_array(wave, shape=(count,)).astype(np.float32)
            self.pieces.append(block / np.float32(32768.0))
        for event in _until_end(events):
            if event.type == _EVENT_WORD and event.length > 0:
                self.words.append((event.text_position - 1, event.sample))
            elif event.type == _EVENT_PHONEME and event.id.string.startswith(b"_"):
                self.pauses.append(event.sample)
        return 0

    def speak(self, text: str, voice: Voice) -> tuple[Samples, list[tuple[int, int, int]]]:
        """Samples at the library's own rate; per word: first character, start and end sample."""
        if self.library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise SynthesisError(f"voice.name: espeak-ng has no voice {voice.name!r}")
        settings = ((_PARAMETER_RATE, voice.rate_wpm), (_PARAMETER_PITCH, voice.pitch))
        for parameter, value in (*settings, (_PARAMETER_RANGE, voice.pitch_range)):
            self.library.espeak_SetParameter(parameter, value, 0)
        self.pieces, self.words, self.pauses = [], [], []
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
        if not self.pieces:
            raise SynthesisError("text: espeak-ng gave no sound for it")
        samples = np.concatenate(self.pieces)
        starts = [sample for _, sample in self.words] + [len(samples)]
        words = []
        for index, (first, start) in enumerate(self.words):
            end = min([starts[index + 1], *(pause for pause in self.pauses if pause > start)])
            words.append((first, start, end))
        return samples, words


def _until_end(events: ctypes._Pointer[_Event]) -> Iterator[_Event]:
    index = 0
    while events[index].type != _EVENT_END_OF_LIST:
        yield events[index]
        index += 1


def _voice_data(system_data: Path) -> Path:
    """Makes a folder with links to espeak's data and to this project's voices; the path of its parent.

    espeak finds voices by name in its data folder alone, and overruns a buffer when it is given longer paths.
    """
    target = Path(tempfile.gettempdir()) / f"starter-espeak-{os.getuid()}"
    romance = target / "espeak-ng-data" / "lang" / "roa"
    romance.mkdir(parents=True, exist_ok=True)
    data = romance.parents[1]
    languages = system_data / "lang"
    layers = ((system_data, data), (languages, data / "lang"), (languages / "roa", romance))
    for source, folder in (*layers, (_OWN_VOICES, romance)):
        for entry in source.iterdir():
            link = folder / entry.name
            if not link.is_dir():
                _link(entry, link)
    return target


def _link(entry: Path, link: Path) -> None:
    if link.is_symlink() and link.readlink() == entry:
        return
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.symlink_to(entry)
    temporary.replace(link)


@lru_cache(maxsize=1)
def _espeak() -> _Espeak:
    """This process's instance. A forked worker goes on with its copy of the parent's: initialising a second
    time would wait for a thread that a fork does not copy.
    """
    try:
        library = ctypes.CDLL("libespeak-ng.so.1")
    except OSError as error:
        raise SynthesisError("libespeak-ng.so.1 is missing (Debian: libespeak-ng1)") from error
    library.espeak_Info.restype = ctypes.c_char_p
    if library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, None, _PHONEME_EVENTS) <= 0:
        raise SynthesisError("espeak-ng could not be initialised")
    data_path = ctypes.c_char_p()
    library.espeak_Info(ctypes.byref(data_path))
    system_data = Path((data_path.value or b"").decode())
    library.espeak_Terminate()
    folder = str(_voice_data(system_data)).encode()
    sample_rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, folder, _PHONEME_EVENTS)
    if sample_rate <= 0:
        raise SynthesisError("espeak-ng could not be initialised with this project's voices")
    instance = _Espeak(library, sample_rate)
    instance.callback = _CALLBACK(instance.collect)
    library.espeak_SetSynthCallback(instance.callback)
    return instance


def is_available() -> bool:
    """Whether libespeak-ng can be loaded here."""
    try:
        _espeak()
    except SynthesisError:
        return False
    return True


def synthesize(text: str, voice: Voice, *, edge_ms: float = 30.0) -> Speech:
    """Speaks `text`; silence before the first and after the last sound is cut down to `edge_ms`.

    Equal calls give nearly equal samples: espeak carries a little state (pauses, flutter, wave phase) over
    from the call before. The peak is brought to 0.5 where it is higher, so that noise and gain can be added
    without clipping. Raises SynthesisError.
    """
    raw = _flite(text, voice) if voice.is_flite else _from_espeak(text, voice)
    peak = float(np.abs(raw.samples).max(initial=0.0))
    if peak < 1e-3:
        raise SynthesisError("text: the synthesizer gave silence for it")
    return _trim(replace(raw, samples=raw.samples * np.float32(min(1.0, 0.5 / peak))), edge_ms)


def _from_espeak(text: str, voice: Voice) -> Speech:
    espeak = _espeak()
    samples, spans = espeak.speak(text, voice)
    resampled = soxr.resample(samples, espeak.sample_rate, SAMPLE_RATE).astype(np.float32)
    ratio = SAMPLE_RATE / espeak.sample_rate
    words = []
    for index, (first, start, end) in enumerate(spans):
        after = spans[index + 1][0] if index + 1 < len(spans) else len(text)
        word = text[first:after].strip(_PUNCTUATION)
        words.append(Word(word, first, round(start * ratio), round(end * ratio)))
    return Speech(resampled, tuple(words))


def _flite(text: str, voice: Voice) -> Speech:
    """Runs the flite program. Its rate is a stretch factor of the voice's own, about 170 words a minute."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        stretch = f"duration_stretch={170.0 / voice.rate_wpm:.3f}"
        name = voice.name.removeprefix("flite:")
        command = ["flite", "-voice", name, "--setf", stretch, "-t", text, "-o", str(path)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            raise SynthesisError(f"flite failed for voice.name {voice.name!r}") from error
        samples, sample_rate = soundfile.read(path, dtype="float32")
    return Speech(soxr.resample(samples, sample_rate, SAMPLE_RATE).astype(np.float32))


def _trim(speech: Speech, edge_ms: float) -> Speech:
    sounding = np.flatnonzero(np.abs(speech.samples) > 1e-3)
    edge_samples = int(edge_ms * SAMPLE_RATE / 1000)
    start = max(0, int(sounding[0]) - edge_samples)
    end = min(len(speech.samples), int(sounding[-1]) + 1 + edge_samples)

    def moved(sample: int) -> int:
        return min(max(sample, start), end) - start

    words = (
        replace(word, start_sample=moved(word.start_sample), end_sample=moved(word.end_sample))
        for word in speech.words
    )
    return Speech(speech.samples[start:end], tuple(words))
