"""espeak-ng in this process (Debian: libespeak-ng1), with this project's voice files beside its own.

espeak-ng keeps its state in C globals, so a process holds one instance, made on first use. A worker of a
process pool makes its own; nothing here may be called from two threads at the same time.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
import soxr

from training.starter.synthesis import drawn_speakers
from training.starter.synthesis.speech import SAMPLE_RATE, Phoneme, Samples, Speech, SynthesisError, Word
from training.starter.synthesis.voices import Voice

_OWN_VOICES = Path(__file__).parent / "espeak_voices"

# From speak_lib.h, the library's public header.
_AUDIO_OUTPUT_SYNCHRONOUS, _PHONEME_EVENTS = 2, 1
_EVENT_END_OF_LIST, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_PARAMETER_RATE, _PARAMETER_VOLUME, _PARAMETER_PITCH, _PARAMETER_RANGE = 1, 2, 3, 4
_VOLUME = 70  # at espeak's own 100 its loud voices clip
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


@dataclass(slots=True)
class Espeak:
    """The one espeak-ng instance of this process."""

    library: ctypes.CDLL
    sample_rate: int
    callback: object = None
    pieces: list[Samples] = field(default_factory=list)
    words: list[tuple[int, int]] = field(default_factory=list)  # first character, sample at which it begins
    phonemes: list[Phoneme] = field(default_factory=list)  # at the library's own rate

    def collect(
        self, wave: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]
    ) -> int:
        if wave and count > 0:
            block = np.ctypeslib.as_array(wave, shape=(count,)).astype(np.float32)
            self.pieces.append(block / np.float32(32768.0))
        for event in _until_end(events):
            if event.type == _EVENT_WORD and event.length > 0:
                self.words.append((event.text_position - 1, event.sample))
            elif event.type == _EVENT_PHONEME:
                self.phonemes.append(Phoneme(event.id.string.decode(), event.sample))
        return 0

    def speak(self, text: str, voice: Voice) -> tuple[Samples, list[tuple[int, int, int]]]:
        """Samples at the library's own rate; per word: first character, start and end sample."""
        if self.library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise SynthesisError(f"voice.name: espeak-ng has no voice {voice.name!r}")
        settings = (
            (_PARAMETER_RATE, voice.rate_wpm), (_PARAMETER_VOLUME, _VOLUME),
            (_PARAMETER_PITCH, voice.pitch), (_PARAMETER_RANGE, voice.pitch_range),
        )  # fmt: skip
        for parameter, value in settings:
            self.library.espeak_SetParameter(parameter, value, 0)
        self.pieces, self.words, self.phonemes = [], [], []
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
        if not self.pieces:
            raise SynthesisError("text: espeak-ng gave no sound for it")
        samples = np.concatenate(self.pieces)
        starts = [sample for _, sample in self.words] + [len(samples)]
        pauses = [phoneme.start_sample for phoneme in self.phonemes if phoneme.is_pause]
        words = []
        for index, (first, start) in enumerate(self.words):
            end = min([starts[index + 1], *(pause for pause in pauses if pause > start)])
            words.append((first, start, end))
        return samples, words


def _until_end(events: ctypes._Pointer[_Event]) -> Iterator[_Event]:
    index = 0
    while events[index].type != _EVENT_END_OF_LIST:
        yield events[index]
        index += 1


def _voice_data(system_data: Path) -> Path:
    """Makes a folder with links to espeak's data and with this project's voices; the path of its parent.

    espeak finds voices by name in its data folder alone, and overruns a buffer when it is given longer paths.
    """
    target = Path(tempfile.gettempdir()) / f"starter-voices-{os.getuid()}-{crc32(bytes(_OWN_VOICES)):08x}"
    data = target / "espeak-ng-data"
    own, speakers = data / "lang" / "starter", data / "voices" / "!v"
    for folder in (own, speakers):
        folder.mkdir(parents=True, exist_ok=True)
    linked = [(system_data / inner, data / inner) for inner in ("", "lang", "voices", "voices/!v")]
    for source, folder in (*linked, (_OWN_VOICES, own)):
        for entry in source.iterdir():
            link = folder / entry.name
            if link.is_symlink() or not link.is_dir():
                _link(entry, link)
    drawn_speakers.write(speakers)
    return target


def _link(entry: Path, link: Path) -> None:
    if link.is_symlink() and link.readlink() == entry:
        return
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.symlink_to(entry)
    temporary.replace(link)


@lru_cache(maxsize=1)
def load() -> Espeak:
    """This process's instance. A forked worker keeps its copy of the parent's: initialising a second
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
    instance = Espeak(library, sample_rate)
    instance.callback = _CALLBACK(instance.collect)
    library.espeak_SetSynthCallback(instance.callback)
    return instance


def speak(text: str, voice: Voice) -> Speech:
    """`text` in a voice of espeak-ng, with words and phonemes. Raises SynthesisError."""
    espeak = load()
    samples, spans = espeak.speak(text, voice)
    resampled = soxr.resample(samples, espeak.sample_rate, SAMPLE_RATE).astype(np.float32)
    ratio = SAMPLE_RATE / espeak.sample_rate
    words = []
    for index, (first, start, end) in enumerate(spans):
        after = spans[index + 1][0] if index + 1 < len(spans) else len(text)
        word = text[first:after].strip(_PUNCTUATION)
        words.append(Word(word, first, round(start * ratio), round(end * ratio)))
    phonemes = (
        replace(phoneme, start_sample=round(phoneme.start_sample * ratio)) for phoneme in espeak.phonemes
    )
    return Speech(resampled, tuple(words), tuple(phonemes))
