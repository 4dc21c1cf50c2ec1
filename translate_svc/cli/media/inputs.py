"""The media files that the arguments of a command name."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from translate_svc import languages
from translate_svc.cli.exit_codes import UsageError
from translate_svc.errors import InvalidArgument

_AUDIO = "aac ac3 aif aiff amr flac m4a m4b mka mp2 mp3 oga ogg opus wav wma"
_VIDEO = "3gp avi flv m4v mkv mov mp4 mpeg mpg mts ogv ts webm wmv"
MEDIA_SUFFIXES = frozenset(f".{name}" for name in f"{_AUDIO} {_VIDEO}".split())
"""Suffixes of the files that are taken from a directory. A file that is named itself may have any."""

_ADDRESS = re.compile("([a-z][a-z0-9+.-]+)://")


def media_files(arguments: Sequence[str]) -> tuple[Path, ...]:
    """The files of ``arguments``: files, ``-`` for standard input, and the media files of directories.

    A directory's ``talk.spa.wav`` beside its ``talk.mp3`` is a dub of an earlier run, and is left out.

    Raises:
        UsageError: an argument is an address.
        InvalidArgument: a directory holds no media file.
    """
    found: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if address := _ADDRESS.match(argument):
            fetch = f"curl {address[1]}://... | translate-svc translate -"
            raise UsageError(f"is an address, not a file; fetch it first: {fetch}", field=argument)
        if path.is_dir():
            media = sorted(each for each in path.iterdir() if each.suffix.lower() in MEDIA_SUFFIXES)
            stems = {each.stem for each in media}
            inside = [each for each in media if not _is_dub(each, stems)]
            if not inside:
                raise InvalidArgument("holds no audio or video file", field=argument)
            found += inside
        else:
            found.append(path)
    return tuple(dict.fromkeys(found))


def _is_dub(path: Path, stems: Collection[str]) -> bool:
    stem, _, code = path.stem.rpartition(".")
    return stem in stems and any(language.code == code for language in languages.packaged())
