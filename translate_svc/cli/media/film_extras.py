"""What a film has beside its tracks, for its copy: title and other tags, chapters, cover, attached fonts."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from translate_svc.audio.timed_planes import MICROSECONDS_PER_S
from translate_svc.cli.media.burn_in.picture import is_cover
from translate_svc.cli.media.part import Part
from translate_svc.cli.output.dub_file import DubFormat

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.container.core import Chapter
    from av.packet import Packet
    from av.stream import Stream

_OF_THE_FILE = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "creation_time"}
    | {"company_name", "product_name", "product_version"}
)
"""Tags that are about the file and who wrote it, not about the film."""
_COVER_FILES = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}
"""By the codec of a cover: what Matroska calls it."""


def copy_extras(
    film: InputContainer, source: Path, output: OutputContainer, form: DubFormat, part: Part
) -> list[Packet[Stream]]:
    """Adds to ``output`` what it can hold of the extras of ``film``, which is ``source``. Returns packets to
    write before all others.
    """
    output.metadata.update(
        {name: text for name, text in film.metadata.items() if name.lower() not in _OF_THE_FILE}
    )
    output.set_chapters(list(_chapters(film, part)))
    if form.container == "matroska":
        _attach_files(film, output)
    return list(_covers(source, output, form))


def _chapters(film: InputContainer, part: Part) -> Iterator[Chapter]:
    """The chapters of the part, with times from its start on."""
    start_s = Fraction(film.start_time or 0, MICROSECONDS_PER_S) + Fraction(part.start_s)
    for number, chapter in enumerate(film.chapters()):
        tick_s = chapter["time_base"] or Fraction(1, MICROSECONDS_PER_S)
        start, end = chapter["start"] * tick_s - start_s, chapter["end"] * tick_s - start_s
        if part.duration_s is not None:
            end = min(end, Fraction(part.duration_s))
        start = max(start, Fraction(0))
        if start < end:
            yield {
                "id": number,
                "start": round(start * 1000),
                "end": round(end * 1000),
                "time_base": Fraction(1, 1000),
                "metadata": chapter["metadata"],
            }


def _attach_files(film: InputContainer, output: OutputContainer) -> None:
    """Attaches the files of a Matroska film, such as the fonts of its subtitles."""
    import av

    for stream in film.streams:
        if isinstance(stream, av.stream.AttachmentStream) and (data := stream.data):
            kind = stream.mimetype or "application/octet-stream"
            output.add_attachment(stream.name or f"attachment {stream.index}", kind, data)


def _covers(source: Path, output: OutputContainer, form: DubFormat) -> Iterator[Packet[Stream]]:
    """Adds the covers. Matroska has them as files, WebM has none, MP4 a track and the packets yielded."""
    import av

    # opened once more: reading a cover moves on in the film
    with av.open(f"file:{source}") as film:
        covers = [each for each in film.streams if is_cover(each)]
        for stream in covers:
            codec = stream.codec_context.name if stream.codec_context else ""
            packet = next((each for each in film.demux(stream) if each.size), None)
            if packet is None or codec not in _COVER_FILES or form.container == "webm":
                continue
            if form.container == "matroska":
                name, kind = _COVER_FILES[codec]
                output.add_attachment(stream.metadata.get("filename", name), kind, bytes(packet))
                continue
            track = output.add_stream_from_template(stream)
            track.disposition = av.stream.Disposition.attached_pic
            packet.stream, packet.pts, packet.dts = track, 0, 0
            yield packet
