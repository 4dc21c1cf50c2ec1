"""Downloads one file from a hub. Resumes where it stopped and verifies the hub's own checksum.

huggingface_hub's downloader drops a partial file when its process ends. For shards of five gigabytes that
loses too much. So this module fetches the bytes, with huggingface_hub's session, addresses and credentials.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import BinaryIO

import httpx2
from huggingface_hub.errors import HfHubHTTPError

from translate_svc.errors import DownloadError
from translate_svc.models.checkpoint.manifest import Progress
from translate_svc.models.store.hub import Hub, HubFile, PullPlan

_BLOCK_BYTES = 1 << 20
_MAX_FRUITLESS_ATTEMPTS = 5
_FIRST_PAUSE_S = 0.5
_PASSING_STATUS = frozenset({408, 429, 500, 502, 503, 504})


def download(hub: Hub, plan: PullPlan, file: HubFile, folder: Path, progress: Progress) -> str:
    """Completes ``folder / file.path`` and returns its sha256 in hexadecimal.

    Bytes already on disk count as the beginning of the file; the checksum at the end shows whether that is
    right. A broken connection is opened again, unless several attempts in a row bring no bytes.

    Args:
        progress: gets the number of new bytes, including those already on disk. The number is negative if
            the hub starts the file again.

    Raises:
        DownloadError: the file differs from what the hub states (it is deleted), the hub cannot be reached,
            or the disk cannot be written (the bytes already there are kept).
    """
    path = folder / file.path
    try:
        with path.open("r+b" if path.exists() else "w+b") as handle:
            part = _Part(handle, file, progress)
            _complete(hub, plan, part)
            problem = part.problem()
    except OSError as error:
        message = f"cannot be written: {error.strerror}; what was downloaded is kept"
        raise DownloadError(message, field=file.path) from error
    if problem is not None:
        path.unlink()
        raise DownloadError(f"{problem}; it was deleted, pull again", field=file.path)
    return part.sha256.hexdigest()


class _Part:
    """A partial file and the digests of its bytes so far."""

    def __init__(self, handle: BinaryIO, file: HubFile, progress: Progress) -> None:
        self.file = file
        self._handle = handle
        self._progress = progress
        self._begin()
        while block := handle.read(_BLOCK_BYTES):
            self._count(block)

    @property
    def complete(self) -> bool:
        """True when the file has at least as many bytes as the hub states."""
        return self.size >= self.file.size

    def append(self, block: bytes) -> None:
        """Writes the next bytes."""
        self._handle.write(block)
        self._handle.flush()
        self._count(block)

    def restart(self) -> None:
        """Drops all bytes and starts the file again."""
        self._progress(-self.size)
        self._handle.seek(0)
        self._handle.truncate()
        self._begin()

    def problem(self) -> str | None:
        """How the complete file differs from what the hub states, or None."""
        if self.size != self.file.size:
            return f"has {self.size} bytes, the hub states {self.file.size}"
        if self.file.sha256 is not None:
            same = self.sha256.hexdigest() == self.file.sha256
            return None if same else "differs from the sha256 that the hub states"
        same = self._blob_id.hexdigest() == self.file.blob_id
        return None if same else "differs from the git object that the hub states"

    def _begin(self) -> None:
        self.size = 0
        self.sha256 = hashlib.sha256()
        # a git blob's id: sha1 of a header with the length, then the contents
        self._blob_id = hashlib.sha1(f"blob {self.file.size}\0".encode(), usedforsecurity=False)

    def _count(self, block: bytes) -> None:
        self.size += len(block)
        self.sha256.update(block)
        self._blob_id.update(block)
        self._progress(len(block))


def _complete(hub: Hub, plan: PullPlan, part: _Part) -> None:
    fruitless = 0
    while not part.complete:
        had = part.size
        with hub.errors_of(plan.hub_id):
            try:
                _append_rest(hub, plan, part)
            except (httpx2.TransportError, HfHubHTTPError) as error:
                if isinstance(error, HfHubHTTPError) and error.response.status_code not in _PASSING_STATUS:
                    raise
                if fruitless == _MAX_FRUITLESS_ATTEMPTS:
                    raise
            fruitless = 0 if part.size > had else fruitless + 1
        if fruitless > _MAX_FRUITLESS_ATTEMPTS:
            raise DownloadError(f"{hub.endpoint} sends no more of it", field=part.file.path)
        if fruitless:
            time.sleep(_FIRST_PAUSE_S * 2 ** (fruitless - 1))


def _append_rest(hub: Hub, plan: PullPlan, part: _Part) -> None:
    with hub.open(plan, part.file, part.size) as response:
        if part.size and response.status_code != httpx2.codes.PARTIAL_CONTENT:
            part.restart()
        for block in response.iter_bytes():
            part.append(block)
            if part.size > part.file.size:
                return
