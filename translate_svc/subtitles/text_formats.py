"""Cues as files: SubRip, WebVTT, Advanced SubStation Alpha, plain text, TSV, JSON.

Where a cue has a speaker, each format has the name in its own place; those without a place for it have it in
the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from translate_svc.subtitles.cues import Cue

_ASS_HEAD = """[Script Info]
ScriptType: v4.00+
PlayResX: 1920
PlayResY: 1080
WrapStyle: 2
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, \
MarginR, MarginV, Encoding
Style: Default,Arial,60,&H00FFFFFF,&H000000FF,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,120,120,60,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def srt(cues: Sequence[Cue], language: str) -> str:
    """SubRip: numbered cues."""
    return "\n".join(
        f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{_block(cue.named_lines)}"
        for number, cue in enumerate(cues, 1)
    )


def webvtt(cues: Sequence[Cue], language: str) -> str:
    """WebVTT (W3C). Markup characters are escaped; a speaker is a voice span, which ends with its cue."""
    blocks = (
        f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n"
        f"{_voice(cue.speaker)}{_block(map(_escaped, cue.lines))}"
        for cue in cues
    )
    return "\n".join(["WEBVTT\n", *blocks])


def ass(cues: Sequence[Cue], language: str) -> str:
    """Advanced SubStation Alpha, as libass reads it. Braces and backslashes would be commands, and a comma
    would end the name of a speaker.
    """
    lines = (
        f"Dialogue: 0,{_ass_clock(cue.start_ms)},{_ass_clock(cue.end_ms)},Default,"
        f"{cue.speaker.replace(',', ' ')},0,0,0,," + ass_text(cue.lines)
        for cue in cues
    )
    return _ASS_HEAD + _block(lines)


def ass_text(lines: Iterable[str]) -> str:
    """The lines of a cue as the text of an ASS event."""
    return r"\N".join(re.sub(r"[{}\\]", _ass_escaped, line) for line in lines)


def text(cues: Sequence[Cue], language: str) -> str:
    """One line a cue."""
    return _block(" ".join(cue.named_lines) for cue in cues)


def tsv(cues: Sequence[Cue], language: str) -> str:
    """Start and end in milliseconds and the text, as Whisper writes them, then speakers if there are any."""
    if not any(cue.speaker for cue in cues):
        rows = (f"{cue.start_ms}\t{cue.end_ms}\t{cue.text}" for cue in cues)
        return _block(["start\tend\ttext", *rows])
    rows = (f"{cue.start_ms}\t{cue.end_ms}\t{cue.text}\t{cue.speaker}" for cue in cues)
    return _block(["start\tend\ttext\tspeaker", *rows])


def json_segments(cues: Sequence[Cue], language: str) -> str:
    """The language and its segments, in seconds, as Whisper names them; ``speaker`` as WhisperX does."""
    segments = [
        {"id": number, "start": cue.start_ms / 1000, "end": cue.end_ms / 1000, "text": cue.text}
        | ({"speaker": cue.speaker} if cue.speaker else {})
        for number, cue in enumerate(cues)
    ]
    return json.dumps({"language": language, "segments": segments}, ensure_ascii=False, indent=1) + "\n"


TEXT_FORMATS: Mapping[str, Callable[[Sequence[Cue], str], str]] = {
    "srt": srt,
    "vtt": webvtt,
    "ass": ass,
    "txt": text,
    "tsv": tsv,
    "json": json_segments,
}
"""Renderers by the suffix of the file; each takes the cues and the code of their language."""


def _block(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _escaped(line: str) -> str:
    return re.sub("[&<>]", lambda found: {"&": "&amp;", "<": "&lt;", ">": "&gt;"}[found[0]], line)


def _voice(speaker: str) -> str:
    return f"<v {_escaped(speaker)}>" if speaker else ""


def _ass_escaped(found: re.Match[str]) -> str:
    # a backslash cannot be escaped: a word joiner keeps it from beginning a command
    return {"{": r"\{", "}": r"\}", "\\": "\\\u2060"}[found[0]]


def _clock(ms: int, mark: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{ms:03d}"


def _ass_clock(ms: int) -> str:
    seconds, hundredths = divmod(ms // 10, 100)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{hundredths:02d}"
