"""``translate-svc batch``: translates many files, and continues where it stopped."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from translate_svc.audio.audio_tracks import Channel
from translate_svc.cli import interrupts, options
from translate_svc.cli.backends.backend import Backend, choose_backend, chosen_server
from translate_svc.cli.backends.connection import client_options
from translate_svc.cli.batch.arguments import BatchArguments
from translate_svc.cli.batch.run import BatchRun, LocalEngine, RayOptions
from translate_svc.cli.exit_codes import EXIT_LOST, UsageError
from translate_svc.cli.media.arguments import FORMS
from translate_svc.cli.output.channel_sides import BOTH_SIDES
from translate_svc.cli.targets import SpeechStyle
from translate_svc.client import ClientOptions
from translate_svc.errors import EngineLost, Unavailable
from translate_svc.types import VadSettings

_UTTERANCES_A_STREAM = 9
"""Utterances of one stream that the engine can be given: those in flight, and the next one."""

_ADMISSION_WINDOW = 64
_FILES_AN_ENGINE, _FILES_AT_SERVER = 64, 8
"""Files at a time: as many as the detector takes in one call; at a server few, since it has other callers."""


def batch(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Files, directories, patterns, addresses such as s3://..., or manifests (.jsonl, .csv).",
        ),
    ],
    out: Annotated[str, typer.Option("--out", metavar="FOLDER", help="Folder or address for all results.")],
    to: options.To = None,
    from_: options.From = None,
    form: Annotated[
        list[str] | None,
        typer.Option(
            "--format", metavar="FORMAT[,...]", help=f"Write NAME.LANGUAGE.FORMAT: {', '.join(FORMS)}."
        ),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="No speech in --format jsonl.")] = False,
    transcript: options.Transcript = False,
    simultaneous: options.Simultaneous = False,
    channel: Annotated[
        Channel, typer.Option(help="Hear one side of stereo recordings, such as calls.")
    ] = Channel.MIX,
    speakers_by_channel: options.SpeakersByChannel = False,
    voice: options.Voice = None,
    speed: options.Speed = None,
    vad_threshold: options.VadThreshold = None,
    min_silence_ms: options.MinSilence = None,
    max_utterance_ms: options.MaxUtterance = None,
    flag_unsure: options.FlagUnsure = True,
    json_audio: Annotated[
        bool, typer.Option("--json-audio", help="Include the speech in --format jsonl, as base64.")
    ] = False,
    files_at_once: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            min=1,
            max=1_000,
            help="Files that are translated at once. Default: 64 for an engine, 8 at a server.",
        ),
    ] = None,
    shard: Annotated[
        str,
        typer.Option(metavar="NUMBER/COUNT", help="Do one part of the files: 0/4, 1/4, 2/4 or 3/4."),
    ] = "",
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help="Use engines on a Ray cluster: HOST:PORT; auto: this machine's; local: a new one here.",
        ),
    ] = None,
    ray_actors: Annotated[
        int,
        typer.Option(metavar="COUNT", min=0, help="Engines on the cluster. Default: one a GPU, or a node."),
    ] = 0,
    file_processes: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            min=0,
            max=64,
            help="Processes that read and segment files, beside that of the engine. 0: none. "
            "Default: one for every four cores.",
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
    max_slots: options.MaxSlots = None,
) -> None:
    """Translate many files: a directory of a thousand recordings is one command. To read along, or for a dub
    of one film, use translate; it is made for a few files.

    Texts are in FOLDER/results.jsonl, one line a file, with how each file ended. --format writes files beside
    it, in the same folders as their sources: FOLDER/monday/talk.spa.srt for talks/monday/talk.mp3.

    A run that was stopped, however it was, goes on when the command is given again: what is done is not done
    again, unless the file, the options or the model are others. A bad file stops no other. It is listed at
    the end, and is tried again by the next run.

    A manifest has the columns path, source (the language spoken), targets and reference. Translations that
    have a reference are compared with it: BLEU and chrF.

    Exit codes: 0 all files are done; 1 some are not; 2 wrong usage; 3 the engine or the server was lost, go
    on with the same command; 130 interrupted.

    Examples:
      translate-svc batch talks/ --to spa,fra --out translated --format srt
      translate-svc batch 'calls/2026-*/*.wav' --to eng --speakers-by-channel --out calls-eng
      translate-svc batch s3://bucket/talks --to eng --out s3://bucket/eng --ray auto
      translate-svc batch test-set.csv --out scored --device cuda --max-slots 64
    """
    flags: dict[str, Any] = {
        "model": model,
        "model_cache": model_cache,
        "device": device,
        "max_slots": max_slots,
    }
    at_server = ray is None and chosen_server(server, flags) is not None
    files_at_once = files_at_once or (_FILES_AT_SERVER if at_server else _FILES_AN_ENGINE)
    arguments = BatchArguments(
        inputs=tuple(inputs),
        out=out,
        to=options.comma_parts(to or ()),
        from_=from_,
        text=text,
        transcript=transcript,
        simultaneous=simultaneous,
        channel=channel,
        speakers_by_channel=speakers_by_channel,
        style=SpeechStyle(tuple(voice or ()), speed),
        vad=VadSettings(vad_threshold, min_silence_ms=min_silence_ms, max_utterance_ms=max_utterance_ms),
        json_audio=json_audio,
        forms=tuple(map(str.lower, options.comma_parts(form or ()))),
        flag_unsure=flag_unsure,
        files_at_once=files_at_once,
        shard=shard,
    )
    connection = client_options(
        tls_ca=tls_ca, tls_certificate=tls_certificate, tls_key=tls_key, api_key_file=api_key_file
    )
    if ray is not None and (server is not None or connection != ClientOptions()):
        raise UsageError("does not go with --ray", field="--server")
    if not at_server:
        # the engine in this process is made for the longest utterance
        streams = files_at_once * (len(BOTH_SIDES) if speakers_by_channel else 1)
        flags |= engine_room(streams) | {"max_utterance_ms": max_utterance_ms}
    if file_processes is not None and (at_server or ray is not None):
        raise UsageError("is for an engine of this command", field="--file-processes")
    backend = choose_backend(server, flags, connection)
    try:
        cluster = None if ray is None else RayOptions(ray, ray_actors, flags)
        local = None if at_server or ray is not None else _local_engine(backend, file_processes)
        interrupts.run(BatchRun(arguments, backend, cluster, local).run())
    except (EngineLost, Unavailable) as error:
        typer.echo(f"translate-svc: {error}", err=True)
        raise typer.Exit(EXIT_LOST) from None


def _local_engine(backend: Backend, file_processes: int | None) -> LocalEngine | None:
    """The engine for files in other processes; None: they are in this process."""
    from translate_svc.cli.backends.local_backend import LocalBackend
    from translate_svc.cli.batch.file_processes import default_file_processes

    count = default_file_processes() if file_processes is None else file_processes
    return LocalEngine(backend, count) if isinstance(backend, LocalBackend) and count else None


def engine_room(streams: int) -> dict[str, int]:
    """Settings of a service that serves one batch: room for all its streams, and for all their utterances,
    however long they wait.
    """
    return {
        "max_streams": streams,
        "measure_capacity": False,  # nobody waits: the queue of files is the bound
        "max_waiting_requests": streams * _UTTERANCES_A_STREAM,
        "max_queued_input_total_ms": 86_400_000,
        "admission_window": _ADMISSION_WINDOW,
    }
