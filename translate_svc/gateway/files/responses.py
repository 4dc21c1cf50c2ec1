"""The response formats of files: json, text, srt, vtt and verbose_json."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiohttp import web

from translate_svc.languages import Language
from translate_svc.subtitles.cues import Cue, SpokenText, timed
from translate_svc.subtitles.segments import Segment
from translate_svc.subtitles.text_formats import TEXT_FORMATS
from translate_svc.types import TokenInfo

FORMATS = ("json", "text", "srt", "verbose_json", "vtt")

WARNINGS_HEADER = "x-warnings"
_SUBTITLE_TYPES = {"srt": "application/x-subrip", "vtt": "text/vtt"}
_SEEK_HZ = 100
"""Whisper's ``seek`` counts frames of 10 ms."""


def respond(
    kind: str,
    segments: Sequence[Segment],
    *,
    text: str,
    task: str,
    language: Language,
    duration_s: float,
    words: bool,
    logprobs: Sequence[TokenInfo] | None,
    warnings: Sequence[Mapping[str, Any]],
) -> web.Response:
    """The response in the format ``kind``, one of ``FORMATS``.

    ``task``: ``translate`` or ``transcribe``. ``language``: of the text. ``words``: with the time of every
    word (verbose_json). ``logprobs``: the tokens of ``text``, to be shown (json). ``warnings``: as of
    ``Transcript``; some formats have no place for them, so a header tells their codes.
    """
    if kind in ("json", "verbose_json"):
        body: dict[str, Any] = {"text": text, "usage": {"type": "duration", "seconds": math.ceil(duration_s)}}
        if warnings:
            body["warnings"] = warnings
        if kind == "verbose_json":
            body |= {"task": task, "language": language.name.lower(), "duration": round(duration_s, 3)}
            body["segments"] = [_segment(index, segment) for index, segment in enumerate(segments)]
        if words:
            body["words"] = [word for segment in segments for word in words_of(segment)]
        if logprobs is not None:
            body["logprobs"] = [logprob(token) for token in logprobs]
        response = web.json_response(body)
    elif kind == "text":
        response = web.Response(text=f"{text}\n")
    else:
        subtitles = TEXT_FORMATS[kind](_cues(segments), language.code)
        response = web.Response(text=subtitles, content_type=_SUBTITLE_TYPES[kind])
    if warnings:
        response.headers[WARNINGS_HEADER] = ", ".join(dict.fromkeys(each["code"] for each in warnings))
    return response


def logprob(token: TokenInfo) -> dict[str, Any]:
    """A token as OpenAI's ``logprobs`` have it."""
    return {
        "token": token.text,
        "logprob": token.log_probability,
        "bytes": list(token.text.encode()),
    }


def words_of(segment: Segment) -> list[dict[str, Any]]:
    """The words of a segment with the times at which they were said, in seconds."""
    return [
        {"word": word.text, "start": word.start_ms / 1000, "end": word.end_ms / 1000}
        for word in segment.words()
    ]


def _cues(segments: Iterable[Segment]) -> list[Cue]:
    return timed(
        cue
        for segment in segments
        for cue in SpokenText(
            segment.text,
            start_ms=segment.start_ms,
            end_ms=segment.end_ms,
            audio_ms=segment.audio_ms,
            tokens=segment.tokens,
        ).cues()
    )


def _segment(index: int, segment: Segment) -> dict[str, Any]:
    data = segment.text.encode()
    logprobs = [token.log_probability for token in segment.tokens]
    return {
        "id": index,
        "seek": segment.start_ms * _SEEK_HZ // 1000,
        "start": segment.start_ms / 1000,
        "end": segment.end_ms / 1000,
        "text": segment.text,
        "tokens": [token.token_id for token in segment.tokens],
        "temperature": 0.0,
        "avg_logprob": sum(logprobs) / len(logprobs) if logprobs else 0.0,
        "compression_ratio": len(data) / len(zlib.compress(data)),
        "no_speech_prob": 0.0,  # the detector has found speech here, or there would be no segment
    }
