"""The files that a batch translates: from files, directories, patterns, addresses and manifests."""

from __future__ import annotations

import csv
import glob
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.media.inputs import MEDIA_SUFFIXES, may_be_file, refuse_empty, without_dubs
from translate_svc.cli.media.remote_files import is_address, matching

MANIFEST_SUFFIXES = frozenset({".jsonl", ".ndjson", ".csv"})
_REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One file to translate. It can be pickled.

    Attributes:
        source: absolute path, or address of fsspec.
        name: where its outputs go, without suffix and with ``/`` between folders: ``monday/talk``.
        to: target languages as the manifest names them; empty: those of ``--to``.
        from_: language that is spoken, as the manifest names it; None: that of ``--from``.
        references: right translations, by language as the manifest names it. The key ``""`` stands for the
            only target.
        place: where a manifest names it, for messages; empty without one.
    """

    source: str
    name: str
    to: tuple[str, ...] = ()
    from_: str | None = None
    references: Mapping[str, str] = field(default_factory=dict)
    place: str = field(default="", compare=False)

    @property
    def asked(self) -> tuple[object, ...]:
        """What a manifest says of the file beside its path."""
        return self.to, self.from_, dict(self.references)

    @property
    def suffix(self) -> str:
        """The suffix of the source: ``.mp3``."""
        return PurePosixPath(self.source).suffix


def batch_items(arguments: Sequence[str], out: str) -> tuple[BatchItem, ...]:
    """The files of ``arguments``, each once, in their order.

    A directory stands for the media files in it and below it, without hidden ones and without those under
    ``out``. Two files that would have the same outputs (``talk.mp3`` and ``talk.wav``) keep their suffixes
    in their names.

    Raises:
        UsageError: a manifest cannot be used, an argument names no file, or files have the same outputs.
        InvalidArgument: an address cannot be looked at, or an argument is empty.
    """
    from translate_svc.cli.batch.items import read_manifest

    found: dict[str, BatchItem] = {}
    for argument in arguments:
        refuse_empty(argument)
        if Path(argument).suffix.lower() in MANIFEST_SUFFIXES and not is_address(argument):
            items: Iterator[BatchItem] = read_manifest(Path(argument))
        elif is_address(argument):
            items = (BatchItem(address, name) for address, name in matching(argument, MEDIA_SUFFIXES))
        else:
            items = _local(argument, Path(out).resolve())
        count = 0
        for count, item in enumerate(items, 1):  # noqa: B007 - the count is read below
            before = found.setdefault(item.source, item)
            if item.place and item.asked != before.asked:
                message = f"names {item.source} again, with other languages or another reference"
                raise UsageError(message, field=item.place)
        if not count:
            raise UsageError("names no audio or video file", field=argument)
    return _apart(list(found.values()))


def item_of(path: Path, root: Path) -> BatchItem:
    """The item of a file, named relative to ``root``."""
    inside = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    return BatchItem(str(path.absolute()), inside.with_suffix("").as_posix())


def _local(argument: str, out: Path) -> Iterator[BatchItem]:
    path = Path(argument)
    if path.is_dir():
        yield from _in_folder(path, out)
    elif glob.has_magic(argument) and not path.exists():
        root = Path(*_before_pattern(path.parts))
        files = (Path(each) for each in glob.glob(argument, recursive=True))
        for each in without_dubs(each for each in files if each.is_file() and not _is_below(each, out)):
            yield item_of(each, root)
    else:
        yield item_of(path, path.parent)


def _in_folder(folder: Path, out: Path) -> Iterator[BatchItem]:
    media, links = [], []
    for each in folder.rglob("*"):
        if any(part.startswith(".") for part in each.relative_to(folder).parts) or _is_below(each, out):
            continue
        if each.is_symlink() and each.is_dir():
            # what it leads to is in the folder anyway, unless it leads out of it
            links += [] if _is_below(each, folder.resolve()) else [each]
        elif each.suffix.lower() in MEDIA_SUFFIXES and may_be_file(each):
            media.append(each)
    if links:
        count = f"{len(links)} links to folders are" if len(links) > 1 else "a link to a folder is"
        message = f"{count} not followed ({min(links)}): name it as an input of its own"
        print(f"translate-svc: {folder}: {message}", file=sys.stderr)
    for each in without_dubs(media):
        yield item_of(each, folder)


def _is_below(path: Path, out: Path) -> bool:
    return path.resolve().is_relative_to(out)


def _before_pattern(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if glob.has_magic(part):
            return
        yield part


def _apart(items: Sequence[BatchItem]) -> tuple[BatchItem, ...]:
    """The items with different names."""
    names = Counter(item.name for item in items)
    named = [replace(item, name=item.name + item.suffix) if names[item.name] > 1 else item for item in items]
    owners: dict[str, str] = {}
    for item in named:
        if (other := owners.setdefault(item.name, item.source)) != item.source:
            raise UsageError(
                f"{other} and {item.source} would have the same outputs; give them different --out",
                field="INPUT",
            )
    return tuple(named)


def read_manifest(path: Path) -> Iterator[BatchItem]:
    """The items of a manifest, in its order.

    ``targets`` is a list, or a text with commas or semicolons. ``reference`` is a text if there is one
    target. With several it is an object by language in JSON, and columns ``reference.spa`` in CSV.

    Raises:
        UsageError: the manifest cannot be read. Names it and the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _csv_rows(file) if path.suffix.lower() == ".csv" else _json_rows(file, path)
            for number, row in rows:
                yield _item(row, path.parent, _place(path, number))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot be read: {reason}", field=str(path)) from None


def _place(path: Path, number: int) -> str:
    return f"{path}, line {number}"


def _csv_rows(file: TextIO) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each row with the number of its last line: one with quotes may have several."""
    reader = csv.DictReader(file)
    for row in reader:
        yield reader.line_num, row


def _json_rows(file: TextIO, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            message = f"is not JSON: {error.msg} (column {error.colno})"
            raise UsageError(message, field=_place(path, number)) from None
        except RecursionError:
            raise UsageError("is nested too deeply", field=_place(path, number)) from None
        if not isinstance(row, dict):
            raise UsageError("is not a JSON object", field=_place(path, number))
        yield number, row


def _item(row: Mapping[str, Any], folder: Path, where: str) -> BatchItem:
    source = row.get("path")
    if not isinstance(source, str) or not source.strip():
        raise UsageError("has no path", field=where)
    spoken = row.get("source") or None
    if spoken is not None and not isinstance(spoken, str):
        raise UsageError("source must be one language", field=where)
    to = _targets(row.get("targets"), where)
    references = _references(row, where)
    if is_address(source):
        return BatchItem(source, PurePosixPath(source).stem, to, spoken, references, where)
    item = item_of(folder / source, folder)
    if ".." in PurePosixPath(item.name).parts:
        item = item_of(folder / source, (folder / source).parent)
    return BatchItem(item.source, item.name, to, spoken, references, where)


def _targets(given: object, where: str) -> tuple[str, ...]:
    if given is None:
        return ()
    parts = re.split("[,;]", given) if isinstance(given, str) else given
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise UsageError("targets must be languages", field=where)
    return tuple(part.strip() for part in parts if part.strip())


def _references(row: Mapping[str, Any], where: str) -> dict[str, str]:
    given = row.get(_REFERENCE)
    found = dict(given) if isinstance(given, dict) else {"": given} if given else {}
    prefix = f"{_REFERENCE}."
    found |= {key.removeprefix(prefix): text for key, text in row.items() if key and key.startswith(prefix)}
    found = {language: text for language, text in found.items() if text}
    if not all(isinstance(text, str) for text in found.values()):
        raise UsageError("reference must be a text, or texts by language", field=where)
    return found
