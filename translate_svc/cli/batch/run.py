"""Runs a batch: what is left to do, the work, and the report at the end."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translate_svc.audio.media_files import open_media_file
from translate_svc.cli.backends.backend import Backend
from translate_svc.cli.backends.notice import show_notice
from translate_svc.cli.batch.arguments import BatchArguments
from translate_svc.cli.batch.file_work import FileWork
from translate_svc.cli.batch.items import BatchItem, batch_items
from translate_svc.cli.batch.journal import FileResult, FileStatus, Journal
from translate_svc.cli.batch.progress import BatchProgress, clock_time
from translate_svc.cli.batch.scores import SCORES_FILE, scores, scores_json
from translate_svc.cli.batch.worker_pool import WorkerPool
from translate_svc.cli.media.remote_files import is_address, size_bytes
from translate_svc.errors import InvalidArgument, TranslateSvcError, TranslationFailed
from translate_svc.languages import LanguageTable
from translate_svc.types import ModelInfo

if TYPE_CHECKING:
    from translate_svc.cli.backends.local_backend import LocalBackend


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Where the engines of a batch are. ``address``: see ``ray_workers.ray_cluster``. ``actors``: engines; 0:
    as many as the cluster has room for. ``flags``: settings of each engine.
    """

    address: str
    actors: int
    flags: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """The engine is in this process, and the files are in ``file_processes`` others."""

    backend: LocalBackend
    file_processes: int


class BatchRun:
    """One run of the command."""

    def __init__(
        self,
        arguments: BatchArguments,
        backend: Backend,
        ray: RayOptions | None = None,
        local: LocalEngine | None = None,
    ) -> None:
        """``backend``: of the model. With ``ray`` the files are translated there, with ``local`` in other
        processes.
        """
        self._arguments = arguments
        self._ray = ray
        self._local = local
        self._backend = backend
        self._journal = Journal(arguments.out, arguments.shard.replace("/", "-"))

    async def run(self) -> None:
        """Translates all files that are not done yet, and reports.

        Raises:
            TranslationFailed: some files could not be translated whole.
            TranslateSvcError: why the run could not continue; finished files stay done.
        """
        arguments = self._arguments
        items = [item for item in batch_items(arguments.inputs, arguments.out) if arguments.in_shard(item)]
        table, model = await self._backend.languages(), await self._backend.model()
        for item in items:
            arguments.check(item, table)
        await show_notice(self._backend)
        with self._journal.staging() as staging:
            left = await asyncio.to_thread(self._left, items, model)
            progress = BatchProgress(len(left), time.monotonic)
            results: list[FileResult] = []
            try:
                if left:
                    await self._work(left, table, model, staging, progress, results)
            finally:
                _say_interim(progress)
            self._report(items, results, progress)

    def _left(self, items: Sequence[BatchItem], model: ModelInfo) -> list[BatchItem]:
        """The items that are not done, the largest first: the last ones to end are then short."""
        return sorted(
            (item for item in items if not self._is_done(item, model)),
            key=lambda item: size_bytes(item.source),
            reverse=True,
        )

    def _is_done(self, item: BatchItem, model: ModelInfo) -> bool:
        try:
            return self._journal.is_done(item, self._arguments.version(item, model))
        except (OSError, InvalidArgument) as error:
            if isinstance(error, TranslateSvcError) and not is_address(item.source):
                raise
            return False  # its translation will report the fault of the source

    async def _work(
        self,
        left: Sequence[BatchItem],
        table: LanguageTable,
        model: ModelInfo,
        staging: Path,
        progress: BatchProgress,
        results: list[FileResult],
    ) -> None:
        measuring = asyncio.create_task(_measure(left, progress))
        try:
            with progress:
                async with self._crew(table, model, staging) as crew:
                    async for result in crew.results(left):
                        results.append(result)
                        progress.add(result)
        finally:
            measuring.cancel()

    @asynccontextmanager
    async def _crew(self, table: LanguageTable, model: ModelInfo, staging: Path) -> AsyncIterator[WorkerPool]:
        arguments = self._arguments
        if self._ray is not None:
            from translate_svc.cli.batch.ray_workers import RayWorkers, ray_cluster

            with ray_cluster(self._ray.address):
                workers = RayWorkers(arguments, self._ray.flags, self._journal, staging, self._ray.actors)
                yield WorkerPool(workers, arguments.files_at_once * workers.actors)
            return
        if self._local is not None:
            from translate_svc.cli.batch.file_process import FileProcessConfig
            from translate_svc.cli.batch.file_processes import FileProcesses

            backend = self._local.backend
            config = FileProcessConfig("", backend.settings, arguments, table, model, staging)
            async with (
                backend.open_engine() as group,
                FileProcesses.open(group, config, self._local.file_processes) as processes,
            ):
                yield WorkerPool(processes, arguments.files_at_once)
            return
        async with self._backend.open() as translator:
            work = FileWork(arguments, table, model, translator, self._journal, staging)
            yield WorkerPool(work, arguments.files_at_once)

    def _report(
        self, items: Sequence[BatchItem], results: Sequence[FileResult], progress: BatchProgress
    ) -> None:
        everything = self._journal.write_results()
        counts = {status: sum(each.status is status for each in results) for status in FileStatus}
        parts = [f"{len(items)} files: {counts[FileStatus.DONE]} translated"]
        if before := len(items) - len(results):
            parts.append(f"{before} done before")
        parts += [
            f"{counts[status]} {status.value}"
            for status in (FileStatus.INCOMPLETE, FileStatus.FAILED)
            if counts[status]
        ]
        line = ", ".join(parts)
        if results:
            audio, took = clock_time(progress.audio_s), clock_time(progress.elapsed_s)
            line += f"; {audio} of audio in {took}, {progress.pace:.1f}x"
        print(line)
        names = {item.name for item in items}
        self._report_scores([each for each in everything if each.name in names])
        for each in results:
            if each.hint:
                print(f"translate-svc: {each.source}: {each.hint}", file=sys.stderr)
        bad = sorted((each for each in results if each.status is not FileStatus.DONE), key=lambda r: r.name)
        for each in bad:
            name = f"{each.source.rpartition('/')[2]}: "
            reason = each.reason.removeprefix(f"{each.source}: ").removeprefix(name)
            print(f"translate-svc: {each.source}: {each.status.value}: {reason}", file=sys.stderr)
        if bad:
            raise TranslationFailed(f"{len(bad)} of {len(items)} files were not translated whole")

    def _report_scores(self, results: Sequence[FileResult]) -> None:
        found = scores(results)
        if found is None:
            print(
                "translate-svc: references are not compared: pip install 'translate-svc[quality]'",
                file=sys.stderr,
            )
        elif found:
            self._journal.destination.write(SCORES_FILE, scores_json(found))
            for score in found:
                print(score)


async def _measure(items: Sequence[BatchItem], progress: BatchProgress) -> None:
    """Finds out how much audio there is, file by file, while the first ones are translated."""
    total_s = 0.0
    for item in items:
        duration_s = await asyncio.to_thread(_duration_s, item)
        if duration_s is None:
            return
        total_s += duration_s
    progress.total_audio_s = total_s


def _duration_s(item: BatchItem) -> float | None:
    """The length of a file; 0 if it cannot be read, None if only reading all of it would tell."""
    if is_address(item.source):
        return None
    try:
        with open_media_file(Path(item.source)) as media:
            return None if media.duration_ms is None else media.duration_ms / 1000
    except (InvalidArgument, ModuleNotFoundError):
        return 0.0  # its translation will report the fault


def _say_interim(progress: BatchProgress) -> None:
    """Tells where a run stopped that did not come to its end."""
    if progress.ended < progress.files:
        print(
            f"translate-svc: stopped at {progress.line()}; the same command goes on from there",
            file=sys.stderr,
        )
