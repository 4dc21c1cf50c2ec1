"""The recordings by which heads that follow the source are found: the shipped ones, or a folder's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import soundfile

from translate_svc.audio.files import read_audio
from translate_svc.cli.exit_codes import UsageError
from translate_svc.types import Samples

_TARGETS = ("eng", "spa", "fra", "deu")
"""Preferred, in turns; a clip is not translated into its own language."""
_TARGETS_OF_A_CLIP = 2


@dataclass(frozen=True, slots=True, eq=False)
class AlignmentClip:
    """16 kHz samples of speech, a language to translate them into, and theirs if it is known."""

    samples: Samples
    language: str
    source: str | None = None


def shipped_folder() -> AbstractContextManager[Path]:
    """What the package brings for a calibration; within it, it is a folder."""
    return resources.as_file(resources.files("translate_svc").joinpath("data/calibration"))


def read_clips(folder: Path | None, languages: Sequence[str], spoken: Sequence[str]) -> list[AlignmentClip]:
    """Every clip, once for each of its targets among ``languages``. The shipped ones are named by their
    language, which others may be, too, if it is one of ``spoken``.

    Raises:
        UsageError: ``folder`` is no directory, or has no files, or one that is no recording.
    """
    targets = [code for code in _TARGETS if code in languages] or list(languages)[:1]
    if folder is None:
        with shipped_folder() as shipped:
            return _read(sorted(shipped.glob("*.ogg")), targets, spoken, _read_shipped)
    if not folder.is_dir():
        raise UsageError("is not a directory", field="--clips")
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    if not files:
        raise UsageError("has no files", field="--clips")
    return _read(files, targets, spoken, lambda path: read_audio(path)[0])


def _read_shipped(path: Path) -> Samples:
    """Opus in Ogg, a fifth of the size of a format that ``read_audio`` takes."""
    samples, _ = soundfile.read(path, dtype="float32")
    return np.asarray(samples, np.float32)


def _read(
    files: Sequence[Path],
    targets: Sequence[str],
    spoken: Sequence[str],
    read: Callable[[Path], Samples],
) -> list[AlignmentClip]:
    """Each file, 16 kHz as the model takes it."""
    clips = []
    for index, path in enumerate(files):
        others = [code for code in targets if not path.name.startswith(code)] or targets
        samples = read(path)
        chosen = {others[(index + turn) % len(others)] for turn in range(_TARGETS_OF_A_CLIP)}
        source = next((code for code in spoken if path.name.startswith(code)), None)
        clips += [AlignmentClip(samples, language, source) for language in sorted(chosen)]
    return clips
