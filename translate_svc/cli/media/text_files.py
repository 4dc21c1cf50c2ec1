"""Texts and subtitles that are translated, or spoken: what is in them, and the places of their translation.

SubStation Alpha is read by pysubs2. A sentence that runs over several cues is translated as one, and its
translation is parted among these cues.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from translate_svc.errors import InvalidArgument
from translate_svc.subtitles.cue_reading import srt_cues, webvtt_cues
from translate_svc.subtitles.cues import Cue
from translate_svc.subtitles.line_breaks import Unit, blocks_of, cells_of, joined, lines_of, units_of
from translate_svc.subtitles.rolling_captions import without_repeats

SUBTITLE_SUFFIXES = frozenset({".srt", ".vtt", ".ass", ".ssa"})
TEXT_SUFFIXES = SUBTITLE_SUFFIXES | {".txt"}
"""Of the files that are read as texts."""

_CUE_READERS = {".srt": srt_cues, ".vtt": webvtt_cues}
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NEAR_MS = 1_000
_MOST_CUES = 6
_MOST_CHARACTERS = 4_000
"""Of one request: a server takes 10,000, unless it is told otherwise."""
_PIECE_ENDS = (
    re.compile(r"[.!?\u2026\u061f\u0964][\"'\u00bb\u201d\u2019)\]]*\s|[\u3002\uff01\uff1f]"),
    re.compile(r"\n"),
    re.compile(r"\s"),
)
"""Where a long paragraph is parted: best after a sentence, else after a line, else after a word."""
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
"""Old exports and terminals leave them in texts; they mean nothing, and a server refuses them."""
_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\u061f\u0964\u266a][\W_]*$")
_DIALOGUE = re.compile(r"\s*[-\u2013\u2014]\s*\S")
_NEXT_SPEAKER = re.compile(r"(?<=[^\w\s,])\s+(?=[-\u2013\u2014]\s*\S)")
"""Behind the end of a sentence: the dash of whoever speaks next."""
_PARAGRAPH_BREAK = re.compile(r"(\s*\n[ \t]*\n\s*)")


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive cues whose text is translated as one; a paragraph of a plain text is one cue at 0."""

    cues: tuple[Cue, ...]

    @property
    def text(self) -> str:
        """What is translated."""
        return " ".join(cue.text for cue in self.cues)

    def parted(self, translation: str) -> list[str]:
        """The translation, parted among the cues in proportion to their texts."""
        if len(self.cues) == 1:
            return [translation.strip()]
        units = units_of(translation)
        lengths = list(itertools.accumulate(len(cue.text) for cue in self.cues))
        ends = [round(len(units) * length / lengths[-1]) for length in lengths]
        return [joined(units[start:end]) for start, end in itertools.pairwise([0, *ends])]


@dataclass(frozen=True, slots=True)
class TextFile:
    """The passages of a file. ``between``: what stands between those of a plain text; None for subtitles."""

    passages: tuple[Passage, ...]
    between: tuple[str, ...] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it has no times."""
        return self.between is not None

    @property
    def end_ms(self) -> int:
        """Where its last cue ends."""
        return max(cue.end_ms for each in self.passages for cue in each.cues)

    @property
    def last_start_ms(self) -> int:
        """Where its last cue begins."""
        return max(cue.start_ms for each in self.passages for cue in each.cues)

    def until(self, end_ms: int) -> TextFile:
        """The cues that begin before ``end_ms``."""
        kept = (tuple(cue for cue in each.cues if cue.start_ms < end_ms) for each in self.passages)
        return replace(self, passages=tuple(Passage(cues) for cues in kept if cues))

    def plain(self, translations: Sequence[str]) -> str:
        """The translations of a plain text, with the breaks of the source between them."""
        breaks = (*(self.between or ()), "")
        parts = zip(translations, breaks, strict=True)
        return "".join(text + gap for text, gap in parts).rstrip("\n") + "\n"


def is_text_file(source: Path | str) -> bool:
    """Whether a file, or an address of one, is read as text, by its name."""
    return PurePosixPath(source).suffix.lower() in TEXT_SUFFIXES


def decoded(data: bytes) -> str:
    """A text in UTF-8, or in UTF-16 with its mark (as Windows calls "Unicode"). Raises UnicodeDecodeError."""
    return data.decode("utf-16" if data.startswith(_UTF_16_MARKS) else "utf-8-sig")


def read_text_file(path: Path) -> TextFile:
    """Reads a text, or subtitles.

    Raises:
        InvalidArgument: it cannot be read, or nothing is in it. Names the path.
    """
    try:
        text = decoded(path.read_bytes())
    except OSError as error:
        raise InvalidArgument(f"cannot be read: {error.strerror}", field=str(path)) from None
    except UnicodeDecodeError:
        raise InvalidArgument("is not a text in UTF-8", field=str(path)) from None
    if "\0" in text:
        raise InvalidArgument("is not a text in UTF-8", field=str(path))
    text = _CONTROLS.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    suffix = path.suffix.lower()
    read = _plain_text(text) if suffix not in SUBTITLE_SUFFIXES else _subtitles(text, suffix, str(path))
    if not read.passages:
        raise InvalidArgument("holds no text", field=str(path))
    return read


def cue_lines(text: str) -> tuple[str, ...]:
    """The lines of a cue that has a text of any length. In a dialogue each speaker begins a line."""
    if _DIALOGUE.match(text) and len(said := _NEXT_SPEAKER.split(text)) > 1:
        return tuple(line for each in said for line in cue_lines(each))
    units = units_of(text)
    return lines_of(units) or tuple(line for block in _fitting(units) for line in lines_of(block) or ())


def _fitting(units: list[Unit]) -> Iterable[Sequence[Unit]]:
    return blocks_of(units, 1) if cells_of(units) else ()


def _plain_text(text: str) -> TextFile:
    parts = _PARAGRAPH_BREAK.split(text.strip("\n"))
    pieces: list[str] = []
    between: list[str] = []
    for paragraph, gap in itertools.zip_longest(parts[::2], parts[1::2], fillvalue=""):
        if paragraph.strip():
            found = list(_pieces(paragraph))
            pieces += [piece for piece, _ in found]
            between += [*(space for _, space in found[:-1]), gap]
    return TextFile(tuple(Passage((Cue(0, 0, (piece,)),)) for piece in pieces), tuple(between[:-1]))


def _pieces(paragraph: str) -> Iterator[tuple[str, str]]:
    """The pieces of a paragraph that are not too long for one request, each with the space behind it."""
    while len(paragraph) > _MOST_CHARACTERS:
        found = (list(end.finditer(paragraph, 1, _MOST_CHARACTERS)) for end in _PIECE_ENDS)
        last = next((matches[-1].end() for matches in found if matches), _MOST_CHARACTERS)
        piece = paragraph[:last]
        rest = paragraph[len(piece) :].lstrip()
        if not rest:
            break
        yield piece.rstrip(), paragraph[len(piece.rstrip()) : -len(rest)]
        paragraph = rest
    yield paragraph, ""


def _subtitles(text: str, suffix: str, name: str) -> TextFile:
    read = _CUE_READERS.get(suffix)
    try:
        cues = _substation_cues(text, suffix) if read is None else read(text)
    except InvalidArgument as error:
        raise InvalidArgument(error.description, field=name) from None
    ordered = sorted(cues, key=lambda each: (each.start_ms, each.end_ms))
    return TextFile(tuple(Passage(group) for group in _sentences(without_repeats(ordered))))


def _substation_cues(text: str, suffix: str) -> list[Cue]:
    import pysubs2

    form = suffix.removeprefix(".")
    try:
        events = pysubs2.SSAFile.from_string(text, format_=form).get_text_events()
    except (pysubs2.exceptions.Pysubs2Error, ValueError):
        raise InvalidArgument(f"is not in the format {form}") from None
    read = ((event, tuple(filter(None, map(str.strip, event.plaintext.splitlines())))) for event in events)
    # as of SubRip: what begins before the film begins with it, and no cue ends before its start
    times = ((max(0, event.start), event.end, lines) for event, lines in read)
    return [Cue(start_ms, max(start_ms, end_ms), lines) for start_ms, end_ms, lines in times if lines]


def _sentences(cues: Sequence[Cue]) -> Iterable[tuple[Cue, ...]]:
    """Cues together that one sentence runs over."""
    group: list[Cue] = []
    for cue in cues:
        is_new = group and (cue.start_ms - group[-1].end_ms > _NEAR_MS or len(group) == _MOST_CUES)
        if is_new or (group and _SENTENCE_END.search(group[-1].text)):
            yield tuple(group)
            group = []
        group.append(cue)
    if group:
        yield tuple(group)
