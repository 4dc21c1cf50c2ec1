"""``MANIFEST.sha256`` of a checkpoint directory, and when it is checked. Does not import torch.

The rule:

* If the files add up to at most ``FULL_CHECK_BYTES``, every start hashes all of them. This is fast.
* Larger directories are hashed completely once. ``VERIFIED.json`` (the stamp) then keeps the verified state:
  the manifest's own digest, and every file's size and modification time. A start only compares these, which
  is fast too. If a file was touched, the manifest was edited or the stamp is missing, the start hashes
  everything again. It writes a new stamp if the directory is writable.

So no start ever uses a file that was never verified. Contents can also change while size and time stay the
same (failing disks, forgery). Only hashing finds that: use ``translate-svc models verify``.
"""

from __future__ import annotations

import enum
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError

MANIFEST_FILE = "MANIFEST.sha256"
STAMP_FILE = "VERIFIED.json"
FULL_CHECK_BYTES = 256 << 20

_HASH_BLOCK_BYTES = 1 << 20

Progress = Callable[[int], None]
"""Called with the number of bytes read since the last call."""


class Verification(enum.Enum):
    """The verification state of a directory, without hashing a large one."""

    VERIFIED = "verified"
    NOT_YET = "not yet"  # large, and changed or never hashed here
    NO_MANIFEST = "no manifest"


def check_manifest(folder: Path) -> None:
    """Verifies ``folder`` by the rule above. Does nothing if there is no manifest.

    Raises:
        CheckpointError: a file is missing or differs, or the manifest is not valid; ``field`` names the file.
    """
    if verification(folder) is Verification.NOT_YET:
        verify(folder)


def verification(folder: Path) -> Verification:
    """The state of ``folder``. Hashes the files if they are small.

    Raises:
        CheckpointError: for the reasons that ``check_manifest`` lists.
    """
    if not (folder / MANIFEST_FILE).is_file():
        return Verification.NO_MANIFEST
    digests = read_manifest(folder)
    if sum((folder / file).stat().st_size for file in digests) <= FULL_CHECK_BYTES:
        _hash_all(folder, digests, None)
        return Verification.VERIFIED
    return Verification.VERIFIED if _read_stamp(folder) == _state(folder, digests) else Verification.NOT_YET


def verify(folder: Path, progress: Progress | None = None) -> None:
    """Hashes every file that the manifest names, and stamps a large directory as verified.

    Raises:
        CheckpointError: there is no manifest, or for the reasons that ``check_manifest`` lists.
    """
    digests = read_manifest(folder)
    before = _state(folder, digests)
    _hash_all(folder, digests, progress)
    if sum(size for size, _ in before["files"].values()) > FULL_CHECK_BYTES:
        _write_stamp(folder, before)


def write_manifest(folder: Path, digests: Mapping[str, str]) -> None:
    """Writes the checksums of files that were just verified, and the stamp if the directory is large."""
    lines = [f"{digest}  {file}\n" for file, digest in sorted(digests.items())]
    (folder / MANIFEST_FILE).write_text("".join(lines), encoding="utf-8")
    state = _state(folder, digests)
    if sum(size for size, _ in state["files"].values()) > FULL_CHECK_BYTES:
        _write_stamp(folder, state)


def file_sums(folder: Path, files: Sequence[str], progress: Progress | None = None) -> dict[str, str]:
    """The sha256 of each file: from the manifest if it names the file, otherwise from the contents.

    Raises:
        CheckpointError: if there is a manifest, for the reasons that ``read_manifest`` lists.
    """
    named = read_manifest(folder) if (folder / MANIFEST_FILE).is_file() else {}
    return {file: named.get(file) or _sha256(folder / file, progress) for file in files}


def replace_sum(folder: Path, file: str) -> None:
    """Updates the manifest after ``file`` was rewritten. Does not add a file that the manifest does not name.

    Raises:
        CheckpointError: for the reasons that ``read_manifest`` lists.
    """
    digests = read_manifest(folder)
    if file in digests:
        write_manifest(folder, digests | {file: _sha256(folder / file, None)})


def read_manifest(folder: Path) -> dict[str, str]:
    """Lower-case sha256 by file name. Every named file exists.

    Raises:
        CheckpointError: there is no manifest, it is not valid, or it names a file that is missing.
    """
    try:
        text = (folder / MANIFEST_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CheckpointError("is missing", field=MANIFEST_FILE) from error
    digests: dict[str, str] = {}
    for line in text.splitlines():
        digest, _, file = line.partition(" ")
        file = file.lstrip(" *")
        if len(digest) != 64 or not file or ".." in Path(file).parts or Path(file).is_absolute():
            raise CheckpointError("is not a list of sha256 sums of files beside it", field=MANIFEST_FILE)
        if not (folder / file).is_file():
            raise CheckpointError(f"is missing, {MANIFEST_FILE} names it", field=file)
        digests[file] = digest.lower()
    return digests


def _hash_all(folder: Path, digests: Mapping[str, str], progress: Progress | None) -> None:
    for file, digest in digests.items():
        if _sha256(folder / file, progress) != digest:
            raise CheckpointError(f"differs from its sha256 in {MANIFEST_FILE}", field=file)


def _sha256(path: Path, progress: Progress | None) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK_BYTES):
            digest.update(block)
            if progress is not None:
                progress(len(block))
    return digest.hexdigest()


def _state(folder: Path, digests: Mapping[str, str]) -> dict[str, Any]:
    """The contents of a stamp, in the form that JSON returns."""
    stats = {file: (folder / file).stat() for file in digests}
    return {
        "manifest_sha256": _sha256(folder / MANIFEST_FILE, None),
        "files": {file: [stat.st_size, stat.st_mtime_ns] for file, stat in sorted(stats.items())},
    }


def _read_stamp(folder: Path) -> object:
    try:
        return json.loads((folder / STAMP_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None  # same as no stamp: the directory is hashed


def _write_stamp(folder: Path, state: Mapping[str, Any]) -> None:
    """Best effort: if the directory is not writable, every start hashes it."""
    partial = folder / f".{STAMP_FILE}.{os.getpid()}"
    try:
        partial.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        partial.replace(folder / STAMP_FILE)
    except OSError:
        partial.unlink(missing_ok=True)
