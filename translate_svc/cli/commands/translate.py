"""``translate-svc translate``: translates audio and video files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from translate_svc.audio.audio_tracks import Channel
from translate_svc.cli import interrupts, options
from translate_svc.cli.backends.backend import choose_backend, chosen_server
from translate_svc.cli.backends.connection import client_options
from translate_svc.cli.media.arguments import FORMS, TranslateArguments
from translate_svc.cli.media.file_translation import FileTranslation
from translate_svc.cli.media.inputs import media_files
from translate_svc.cli.targets import SpeechStyle
from translate_svc.types import VadSettings


def translate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT", help="Audio or video files, or directories of them; - for standard input."
        ),
    ],
    to: options.To = None,
    from_: options.From = None,
    text: Annotated[bool, typer.Option("--text", help="Text only, also in --json.")] = False,
    transcript: options.Transcript = False,
    simultaneous: options.Simultaneous = False,
    audio_track: Annotated[
        str,
        typer.Option(
            metavar="NUMBER|LANGUAGE",
            help="Audio track of a film. Default: the one tagged as --from, else the film's default.",
            show_default=False,
        ),
    ] = "",
    channel: Annotated[
        Channel, typer.Option(help="Hear one side of a stereo recording, such as a call.")
    ] = Channel.MIX,
    speakers_by_channel: options.SpeakersByChannel = False,
    voice: options.Voice = None,
    speed: options.Speed = None,
    vad_threshold: options.VadThreshold = None,
    min_silence_ms: options.MinSilence = None,
    max_utterance_ms: options.MaxUtterance = None,
    flag_unsure: options.FlagUnsure = True,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="WAV|FILM",
            help="Write the dub: .wav, or .mp4, .mkv, .mov with the film, the dub and its subtitles.",
        ),
    ] = None,
    keep_original: Annotated[
        str | None,
        typer.Option(metavar="DB", help="Hear the original under the dub, so much quieter: -18dB."),
    ] = None,
    fit: Annotated[
        bool,
        typer.Option(
            "--fit", help="Speak faster where the dub would not fit its place; takes twice as long."
        ),
    ] = False,
    subtitles: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write subtitles: .srt, .vtt, .ass, or .txt, .tsv, .json."),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="JSONL",
            help="Write every event as one JSON object per line; - for standard output.",
        ),
    ] = None,
    json_audio: Annotated[
        bool, typer.Option("--json-audio", help="Include the speech in --json, as base64.")
    ] = False,
    output_dir: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder for --format. Default: this one.")
    ] = None,
    form: Annotated[
        list[str] | None,
        typer.Option(
            "--format", metavar="FORMAT[,...]", help=f"Write NAME.LANGUAGE.FORMAT: {', '.join(FORMS)}."
        ),
    ] = None,
    server: options.Server = None,
    tls_ca: options.TlsCa = None,
    tls_certificate: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
    api_key_file: options.ApiKeyFile = None,
    model: options.Model = None,
    model_cache: options.ModelCache = None,
    device: options.Device = None,
) -> None:
    """Translate audio or video files of any length; show their texts with the times at which they were said.

    The dub (-o) is as long as its source. Every utterance begins when it was said, or later if the one before
    is not finished. With several targets, out.wav becomes out.spa.wav and out.fra.wav; subtitles are named in
    the same way, and those of the transcript are out.eng.srt. Files appear when they are complete: a run that
    fails leaves none, and an input is never overwritten.

    The name of a film (-o film.es.mp4) makes a copy of it. The dub is the track that plays, at the loudness
    of EBU R 128, beside the film's own tracks, and there are subtitles.

    Several inputs, or all media files of a directory, are translated one after another with --format, which
    writes talk.spa.srt for talk.mp3. Many files are faster with batch, which also goes on where it stopped.
    Subtitles have two lines of 42 characters, broken between phrases.

    With --speakers-by-channel the two sides of a call become one conversation: in texts, subtitles and --json
    it is said who speaks, Left or Right, and the dub is stereo.

    With --simultaneous the texts come as they would live. A text may then differ from the one that is made of
    the whole utterance, which is usually better.

    Examples:
      translate-svc translate film.mkv --from en --to es --subtitles film.srt
      translate-svc translate film.mp4 --from en --to es -o film.es.mp4
      translate-svc translate talk.mp3 --from en --to es,fr -o dub.wav
      translate-svc translate talk.mp3 --to es --voice 1 --speed 1.2 -o dub.wav
      translate-svc translate talks/ --to es --format srt,txt --output-dir out
      translate-svc translate call.wav --from de --to en --channel left
      translate-svc translate call.wav --to en --speakers-by-channel -o dub.wav
      ffmpeg -i film.mp4 -f wav - | translate-svc translate - --to fr
    """
    arguments = TranslateArguments(
        inputs=media_files(inputs),
        to=tuple(to or ()),
        from_=from_,
        text=text,
        transcript=transcript,
        simultaneous=simultaneous,
        audio_track=audio_track,
        channel=channel,
        speakers_by_channel=speakers_by_channel,
        style=SpeechStyle(tuple(voice or ()), speed),
        vad=VadSettings(vad_threshold, min_silence_ms=min_silence_ms, max_utterance_ms=max_utterance_ms),
        output=output,
        keep_original=keep_original,
        fit=fit,
        subtitles=subtitles,
        json=json,
        json_audio=json_audio,
        output_dir=output_dir,
        forms=tuple(map(str.lower, options.comma_parts(form or ()))),
        flag_unsure=flag_unsure,
    )
    connection = client_options(
        tls_ca=tls_ca, tls_certificate=tls_certificate, tls_key=tls_key, api_key_file=api_key_file
    )
    flags: dict[str, Any] = {"model": model, "model_cache": model_cache, "device": device}
    if chosen_server(server, flags) is None:
        # the engine in this process is made for the longest utterance
        flags["max_utterance_ms"] = max_utterance_ms
    backend = choose_backend(server, flags, connection)
    interrupts.run(FileTranslation(arguments, backend).run(), terminable=True)
