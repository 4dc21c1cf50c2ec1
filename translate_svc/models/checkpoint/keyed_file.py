"""JSON files beside the weights that are valid only for them: each holds the weights' hash. Free of torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.manifest import MANIFEST_FILE, Progress, file_sums, replace_sum
from translate_svc.models.checkpoint.weight_index import (
    REST_FILE,
    WEIGHTS_KEY,
    is_reduced,
    stated,
    weight_files,
)

_ValueT = TypeVar("_ValueT")

_KEY = WEIGHTS_KEY
_NOT_VALID = "is not a calibration of this version"
NOT_CALIBRATED = "calibrate makes none for a model that translates into one language"


def calibration_advice(purpose: str, folder: Path) -> str:
    """What to do about a file that is missing. ``purpose``: "to compute one"."""
    return f"{purpose}: translate-svc calibrate --model {folder.name}"


def weights_key(folder: Path, progress: Progress | None = None) -> str:
    """A hash of all weights, computed from their files' sums. Files in the manifest are not read again. A
    checkpoint that was reduced to int8 has the key of the weights that it was made of.

    Raises:
        CheckpointError: weights are missing.
    """
    if is_reduced(folder):
        return stated(folder / REST_FILE, WEIGHTS_KEY)
    return key_of_sums(file_sums(folder, weight_files(folder), progress))


def key_of_sums(sums: Mapping[str, str]) -> str:
    """The same by the sha256 of each weight file."""
    lines = "".join(f"{digest}  {file}\n" for file, digest in sorted(sums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def write_keyed(
    folder: Path, name: str, version: int, values: Mapping[str, Any], *, indent: int | None = 1
) -> None:
    """Writes ``values``, the version and the weights' hash, and updates the file's sum if the manifest names
    the file. ``indent``: of the JSON; None: all in one line.

    Raises:
        CheckpointError: weights are missing.
    """
    content = {"version": version, _KEY: weights_key(folder), **values}
    partial = folder / f".{name}"
    partial.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")
    partial.replace(folder / name)
    if (folder / MANIFEST_FILE).is_file():
        replace_sum(folder, name)


def check_same_weights(folder: Path, key: str) -> None:
    """Checks that the weights are still those of ``key``, before what was measured with them is written.

    Another command may have replaced the directory meanwhile, and ``write_keyed`` takes the hash of what is
    there.

    Raises:
        CheckpointError: they are others, or missing.
    """
    if weights_key(folder) != key:
        raise CheckpointError(
            "got other weights while it was calibrated, so nothing more is written: calibrate it again",
            field=folder.name,
        )


def keep_keyed(old: Path, new: Path) -> None:
    """Copies from ``old`` what ``write_keyed`` wrote and ``new`` lacks, if it is valid for the weights of
    ``new``: it may have taken hours. Leaves out what cannot be read.
    """
    key = weights_key(new)
    for path in old.glob("*.json"):
        if (new / path.name).exists():
            continue
        try:
            content = path.read_bytes()
            values = json.loads(content)
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(values, dict) and values.get(_KEY) == key:
            (new / path.name).write_bytes(content)


def read_keyed(folder: Path, name: str, version: int) -> dict[str, Any] | None:
    """What ``write_keyed`` wrote. None if the file does not exist.

    Raises:
        CheckpointError: the file is damaged, is of another version, or is for other weights.
    """
    try:
        text = (folder / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError("cannot be read", field=name) from error
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(_NOT_VALID, field=name) from error
    if not isinstance(values, dict) or values.get("version") != version or _KEY not in values:
        raise CheckpointError(_NOT_VALID, field=name)
    if values[_KEY] != weights_key(folder):
        raise CheckpointError("was computed for other weights", field=name)
    return values


def read_parsed(
    folder: Path, name: str, version: int, parse: Callable[[dict[str, Any]], _ValueT]
) -> _ValueT | None:
    """What ``parse`` makes of what ``write_keyed`` wrote. None if the file does not exist.

    Raises:
        CheckpointError: as ``read_keyed``, or ``parse`` could not use the values.
    """
    values = read_keyed(folder, name, version)
    if values is None:
        return None
    try:
        return parse(values)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise CheckpointError(_NOT_VALID, field=name) from error
