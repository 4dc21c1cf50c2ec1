"""The files that ``translate`` writes of one input."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from translate_svc.cli.media.argument_checks import EVENTS_FORM, PLAIN_FORM, SPEECH_FORM, form_of
from translate_svc.cli.media.arguments import TranslateArguments
from translate_svc.cli.media.burn_in.burning import Burning
from translate_svc.cli.media.cue_sink import CueSink, TextStream
from translate_svc.cli.media.film import KeptOriginal
from translate_svc.cli.media.film_sink import FilmSink
from translate_svc.cli.output.output_file import OutputFiles, path_for
from translate_svc.cli.output.sinks import STDOUT, JsonSink, Sink, SpeechSink
from translate_svc.subtitles.text_formats import TEXT_FORMATS
from translate_svc.types import StreamSettings


def file_sinks(
    arguments: TranslateArguments,
    source: Path,
    settings: StreamSettings,
    files: OutputFiles,
    rate_hz: int,
    track: int = 1,
    *,
    kept_times: bool = False,
) -> Iterator[Sink]:
    """The files of one input, as the options name them, and those of ``--output-dir``.

    ``rate_hz``: of the positions of events. ``track``: number of the audio track that is heard.
    ``kept_times``: as of ``CueSink``.
    """
    codes = [target.language for target in settings.targets]
    streams = [TextStream(code) for code in codes]
    if settings.source_language is not None and arguments.transcript:
        streams.append(TextStream(settings.source_language, transcript=True))
    if arguments.output is not None and arguments.makes_film:
        shown = streams if arguments.bilingual or not arguments.burn_in else streams[:1]
        burning = None
        if arguments.burn_in:
            burning = Burning(source, [each.language for each in shown], arguments.font)
        spoken = next((each.language for each in shown if each.transcript), None)
        kept = None if arguments.duck_db is None else KeptOriginal(track, arguments.duck_db)
        yield FilmSink(
            *(files, source, arguments.output, codes, spoken, rate_hz, kept, arguments.part),
            speaks=arguments.dubs,
            kept_times=kept_times,
            burning=burning,
        )
    yield from sound_and_events(arguments, source, codes, files, rate_hz)
    outputs: dict[TextStream, list[tuple[str, Path]]] = {stream: [] for stream in streams}
    together: list[tuple[str, Path]] = []
    if arguments.subtitles is not None and arguments.bilingual:
        together.append((form_of(arguments.subtitles), files.add(arguments.subtitles, grows=True)))
    for stream in streams if arguments.subtitles is not None and not together else ():
        assert arguments.subtitles is not None
        several = len(codes) > 1 if not stream.transcript else bool(codes)
        path = path_for(arguments.subtitles, stream.language, several=several)
        outputs[stream].append((form_of(path), files.add(path, grows=True)))
    for named in _named_after(arguments, source, TEXT_FORMATS):
        for stream in streams:
            path = path_for(named, stream.language, several=True)
            outputs[stream].append((form_of(path), files.add(path, grows=True)))
    if together or any(outputs.values()):
        cues = CueSink(outputs, rate_hz, together, kept_times=kept_times)
        files.at_failure(cues.keep)
        yield cues


def plain_files(
    arguments: TranslateArguments, source: Path, codes: Sequence[str], files: OutputFiles
) -> dict[str, list[Path]]:
    """The files of ``--format txt`` and of ``--subtitles``, by language."""
    found: dict[str, list[Path]] = {code: [] for code in codes}
    for code, paths in found.items():
        if arguments.subtitles is not None:
            paths.append(path_for(arguments.subtitles, code, several=len(codes) > 1))
        paths += [
            path_for(each, code, several=True) for each in _named_after(arguments, source, (PLAIN_FORM,))
        ]
    return {code: [files.add(path, grows=True) for path in paths] for code, paths in found.items()}


def sound_and_events(
    arguments: TranslateArguments, source: Path, codes: Sequence[str], files: OutputFiles, rate_hz: int
) -> Iterator[Sink]:
    """The dubs that are no films, and the files of events."""
    sides = arguments.sides
    if arguments.output is not None and not arguments.makes_film:
        yield SpeechSink(files, arguments.output, codes, rate_hz, sides=sides)
    if arguments.json is not None:
        yield JsonSink(files, arguments.json, audio=arguments.json_audio)
    for named in _named_after(arguments, source, (SPEECH_FORM,)):
        yield SpeechSink(files, named, codes, rate_hz, always_named=True, sides=sides)
    for named in _named_after(arguments, source, (EVENTS_FORM,)):
        yield JsonSink(files, named, audio=arguments.json_audio)


def _named_after(arguments: TranslateArguments, source: Path, forms: Collection[str]) -> Iterator[Path]:
    """The files of ``--format`` for an input, those of ``forms``, still without their languages."""
    own = source.stem if source != STDOUT else "translation"
    base = (arguments.output_dir or Path()) / (arguments.name or own)
    for form in arguments.forms:
        if form in forms:
            yield base.with_name(f"{base.name}.{form}")
