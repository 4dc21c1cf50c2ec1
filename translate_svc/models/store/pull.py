"""Pulls a model from a hub into the cache. A directory appears there complete and verified, or not at all.

Files are collected in ``.pulling/`` inside the cache. They stay there when a pull ends early, so the next
pull of the same commit continues there. When every file has the checksum that the hub states and the
directory opens as a checkpoint, one rename puts it in its place. Files that huggingface_hub's shared cache
already holds are checked and linked, not downloaded.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from translate_svc.errors import CheckpointError, DownloadError
from translate_svc.models.checkpoint.identity import HubOrigin, directory_name, read_origin
from translate_svc.models.checkpoint.manifest import (
    Progress,
    Verification,
    check_manifest,
    verification,
    write_manifest,
)
from translate_svc.models.store.download import download
from translate_svc.models.store.hub import Hub, HubFile, PullPlan
from translate_svc.models.store.shared_cache import shared_snapshot

STAGING_FOLDER = ".pulling"
_BLOCK_BYTES = 1 << 20


def pulled(plan: PullPlan, cache: Path) -> bool:
    """Whether the directory of ``plan`` already exists, at the same commit and undamaged. Hashes it if
    needed.

    Raises:
        DownloadError: a directory of that name exists, but it was not pulled.
    """
    target = cache / directory_name(plan.hub_id)
    if not target.exists():
        return False
    origin = read_origin(target)
    if origin is None:
        raise DownloadError(f"{target} is there and was not pulled; move it away", field=plan.hub_id)
    if origin.revision != plan.revision:
        return False
    try:
        check_manifest(target)
    except CheckpointError:
        return False  # damaged: a pull repairs it
    return verification(target) is not Verification.NO_MANIFEST


def pull(hub: Hub, plan: PullPlan, cache: Path, progress: Progress) -> Path:
    """Downloads ``plan`` into ``cache`` and returns the directory. Replaces another commit of the same model.

    Args:
        progress: gets the number of new bytes, including those of an earlier, interrupted pull.

    Raises:
        DownloadError: for the reasons that ``download`` lists; the disk has too little free space; another
            pull into this cache is running.
        CheckpointError: this package cannot serve the downloaded checkpoint; names the file.
    """
    target = cache / directory_name(plan.hub_id)
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        staging = _staging(cache, plan)
        snapshot = shared_snapshot(plan.hub_id, plan.revision)
        digests = {
            file.path: digest
            for file in plan.files
            if (digest := _link_shared(snapshot, file, staging, progress)) is not None
        }
        missing = [file for file in plan.files if file.path not in digests]
        _check_room(staging, plan.hub_id, missing)
        digests |= {file.path: download(hub, plan, file, staging, progress) for file in missing}
        write_manifest(staging, digests)
        HubOrigin(plan.hub_id, plan.revision, plan.endpoint).write(staging)
        _check_loads(staging)
        _put_in_place(staging, target)
    return target


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Locks the cache against other pulls. The lock ends with the process."""
    descriptor = os.open(cache, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DownloadError("another pull into it is running", field=str(cache)) from error
        yield
    finally:
        os.close(descriptor)


def _staging(cache: Path, plan: PullPlan) -> Path:
    """The directory that collects the files. Deletes leftovers of other commits of this model."""
    name = directory_name(plan.hub_id)
    staging = cache / STAGING_FOLDER / f"{name}@{plan.revision}"
    for other in staging.parent.glob(f"{name}@*"):
        if other != staging:
            shutil.rmtree(other)
    staging.mkdir(parents=True, exist_ok=True)
    return staging


def _link_shared(snapshot: Path | None, file: HubFile, staging: Path, progress: Progress) -> str | None:
    """Links ``file`` from huggingface_hub's shared cache into ``staging``, if it is what the hub states.

    Returns its sha256, or None if it has to be downloaded.
    """
    target = staging / file.path
    if target.is_symlink():
        target.unlink()  # a link of an earlier pull: its file may have changed, and is never written to
    source = None if snapshot is None else snapshot / file.path
    if source is None or not source.is_file() or source.stat().st_size != file.size:
        return None
    sha256 = hashlib.sha256()
    blob_id = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)  # as git names it
    with source.open("rb") as handle:
        while block := handle.read(_BLOCK_BYTES):
            sha256.update(block)
            blob_id.update(block)
    if file.sha256 != sha256.hexdigest() if file.sha256 else file.blob_id != blob_id.hexdigest():
        return None
    target.unlink(missing_ok=True)
    target.symlink_to(source.resolve())
    progress(file.size)
    return sha256.hexdigest()


def _check_room(staging: Path, hub_id: str, missing: Sequence[HubFile]) -> None:
    there = sum((staging / file.path).stat().st_size for file in missing if (staging / file.path).exists())
    needed, free = sum(file.size for file in missing) - there, shutil.disk_usage(staging).free
    if needed > free:
        message = f"needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free in {staging.parent.parent}"
        raise DownloadError(message, field=hub_id)


def _check_loads(folder: Path) -> None:
    """Checks everything that a start checks, except the weights' values."""
    # imported here because it loads torch, which a model that is already in the cache does not need
    from translate_svc.models.checkpoint.checkpoint import Checkpoint
    from translate_svc.models.seamless.tokenizer import SentencePieceTokenizer

    checkpoint = Checkpoint.open(folder)
    checkpoint.feature_extractor()
    languages = checkpoint.maps.text_languages
    SentencePieceTokenizer.from_pretrained(folder, config=checkpoint.config, languages=languages)


def _put_in_place(staging: Path, target: Path) -> None:
    """One rename if the directory is new, two if it replaces another commit."""
    old = staging.parent / f"{target.name}@replaced"
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
    staging.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    with contextlib.suppress(OSError):  # it still holds files of another model
        staging.parent.rmdir()
