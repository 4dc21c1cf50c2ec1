"""Whether the arguments of ``translate`` go together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from translate_svc.audio.audio_tracks import Channel
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.media.burn_in.fonts import BURN_FLAG, FONT_FLAG
from translate_svc.cli.media.inputs import Source, name_of
from translate_svc.cli.media.text_files import SUBTITLE_SUFFIXES, is_text_file
from translate_svc.cli.output.dub_file import DUB_FORMATS
from translate_svc.cli.output.sinks import STDOUT
from translate_svc.errors import OutOfRange
from translate_svc.subtitles.text_formats import TEXT_FORMATS
from translate_svc.vad.options import VadOptions

if TYPE_CHECKING:
    from translate_svc.cli.media.arguments import TranslateArguments

SPEECH_FORM, EVENTS_FORM, PLAIN_FORM = "wav", "jsonl", "txt"
FORMS = (*TEXT_FORMATS, SPEECH_FORM, EVENTS_FORM)
"""What ``--format`` takes."""

_DOCUMENTS = "csv doc docx epub htm html json md odt pdf rst rtf sbv tsv ttml xml"
"""Suffixes of files whose text nothing here reads."""
_VAD_FLAGS = {"threshold": "--vad-threshold"}


def check_together(arguments: TranslateArguments) -> None:
    """Raises UsageError, which names a flag, if arguments contradict each other."""
    checks = (_check_folder, _check_vad, _check_sides, _check_texts, _check_film, _check_burning)
    for check in checks:
        check(arguments)


def _check_texts(arguments: TranslateArguments) -> None:
    for each in arguments.inputs:
        if form_of(Path(each)) in _DOCUMENTS.split():
            message = "is a document: save its text as .txt, or its subtitles as .srt, .vtt or .ass"
            raise UsageError(message, field=str(each))
    is_shown = arguments.subtitles is not None or arguments.burn_in
    if arguments.bilingual and not (is_shown and len(arguments.targets) + arguments.transcript > 1):
        message = "needs --subtitles or --burn-in, and --transcript or several targets"
        raise UsageError(message, field="--bilingual")
    if arguments.subtitles_in is not None:
        first, *others = arguments.inputs
        is_one = not others and first != STDOUT and not is_text_file(first)
        if not is_one or arguments.subtitles_in.suffix.lower() not in SUBTITLE_SUFFIXES:
            raise UsageError("takes .srt, .vtt or .ass, for one film or recording", field="--subtitles-in")
    elif not any(map(is_text_file, arguments.inputs)):
        return
    if arguments.from_ is None or not arguments.targets:
        raise UsageError("is needed for texts", field="--to" if arguments.from_ else "--from")
    if arguments.subtitles_in is None and any(map(_is_plain, arguments.inputs)):
        named = [("--format", form) for form in arguments.forms]
        if arguments.subtitles is not None:
            named.append(("--subtitles", form_of(arguments.subtitles)))
        for flag, form in named:
            if form not in (PLAIN_FORM, SPEECH_FORM, EVENTS_FORM):
                message = f"{form} needs times, which a plain text has not: write .{PLAIN_FORM}"
                raise UsageError(message, field=flag)
    if len(arguments.targets) > 1 and not arguments.writes_files:
        raise UsageError("several languages of a text need --format or --subtitles", field="--to")
    of_audio = {
        "--simultaneous": arguments.simultaneous,
        "--fit": arguments.fit,
        "--speakers-by-channel": arguments.speakers_by_channel,
        "--start": not arguments.part.is_all,
    }
    for flag, given in of_audio.items():
        if given:
            raise UsageError("is for audio, not for texts", field=flag)


def _check_film(arguments: TranslateArguments) -> None:
    if arguments.makes_film and any(map(is_pipe, arguments.inputs)):
        message = "a film reads its input twice: it cannot be made from standard input or a pipe"
        raise UsageError(message, field="--output")


def _check_burning(arguments: TranslateArguments) -> None:
    if not arguments.burn_in:
        if arguments.font is not None:
            raise UsageError(f"needs {BURN_FLAG}", field=FONT_FLAG)
        return
    output = arguments.output if arguments.makes_film else None
    if output is None or DUB_FORMATS[output.suffix.lower()].picture is None:
        raise UsageError("needs --output .mp4, .mkv, .mov or .webm", field=BURN_FLAG)
    if len(arguments.targets) > 1 and not arguments.bilingual:
        raise UsageError("shows one language: give one target, or --bilingual for all", field=BURN_FLAG)
    import PIL  # noqa: F401


def _check_folder(arguments: TranslateArguments) -> None:
    for form in arguments.forms:
        if form not in FORMS:
            raise UsageError(f"{form!r} is none of {', '.join(FORMS)}", field="--format")
    if SPEECH_FORM in arguments.forms and (arguments.text or not arguments.targets):
        raise UsageError(f"{SPEECH_FORM} needs speech: give --to, and no --text", field="--format")
    if arguments.output_dir is not None and not arguments.forms:
        raise UsageError("needs --format", field="--output-dir")
    files = {
        "--output": arguments.output,
        "--subtitles": arguments.subtitles,
        "--json": arguments.json,
    }
    for flag, path in files.items():
        if len(arguments.inputs) > 1 and path is not None:
            message = "is one file, but there are several inputs: use --output-dir and --format"
            raise UsageError(message, field=flag)
    name, count = Counter(name_of(each) for each in arguments.inputs).most_common(1)[0]
    if arguments.forms and count > 1:
        raise UsageError(f"{count} inputs are called {name}: their files would be too", field="--format")


def _check_sides(arguments: TranslateArguments) -> None:
    if arguments.speakers_by_channel:
        if arguments.channel is not Channel.MIX:
            raise UsageError("hears one side, --speakers-by-channel both", field="--channel")
        if arguments.fit:
            raise UsageError("does not go with --speakers-by-channel", field="--fit")
        if arguments.makes_film:
            raise UsageError("cannot be a film with --speakers-by-channel: .wav, .mp3", field="--output")
    for flag, given in (("--fit", arguments.fit), ("--speakers-by-channel", arguments.speakers_by_channel)):
        if given and any(map(is_pipe, arguments.inputs)):
            raise UsageError("reads its input twice: standard input and pipes cannot be", field=flag)


def _check_vad(arguments: TranslateArguments) -> None:
    try:
        VadOptions().with_settings(arguments.vad, field="vad")
    except OutOfRange as error:
        name = error.field.removeprefix("vad.")
        flag = _VAD_FLAGS.get(name, f"--{name.replace('_', '-')}")
        raise UsageError(error.description, field=flag) from None


def form_of(path: Path) -> str:
    """The format of a file of texts, by its name: ``srt``."""
    return path.suffix.lower().removeprefix(".")


def _is_plain(source: Source) -> bool:
    return is_text_file(source) and form_of(Path(source)) == PLAIN_FORM


def is_pipe(source: Source) -> bool:
    return source == STDOUT or (isinstance(source, Path) and source.is_fifo())
