"""Which tracks of a film its copy can hold: asked before anything is translated."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from translate_svc.audio.audio_tracks import language_name
from translate_svc.cli.media.burn_in.picture import is_cover, moving_picture
from translate_svc.cli.output.dub_file import DubFormat
from translate_svc.errors import InvalidArgument

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

_MATROSKA = "matroska"
_KINDS = {"video": "picture", "audio": "sound", "subtitle": "subtitles"}


def check_tracks(source: Path, form: DubFormat, *, burns: bool, speaks: bool) -> list[str]:
    """What of a film a copy of it has no place for and is left out, for people.

    Args:
        source: the film.
        form: of the copy.
        burns: its picture is encoded again, and has the subtitles.
        speaks: it gets a dub. Else its own sound must have a place.

    Raises:
        InvalidArgument: a track cannot be stored, or all the sound of a copy without a dub. Names the source.
    """
    import av

    with av.open(f"file:{source}") as film, av.open(io.BytesIO(), "w", format=form.container) as output:
        picture = moving_picture(film)
        wanted = [each for each in tracks_of(film) if not (burns and each is picture)]
        if burns:
            wanted = [each for each in wanted if each.type != "subtitle"]
        lost = [each for each in wanted if template_copy(each, output, form, source) is None]
        silent = [each for each in lost if each.type == "audio"]
        if silent and not speaks and len(silent) == len(film.streams.audio):
            raise _refused(silent[0], form, source)
        # the dub of a recording is no film: nobody looks for the recording in it
        return [_described(each) for each in lost] if picture is not None else []


def template_copy(stream: Stream, output: OutputContainer, form: DubFormat, source: Path) -> Stream | None:
    """A track of ``output`` for one of the film that is not encoded again; None: it is left out.

    Raises:
        InvalidArgument: it is a picture or sound that cannot be stored. Names the source.
    """
    import av

    if stream.codec_context is None or not _fits(stream, output, form):
        return None
    try:
        return output.add_stream_from_template(stream)
    except (ValueError, av.FFmpegError):
        if stream.type == "subtitle":
            return None
        raise _refused(stream, form, source) from None


def tracks_of(film: InputContainer) -> Iterator[Stream]:
    """The tracks that a copy should have. A cover is none (``copy_extras``)."""
    for stream in film.streams:
        if stream.type in _KINDS and not is_cover(stream):
            yield stream


def _fits(stream: Stream, output: OutputContainer, form: DubFormat) -> bool:
    """Whether it is copied. Subtitles and sound that do not fit are left out; a picture is an error."""
    name = stream.codec_context.name
    if stream.type == "subtitle":
        return form.container == _MATROSKA or name == form.subtitles
    return stream.type == "video" or form.container != "webm" or name in output.supported_codecs


def _refused(stream: Stream, form: DubFormat, source: Path) -> InvalidArgument:
    """Why no film can be made, and what can."""
    track = "" if stream.codec_context is None else f"{stream.codec_context.name} "
    instead = "try .mkv" if _is_for_matroska(stream) else "-o dub.wav writes the dub alone"
    return InvalidArgument(
        f"its {track}track cannot be stored in {form.container}; {instead}", field=str(source)
    )


def _is_for_matroska(stream: Stream) -> bool:
    import av

    with av.open(io.BytesIO(), "w", format=_MATROSKA) as output:
        try:
            output.add_stream_from_template(stream)
        except (ValueError, av.FFmpegError):
            return False
    return True


def _described(stream: Stream) -> str:
    codec = "an unknown codec" if stream.codec_context is None else stream.codec_context.codec.canonical_name
    tag = stream.metadata.get("language", "").replace("und", "")
    return f"{language_name(tag)} {_KINDS[stream.type]} ({codec})".lstrip()
