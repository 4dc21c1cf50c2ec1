"""The arguments of ``translate``, checked as far as possible without a model, and the files they ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from translate_svc.audio.audio_tracks import AudioChoice, Channel
from translate_svc.cli import options
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.media.argument_checks import EVENTS_FORM, FORMS, SPEECH_FORM, check_together, form_of
from translate_svc.cli.media.burn_in.fonts import BURN_FLAG, FONT_FLAG
from translate_svc.cli.media.inputs import Source, media_files
from translate_svc.cli.media.part import Part
from translate_svc.cli.media.text_files import is_text_file
from translate_svc.cli.output.channel_sides import BOTH_SIDES, ONE_STREAM, ChannelSide
from translate_svc.cli.output.dub_file import DUB_FORMATS, check_output
from translate_svc.cli.output.sinks import STDOUT
from translate_svc.cli.source_argument import check_between, check_reads_text, spoken_source
from translate_svc.cli.targets import SpeechStyle, target_settings
from translate_svc.cli.term_files import read_terms
from translate_svc.languages import LanguageTable
from translate_svc.subtitles.text_formats import TEXT_FORMATS
from translate_svc.types import (
    AUTO,
    BeamSearchSettings,
    GuardSettings,
    Inspect,
    Segmentation,
    SimultaneousSettings,
    StreamSettings,
    VadSettings,
)

Forms = Annotated[
    tuple[str, ...],
    typer.Option("--format", metavar="FORMAT[,...]", help=f"Write NAME.LANGUAGE.FORMAT: {', '.join(FORMS)}."),
    options.Parsed(list[str] | None, lambda texts: tuple(map(str.lower, options.comma_parts(texts)))),
]

_DECIBELS = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:dB)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslateArguments:
    """The arguments of the command, and their flags.

    ``name``: the files of ``--format`` are called so, instead of after their input.
    """

    inputs: Annotated[
        tuple[Source, ...],
        typer.Argument(
            metavar="INPUT",
            help="Audio or video files, directories of them, or addresses; - for standard input.",
        ),
        options.Parsed(list[str], media_files),
    ]
    to: options.To = ()
    from_: options.From = None
    between: options.Between = ()
    echo: options.EchoPolicy = None
    text: Annotated[bool, typer.Option("--text", help="Text only, also in --json.")] = False
    transcript: options.Transcript = False
    simultaneous: options.Simultaneous = False
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Translate from here on: 90, 1:30 or 1:02:03.5.")
    ] = None
    duration: Annotated[
        str | None, typer.Option(metavar="TIME", help="Translate so much; times then count from --start.")
    ] = None
    beams: options.Beams = 1
    terms: options.Terms = None
    audio_track: Annotated[
        str,
        typer.Option(
            metavar="NUMBER|LANGUAGE",
            help="Audio track of a film. Default: the one tagged as --from, else the film's default.",
            show_default=False,
        ),
    ] = ""
    channel: Annotated[Channel, typer.Option(help="Hear one side of a stereo recording, such as a call.")] = (
        Channel.MIX
    )
    speakers_by_channel: options.SpeakersByChannel = False
    style: SpeechStyle = field(default_factory=SpeechStyle)
    vad: options.Vad = field(default_factory=VadSettings)
    flag_unsure: options.FlagUnsure = True
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="SOUND|FILM|TEXTS",
            help="Write the dub: .wav, .mp3, .m4a, .flac, .opus, ..., or .mp4, .mkv, .mov, .webm with the "
            "film, the dub and its subtitles; with --text its subtitles alone. Or the texts, as --subtitles.",
        ),
    ] = None
    keep_original: Annotated[
        str | None,
        typer.Option(metavar="DB", help="Hear the original under the dub, so much quieter: -18dB."),
    ] = None
    burn_in: Annotated[
        bool,
        typer.Option(
            BURN_FLAG, help="Draw the subtitles into the picture of the film, which is encoded again."
        ),
    ] = False
    font: Annotated[
        Path | None,
        typer.Option(
            FONT_FLAG,
            metavar="FILE",
            help="Font of --burn-in: .ttf, .otf, .ttc. Default: one of the system with the letters needed.",
        ),
    ] = None
    fit: Annotated[
        bool,
        typer.Option(
            "--fit", help="Speak faster where the dub would not fit its place; takes twice as long."
        ),
    ] = False
    subtitles: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write subtitles: .srt, .vtt, .ass, or texts: .txt, .tsv, .json."),
    ] = None
    bilingual: Annotated[
        bool,
        typer.Option(
            "--bilingual",
            help="All languages in each cue of --subtitles or --burn-in, the transcript above the others.",
        ),
    ] = False
    subtitles_in: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Dub from these subtitles, in the language of --from: .srt, .vtt, .ass."
        ),
    ] = None
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="JSONL",
            help="Write every event as one JSON object per line; - for standard output.",
        ),
    ] = None
    json_audio: Annotated[
        bool, typer.Option("--json-audio", help="Include the speech in --json, as base64.")
    ] = False
    output_dir: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder for --format. Default: this one.")
    ] = None
    forms: Forms = ()
    name: str = ""

    def __post_init__(self) -> None:
        if self.output is not None and form_of(self.output) in TEXT_FORMATS:
            self._write_texts(self.output)
        check_between(self.between, self.to, self.from_)
        if not self.targets and not self.transcript:
            raise UsageError("is needed, unless --transcript is given", field="--to")
        check_output(self.output)
        if self.output is not None and not self.makes_film and not self.dubs:
            raise UsageError("needs speech: give --to, and no --text", field="--output")
        if self.keep_original is not None and not (self.makes_film and self.dubs):
            raise UsageError("needs --output .mp4 or another film, with a dub", field="--keep-original")
        if self.subtitles is not None and form_of(self.subtitles) not in TEXT_FORMATS:
            raise UsageError(f"must end in .{', .'.join(TEXT_FORMATS)}", field="--subtitles")
        if self.json_audio and not self._writes_events:
            raise UsageError(f"needs --json or --format {EVENTS_FORM}", field="--json-audio")
        self.style.check_spoken(self._asks_for_speech, "--output, --json or --format wav, and no --text")
        _ = self.duck_db, self.part
        if self.beams > 1 and self.simultaneous:
            raise UsageError("needs whole utterances, so no --simultaneous", field="--beams")
        if self.fit and (not self.speaks or self.simultaneous):
            raise UsageError("needs a dub (--output or --format wav), and no --simultaneous", field="--fit")
        check_together(self)

    def _write_texts(self, path: Path) -> None:
        """``--output`` names texts: they are those of ``--subtitles``."""
        if self.subtitles is not None:
            raise UsageError(f"names texts, as --subtitles does: {path}", field="--output")
        object.__setattr__(self, "subtitles", path)  # it is frozen once it is made
        object.__setattr__(self, "output", None)

    @property
    def _asks_for_speech(self) -> bool:
        """Whether the streams make speech."""
        return (self.speaks or self._writes_events) and not self.text

    @property
    def _writes_events(self) -> bool:
        return self.json is not None or EVENTS_FORM in self.forms

    @property
    def makes_film(self) -> bool:
        """Whether dub and subtitles become tracks of a film."""
        if self.output is None or is_text_file(self.inputs[0]):
            return False
        return DUB_FORMATS[self.output.suffix.lower()].subtitles is not None

    @property
    def dubs(self) -> bool:
        """Whether the translations are to be heard; else a film gets subtitles alone."""
        return bool(self.targets) and not self.text

    @property
    def duck_db(self) -> float | None:
        """The level of the original under the dub; None if it is not to be heard.

        Raises:
            UsageError: it is not a negative number of decibels.
        """
        if self.keep_original is None:
            return None
        found = _DECIBELS.fullmatch(self.keep_original.strip())
        if found is None or float(found[1]) > 0:
            raise UsageError("must be decibels, 0 or less: -18dB", field="--keep-original")
        return float(found[1])

    @property
    def part(self) -> Part:
        """The part of each file that is translated.

        Raises:
            UsageError: ``--start`` or ``--duration`` is no time.
        """
        return Part.given(self.start, self.duration)

    @property
    def speaks(self) -> bool:
        """Whether the dub is written."""
        return (self.output is not None and self.dubs) or SPEECH_FORM in self.forms

    @property
    def writes_files(self) -> bool:
        """Whether any output is asked for beside that on standard output."""
        return bool(self.output or self.subtitles or self.json or self.forms)

    @property
    def quiet(self) -> bool:
        """Whether standard output is taken by events."""
        return self.json == STDOUT

    @property
    def sides(self) -> tuple[ChannelSide, ...]:
        """The streams that translate a file."""
        return BOTH_SIDES if self.speakers_by_channel else ONE_STREAM

    @property
    def targets(self) -> tuple[str, ...]:
        """The languages to translate into."""
        return self.to or self.between

    def choice(self, source_language: str | None, side: ChannelSide = None) -> AudioChoice:
        """The audio to hear of a file in which ``source_language`` (a Seamless code) is spoken."""
        return AudioChoice(self.audio_track, source_language, side or self.channel)

    def _check_read(self, table: LanguageTable) -> None:
        """Refuses texts and terms for a model that reads none."""
        flags = (("--subtitles-in", self.subtitles_in), ("--terms", self.terms))
        for each in [*map(str, filter(is_text_file, self.inputs)), *(flag for flag, it in flags if it)]:
            check_reads_text(table, each)

    def settings(self, table: LanguageTable) -> StreamSettings:
        """The settings of the streams. Speech is requested only if an output needs it."""
        source = spoken_source(self.from_, self.between, table, transcript=self.transcript, echo=self.echo)
        self._check_read(table)
        timed = (
            self.subtitles is not None or self.makes_film or not TEXT_FORMATS.keys().isdisjoint(self.forms)
        )
        code = None if source.language == AUTO else source.language
        targets = target_settings(
            self.targets,
            table,
            speech=self._asks_for_speech,
            must_speak=self.speaks,
            spoken=code,
            style=self.style,
            flag="--between" if self.between else "--to",
        )
        requested = {Inspect.TRANSCRIPT: self.transcript, Inspect.TOKENS: timed or self._writes_events}
        return StreamSettings(
            targets=targets,
            source_language=source.language,
            source_candidates=source.candidates,
            echo=source.echo,
            segmentation=Segmentation.VAD if self.simultaneous else Segmentation.HINDSIGHT,
            vad=self.vad,
            include=frozenset(inspect for inspect, included in requested.items() if included),
            guards=GuardSettings(low_confidence=self.flag_unsure),
            simultaneous=SimultaneousSettings() if self.simultaneous else None,
            beam_search=BeamSearchSettings(self.beams) if self.beams > 1 else None,
            terms=read_terms(self.terms, code, [target.language for target in targets]),
        )
