"""Manifests: what to translate, as JSON lines or CSV.

Each row has ``path`` (relative to the manifest, absolute, or an address). It may have ``source`` (the
language that is spoken), ``targets`` and ``reference`` (the right translation). Others are left alone.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

from translate_svc.cli.batch.items import BatchItem, item_of
from translate_svc.cli.batch.remote_files import is_address
from translate_svc.cli.exit_codes import UsageError

_REFERENCE = "reference"


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
