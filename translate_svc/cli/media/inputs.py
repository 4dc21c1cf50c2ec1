"""The media files that the arguments of a command name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath

from translate_svc import languages
from translate_svc.cli.media.remote_files import is_address, matching
from translate_svc.errors import InvalidArgument

_AUDIO = "aac ac3 aif aiff amr flac m4a m4b mka mp2 mp3 oga ogg opus wav wma"
_VIDEO = "3gp avi flv m4v mkv mov mp4 mpeg mpg mts ogv ts webm wmv"
MEDIA_SUFFIXES = frozenset(f".{name}" for name in f"{_AUDIO} {_VIDEO}".split())
"""Suffixes of the files that are taken from a directory. A file that is named itself may have any."""

Source = Path | str
"""A file, or the address of one."""


def media_files(arguments: Sequence[str]) -> tuple[Source, ...]:
    """The files of ``arguments``: files, ``-`` for standard input, the media files of directories, and the
    addresses of files (``remote_files.matching``).

    A directory's ``talk.spa.wav`` beside its ``talk.mp3`` is a dub of an earlier run, and is left out.

    Raises:
        InvalidArgument: a directory holds no media file, an address names none, or an argument is empty.
    """
    found: list[Source] = []
    for argument in arguments:
        refuse_empty(argument)
        path = Path(argument)
        if is_address(argument) and not path.exists():
            found += _at_address(argument)
        elif path.is_dir():
            found += media_in(path)
        else:
            found.append(path)
    return tuple(dict.fromkeys(found))


def refuse_empty(argument: str) -> None:
    """Raises InvalidArgument for an empty name, as of a script's variable that is not set: ``Path`` takes it
    for this directory.
    """
    if not argument:
        raise InvalidArgument("is empty: name a file, or . for this directory", field="FILE")


def _at_address(address: str) -> list[str]:
    found = [each for each, _ in matching(address, MEDIA_SUFFIXES)]
    if not found:
        raise InvalidArgument("names no audio or video file", field=address)
    return found


def name_of(source: Source) -> str:
    """What the outputs of a file are called after."""
    return PurePosixPath(source).stem


def media_in(folder: Path) -> list[Path]:
    """The media files of a directory, without the dubs that lie beside their originals.

    Raises:
        InvalidArgument: there are none.
    """
    named = (each for each in folder.iterdir() if each.suffix.lower() in MEDIA_SUFFIXES)
    inside = without_dubs(each for each in named if may_be_file(each))
    if not inside:
        raise InvalidArgument("holds no audio or video file", field=str(folder))
    return inside


def may_be_file(path: Path) -> bool:
    """Whether a path in a folder is a file, or a link to none, which is told when its turn comes. A pipe in a
    folder would be waited for without an end.
    """
    return path.is_file() or not path.exists()


def without_dubs(media: Iterable[Path]) -> list[Path]:
    """The files of ``media``, sorted, without ``talk.spa.wav`` if ``talk.mp3`` is in the same folder."""
    files = sorted(media)
    stems: defaultdict[Path, set[str]] = defaultdict(set)
    for each in files:
        stems[each.parent].add(each.stem)
    return [each for each in files if not _is_dub(each, stems[each.parent])]


def _is_dub(path: Path, stems: Collection[str]) -> bool:
    stem, _, code = path.stem.rpartition(".")
    return stem in stems and any(language.code == code for language in languages.packaged())
