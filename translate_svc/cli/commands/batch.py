"""``translate-svc batch``: translates many files, and continues where it stopped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import typer

from translate_svc.cli import interrupts, options
from translate_svc.cli.backends.backend import Backend, choose_backend, chosen_server
from translate_svc.cli.backends.connection import ModelFlags
from translate_svc.cli.batch.arguments import BatchArguments
from translate_svc.cli.batch.run import BatchRun, LocalEngine, RayOptions
from translate_svc.cli.exit_codes import EXIT_LOST, UsageError
from translate_svc.cli.output.channel_sides import BOTH_SIDES
from translate_svc.client import ClientOptions
from translate_svc.errors import EngineLost, Unavailable

_UTTERANCES_A_STREAM = 9
"""Utterances of one stream that the engine can be given: those in flight, and the next one."""

_ADMISSION_WINDOW = 64
_ENCODE_STEPS = 64
_FILES_AN_ENGINE, _FILES_AT_SERVER = 64, 8
"""Files at a time: as many as the detector takes in one call; at a server few, since it has other callers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProcessFlags:
    """Where the engines and the files are."""

    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help="Use engines on a Ray cluster: HOST:PORT; auto: this machine's; local: a new one here.",
        ),
    ] = None
    ray_actors: Annotated[
        int,
        typer.Option(metavar="COUNT", min=0, help="Engines on the cluster. Default: one a GPU, or a node."),
    ] = 0
    file_processes: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            min=0,
            max=64,
            help="Processes that read and segment files, beside that of the engine. 0: none. "
            "Default: one for every four cores.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _BatchModelFlags(ModelFlags):
    max_slots: Annotated[int | None, options.setting_option("max_slots")] = None


@options.with_flags
def batch(arguments: BatchArguments, processes: _ProcessFlags, model: _BatchModelFlags) -> None:
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
    flags, ray = model.model_flags(), processes.ray
    at_server = ray is None and chosen_server(model.server, flags) is not None
    at_once = arguments.files_at_once or (_FILES_AT_SERVER if at_server else _FILES_AN_ENGINE)
    connection = model.connection.options()
    if ray is not None and (model.server is not None or connection != ClientOptions()):
        raise UsageError("does not go with --ray", field="--server")
    if not at_server:
        # the engine in this process is made for the longest utterance
        streams = at_once * (len(BOTH_SIDES) if arguments.speakers_by_channel else 1)
        flags |= engine_room(streams) | {"max_utterance_ms": arguments.vad.max_utterance_ms}
    if processes.file_processes is not None and (at_server or ray is not None):
        raise UsageError("is for an engine of this command", field="--file-processes")
    backend = choose_backend(model.server, flags, connection)
    try:
        cluster = None if ray is None else RayOptions(ray, processes.ray_actors, flags)
        local = None if at_server or ray is not None else _local_engine(backend, processes.file_processes)
        batch_run = BatchRun(replace(arguments, files_at_once=at_once), backend, cluster, local)
        interrupts.run(batch_run.run(), terminable=True)
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
        "min_encode_steps": _ENCODE_STEPS,
    }
