"""What a batch has done: one record a file, written when all outputs of that file are in their places.

The journal is the folder ``.journal`` of the outputs. A record is the only thing that makes a file count as
done, so a run that is killed at any moment continues where it stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path

from translate_svc.cli.batch.destination import Destination, open_destination
from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.interrupts import lock, removed_at_end, temporary_folder
from translate_svc.cli.media.remote_files import is_address
from translate_svc.cli.output.output_file import short_name
from translate_svc.errors import Unavailable

RESULTS_FILE = "results.jsonl"
_FOLDER = ".journal"
_RECORDS = f"{_FOLDER}/files"
_SUFFIX = ".json"
_MAX_NAME_BYTES = 244
"""Of the 255 that a name of a file may have; ``destination`` adds the others."""


class FileStatus(Enum):
    """How the translation of one file ended. Only files that are done are not tried again."""

    DONE = "done"
    INCOMPLETE = "incomplete"
    """There are outputs, but a part of the file could not be read or translated."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """One row of ``results.jsonl``.

    Attributes:
        source: path or address of the file.
        name: name of its outputs, without suffix.
        status: how it ended.
        reason: why it is not done; empty if it is.
        version: ``remote_files.version`` of the source; then a semicolon and the settings of its translation.
        audio_s: seconds of audio that were heard.
        utterances: utterances that were found.
        texts: translations by language, and the transcript under its own.
        outputs: size in bytes of each output, by its name.
        references: the references, by language.
        hint: what may be missing from the texts, what could be translated better, and how; empty if nothing.
    """

    source: str
    name: str
    status: FileStatus
    reason: str = ""
    version: str = ""
    audio_s: float = 0.0
    utterances: int = 0
    texts: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, int] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""

    def to_json(self) -> str:
        """One line without its end, in UTF-8 whatever bytes a file's name has."""
        line = json.dumps(asdict(self) | {"status": self.status.value}, ensure_ascii=False)
        # what stands for such bytes becomes an escape of JSON
        return line.encode(errors="backslashreplace").decode()

    @classmethod
    def from_json(cls, line: str) -> FileResult:
        """The result of a line.

        Raises:
            ValueError: it is not such a line.
        """
        try:
            row = json.loads(line)
            return cls(**row | {"status": FileStatus(row["status"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"no result: {error}") from error


class Journal:
    """The journal of one folder of outputs."""

    def __init__(self, out: str, shard: str = "") -> None:
        """``shard``: tells runs apart that work on different files of one batch at the same time.

        Raises:
            InvalidArgument: ``out`` is an address that cannot be opened.
        """
        self.out = out
        self.destination: Destination = open_destination(out)
        self._shard = shard

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty local folder for files that are not whole yet. Only one run at a time has it.

        Raises:
            Unavailable: another run writes to the same folder.
            UsageError: the folder cannot be made, or not be written to.
        """
        if is_address(self.out):
            with temporary_folder("translate-svc-batch-") as folder:
                yield folder
            return
        journal = Path(self.out) / _FOLDER
        lock_file = journal / f"lock{self._shard}"
        try:
            journal.mkdir(parents=True, exist_ok=True)
            lock_file.touch()
        except OSError as error:
            raise UsageError(f"cannot write to {self.out}: {error.strerror}", field="--out") from None
        try:
            held = lock(lock_file)
        except BlockingIOError:
            raise Unavailable(f"{self.out}: another run writes to this folder") from None
        try:
            staging = journal / f"parts{self._shard}"
            shutil.rmtree(staging, ignore_errors=True)  # of a run that was killed
            staging.mkdir()
            with removed_at_end(staging):
                yield staging
        finally:
            if held is not None:
                os.close(held)

    def read(self, item: BatchItem) -> FileResult | None:
        """The record under the item's name; None if there is none, or a torn one."""
        return _parsed(self.destination.read(_record(item.name)))

    def is_done(self, item: BatchItem, version: str) -> bool:
        """Whether this version of the item is done and its outputs are still there.

        Raises:
            UsageError: the outputs of another file are there under the same name.
        """
        found = self.read(item)
        if found is None:
            return False
        content, _, _ = version.partition(";")
        if found.source != item.source and found.version.partition(";")[0] != content:
            message = f"holds {item.name}, the translation of {found.source}; {item.source} needs another"
            raise UsageError(message, field="--out")
        return (
            found.status is FileStatus.DONE
            and found.version == version
            and all(self.destination.size_bytes(name) == size for name, size in found.outputs.items())
        )

    def publish(self, staged: Path, item: BatchItem) -> dict[str, int]:
        """Moves the files of the folder ``staged`` to their places; returns their sizes by name."""
        folder = item.name.rpartition("/")[0]
        sizes: dict[str, int] = {}
        for each in sorted(staged.iterdir()):
            name = f"{folder}/{each.name}".lstrip("/")
            sizes[name] = each.stat().st_size
            self.destination.put(each, name)
        return sizes

    def write(self, result: FileResult) -> None:
        """Writes the record of a file whose outputs are all in their places."""
        self.destination.write(_record(result.name), result.to_json())

    def results(self) -> list[FileResult]:
        """All records, sorted by name."""
        found = (_parsed(self.destination.read(name)) for name in self.destination.names(_RECORDS, _SUFFIX))
        return sorted((each for each in found if each is not None), key=lambda each: each.name)

    def write_results(self) -> list[FileResult]:
        """Writes ``results.jsonl`` anew from all records, and returns them."""
        results = self.results()
        self.destination.write(RESULTS_FILE, "".join(f"{each.to_json()}\n" for each in results))
        return results


def _record(name: str) -> str:
    folder, separator, last = name.rpartition("/")
    return f"{_RECORDS}/{folder}{separator}{short_name(last, _MAX_NAME_BYTES)}{_SUFFIX}"


def _parsed(text: str | None) -> FileResult | None:
    with contextlib.suppress(ValueError):
        return None if text is None else FileResult.from_json(text)
    return None
