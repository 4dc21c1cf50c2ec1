"""Translates one file of a batch: its outputs first, then its record in the journal."""

from __future__ import annotations

import asyncio
import errno
import shutil
import uuid
from collections import defaultdict
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from translate_svc.cli.backends.backend import Translator
from translate_svc.cli.backends.patience import Patience
from translate_svc.cli.batch.arguments import BatchArguments, reference_languages
from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.batch.journal import FileResult, FileStatus, Journal
from translate_svc.cli.batch.lost_server import LostServer
from translate_svc.cli.media.file_sinks import file_sinks
from translate_svc.cli.media.file_streams import open_readers, stream_file
from translate_svc.cli.media.file_translation import sides_hint
from translate_svc.cli.media.remote_files import download, is_address
from translate_svc.cli.media.utterance_counter import UtteranceCounter
from translate_svc.cli.output.channel_sides import ChannelSide, speaker_name
from translate_svc.cli.output.output_file import OutputFiles
from translate_svc.cli.output.progress import SampleCounter
from translate_svc.cli.output.sinks import Sink
from translate_svc.errors import (
    EngineLost,
    TranslateSvcError,
    Unauthenticated,
    Unavailable,
)
from translate_svc.languages import LanguageTable
from translate_svc.types import ModelInfo, SessionEvent, TextDelta

_FATAL = (EngineLost, Unavailable, Unauthenticated)
"""Errors that concern all files: no other one would do better."""

_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENOMEM})


class TextCollector:
    """A sink that keeps whole texts by language, their utterances in the order of the source."""

    def __init__(self) -> None:
        self._texts: defaultdict[str, dict[tuple[int, str, int], str]] = defaultdict(dict)

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Adds a piece of text."""
        if isinstance(event, TextDelta):
            utterances = self._texts[event.language]
            key = event.source.start, speaker_name(side), event.utterance_id
            utterances[key] = utterances.get(key, "") + event.delta

    def finish(self, source_samples: int) -> None:
        """Does nothing: the texts are asked for."""

    def texts(self) -> dict[str, str]:
        """One text a language."""
        return {
            language: " ".join(text.strip() for _, text in sorted(utterances.items()) if text.strip())
            for language, utterances in self._texts.items()
        }


class FileWork:
    """Translates files, one for each call, as many together as there are calls."""

    def __init__(
        self,
        arguments: BatchArguments,
        table: LanguageTable,
        model: ModelInfo,
        translator: Translator,
        journal: Journal,
        staging: Path,
    ) -> None:
        """``staging``: a folder on the file system of the outputs."""
        self._arguments = arguments
        self._table = table
        self._model = model
        self._translator = translator
        self._patience = Patience()
        self._lost_server = LostServer()
        self._journal = journal
        self._staging = staging

    async def translate(self, item: BatchItem) -> FileResult:
        """Translates a file and writes its record. A fault of the file alone is in the result.

        Raises:
            EngineLost, Unavailable, Unauthenticated: no file can be translated any more.
            OSError: the outputs cannot be written.
        """
        folder = self._staging / uuid.uuid4().hex
        await asyncio.to_thread(folder.mkdir)
        try:
            result = await self._attempt(item, folder)
            # disks are slow to confirm: streams of other files continue meanwhile
            await asyncio.to_thread(self._journal.write, result)
            return result
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _attempt(self, item: BatchItem, folder: Path) -> FileResult:
        version = ""
        try:
            version = self._arguments.version(item, self._model)
            path = Path(item.source)
            if is_address(item.source):
                (folder / "source").mkdir()
                path = await asyncio.to_thread(download, item.source, folder / "source")
            # also what the server refuses when a part of the file is translated already
            return await self._patience.result(partial(self._translated, item, version, path, folder))
        except _FATAL:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
                raise
            return failed(item, _reason(error), version)

    async def _translated(self, item: BatchItem, version: str, path: Path, folder: Path) -> FileResult:
        outputs = folder / "outputs"
        shutil.rmtree(outputs, ignore_errors=True)
        outputs.mkdir()
        arguments = self._arguments.for_file(item, path, outputs)
        settings = arguments.settings(self._table)
        codes = [target.language for target in settings.targets]
        sides = arguments.sides
        counter, samples, texts = UtteranceCounter(len(sides)), SampleCounter(sides), TextCollector()
        async with AsyncExitStack() as opened:
            readers = await open_readers(path, arguments, settings, opened)
            reader = readers[sides[0]]
            with OutputFiles([path]) as files:
                rate_hz = reader.media.sample_rate_hz
                track = 1 if reader.media.track is None else reader.media.track.number
                sinks: list[Sink] = [
                    counter,
                    texts,
                    self._lost_server,
                    *file_sinks(arguments, path, settings, files, rate_hz, track),
                ]
                await stream_file(
                    readers, settings, self._translator, sinks, samples, patience=self._patience
                )
            problem = counter.problem(reader.name, reader.media.damage)
        return FileResult(
            source=item.source,
            name=item.name,
            status=FileStatus.INCOMPLETE if problem else FileStatus.DONE,
            reason=str(problem or ""),
            version=version,
            audio_s=round(samples.sent_samples / rate_hz, 3),
            utterances=counter.utterances,
            texts=texts.texts(),
            outputs=await asyncio.to_thread(self._journal.publish, outputs, item),
            references=reference_languages(item, codes, self._table),
            hint="; ".join(filter(None, (counter.losses(), sides_hint(reader, arguments)))),
        )


def failed(item: BatchItem, reason: str, version: str = "") -> FileResult:
    """The result of a file that could not be translated."""
    return FileResult(
        source=item.source, name=item.name, status=FileStatus.FAILED, reason=reason, version=version
    )


def _reason(error: Exception) -> str:
    """Why a file was not translated, in one line."""
    if isinstance(error, TranslateSvcError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return f"{type(error).__name__}: {error}".splitlines()[0]
