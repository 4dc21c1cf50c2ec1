"""The files that ``translate`` writes of one input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from translate_svc.cli.media.arguments import EVENTS_FORM, SPEECH_FORM, TranslateArguments, form_of
from translate_svc.cli.media.cue_sink import CueSink, TextStream
from translate_svc.cli.media.film import KeptOriginal
from translate_svc.cli.media.film_sink import FilmSink
from translate_svc.cli.output.output_file import OutputFiles, path_for
from translate_svc.cli.output.sinks import STDOUT, JsonSink, Sink, SpeechSink
from translate_svc.types import StreamSettings


def file_sinks(
    arguments: TranslateArguments,
    source: Path,
    settings: StreamSettings,
    files: OutputFiles,
    rate_hz: int,
    track: int = 1,
) -> Iterator[Sink]:
    """The files of one input, as the options name them, and those of ``--output-dir``.

    ``track``: number of the audio track that is heard.
    """
    codes = [target.language for target in settings.targets]
    streams = [TextStream(code) for code in codes]
    if settings.source_language is not None and arguments.transcript:
        streams.append(TextStream(settings.source_language, transcript=True))
    if arguments.output is not None and arguments.makes_film:
        transcript = settings.source_language if arguments.transcript else None
        kept = None if arguments.duck_db is None else KeptOriginal(track, arguments.duck_db)
        yield FilmSink(files, source, arguments.output, codes, transcript, rate_hz, kept, arguments.part)
    elif arguments.output is not None:
        yield SpeechSink(files, arguments.output, codes, rate_hz, sides=arguments.sides)
    if arguments.json is not None:
        yield JsonSink(files, arguments.json, audio=arguments.json_audio)
    outputs: dict[TextStream, list[tuple[str, Path]]] = {stream: [] for stream in streams}
    for stream in streams if arguments.subtitles is not None else ():
        assert arguments.subtitles is not None
        several = len(codes) > 1 if not stream.transcript else bool(codes)
        path = path_for(arguments.subtitles, stream.language, several=several)
        outputs[stream].append((form_of(path), files.add(path)))
    named_after = source.stem if source != STDOUT else "translation"
    base = (arguments.output_dir or Path()) / (arguments.name or named_after)
    for form in arguments.forms:
        named = base.with_name(f"{base.name}.{form}")
        if form == SPEECH_FORM:
            yield SpeechSink(files, named, codes, rate_hz, always_named=True, sides=arguments.sides)
        elif form == EVENTS_FORM:
            yield JsonSink(files, named, audio=arguments.json_audio)
        else:
            for stream in streams:
                path = path_for(named, stream.language, several=True)
                outputs[stream].append((form, files.add(path)))
    if any(outputs.values()):
        yield CueSink(outputs, rate_hz)
