"""Pulls a model from a hub into the cache. A directory appears there complete and verified, or not at all.

Files are collected in ``.pulling/`` inside the cache. They stay there when a pull ends early, so the next
pull of the same commit continues there. When every file has the checksum that the hub states and the
directory opens as a checkpoint, one rename puts it in its place. Files that huggingface_hub's shared cache
or an earlier pull already holds are checked and linked, not downloaded.

A pull in int8 reduces each weight file as soon as it is verified, and deletes it then (``reduction``).
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
from translate_svc.models.checkpoint.keyed_file import keep_keyed
from translate_svc.models.checkpoint.manifest import (
    Progress,
    Verification,
    check_manifest,
    file_sums,
    verification,
    write_manifest,
)
from translate_svc.models.checkpoint.weight_index import (
    INDEX_FILE,
    PRODUCTS_FILE,
    REST_FILE,
    SINGLE_FILE,
    is_reduced,
)
from translate_svc.models.store.download import download
from translate_svc.models.store.hub import Hub, HubFile, PullPlan
from translate_svc.models.store.shared_cache import shared_snapshot
from translate_svc.models.store.sizes import size_text

STAGING_FOLDER = ".pulling"
_BLOCK_BYTES = 1 << 20
_REDUCED = 0.3
"""Size of the int8 form, as a part of weights in float32."""


def pulled(plan: PullPlan, cache: Path, *, int8: bool = False) -> bool:
    """Whether the directory of ``plan`` already exists, at the same commit, in the same form and undamaged.
    Hashes it if needed. ``int8``: as ``pull`` takes it.

    Raises:
        DownloadError: a directory of that name exists, but it was not pulled.
    """
    target = cache / directory_name(plan.hub_id)
    if not target.exists():
        return False
    origin = read_origin(target)
    if origin is None:
        raise DownloadError(f"{target} is there and was not pulled; move it away", field=plan.hub_id)
    if origin.revision != plan.revision or is_reduced(target) != int8:
        return False
    try:
        check_manifest(target)
        return verification(target) is not Verification.NO_MANIFEST
    except (CheckpointError, OSError):
        return False  # damaged, or not readable for this user: a pull repairs it


def pull(hub: Hub, plan: PullPlan, cache: Path, progress: Progress, *, int8: bool = False) -> Path:
    """Downloads ``plan`` into ``cache`` and returns the directory. Replaces another commit of the same model,
    whose calibrations stay if the weights do.

    Args:
        progress: gets the number of new bytes, including those of an earlier, interrupted pull.
        int8: keep the weights in their int8 form alone.

    Raises:
        DownloadError: for the reasons that ``download`` lists; the disk has too little free space; another
            pull into this cache is running.
        CheckpointError: this package cannot serve the downloaded checkpoint; names the file.
    """
    target = cache / directory_name(plan.hub_id)
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        staging = _staging(cache, plan)
        sources = _Sources(hub, plan, staging, target, progress)
        weights = [file for file in plan.files if _is_weights(file)]
        if int8:
            digests = sources.bring([file for file in plan.files if file not in weights])
            digests.pop(INDEX_FILE, None)
            digests |= _reduced(sources, weights)
        else:
            _forget_reduced(staging)
            digests = sources.bring(plan.files)
        write_manifest(staging, digests)
        HubOrigin(plan.hub_id, plan.revision, plan.endpoint).write(staging)
        _check_loads(staging)
        keep_keyed(target, staging)
        _put_in_place(staging, target)
    return target


class _Sources:
    """Where the files of a pull come from. ``target``: the directory of an earlier one, if it is there."""

    def __init__(self, hub: Hub, plan: PullPlan, staging: Path, target: Path, progress: Progress) -> None:
        self.plan, self.staging, self.progress = plan, staging, progress
        self._hub = hub
        self._folders = [shared_snapshot(plan.hub_id, plan.revision), target if target.is_dir() else None]

    def bring(self, files: Sequence[HubFile]) -> dict[str, str]:
        """Completes ``files``: the sha256 of each by its name."""
        found = {file.path: self._link(file) for file in files}
        digests = {path: digest for path, digest in found.items() if digest}
        missing = [file for file in files if file.path not in digests]
        there = sum(path.stat().st_size for each in missing if (path := self.staging / each.path).exists())
        self.check_room(sum(file.size for file in missing) - there)
        for file in missing:
            digests[file.path] = download(self._hub, self.plan, file, self.staging, self.progress)
        return digests

    def check_room(self, needed: int) -> None:
        """Raises ``DownloadError`` if the disk has less."""
        free = shutil.disk_usage(self.staging).free
        if needed > free:
            cache = self.staging.parent.parent
            message = f"needs {size_text(needed)}, {size_text(free)} are free in {cache}"
            raise DownloadError(message, field=self.plan.hub_id)

    def _link(self, file: HubFile) -> str | None:
        found = (_link_known(folder, file, self.staging, self.progress) for folder in self._folders)
        return next(filter(None, found), None)


def _is_weights(file: HubFile) -> bool:
    return file.path.endswith(Path(SINGLE_FILE).suffix)


def _reduced(sources: _Sources, weights: Sequence[HubFile]) -> dict[str, str]:
    """Brings the weight files one by one and leaves their int8 form: its sums by file."""
    from translate_svc.models.checkpoint.reduction import PART_SUFFIX, join_parts, quantize_file
    from translate_svc.models.registry import stages_with_products

    staging = sources.staging
    parts = [staging / (file.path + PART_SUFFIX) for file in weights]
    try:
        if not (staging / REST_FILE).is_file():
            missing = [file for file, part in zip(weights, parts, strict=True) if not part.is_file()]
            if missing:
                sources.check_room(int(max(each.size for each in missing) * (1 + _REDUCED)))
            for file, part in zip(weights, parts, strict=True):
                if part.is_file():
                    sources.progress(file.size)
                else:
                    digest = sources.bring([file])[file.path]
                    quantize_file(staging, file.path, digest, stages_with_products(staging))
                    (staging / file.path).unlink()
            sources.check_room(sum(part.stat().st_size for part in parts))
            join_parts(staging, [file.path for file in weights], stages_with_products(staging))
    except OSError as error:
        message = f"the int8 form cannot be written: {error.strerror or error}; what was downloaded is kept"
        raise DownloadError(message, field=sources.plan.hub_id) from error
    for each in (staging / INDEX_FILE, *parts):
        each.unlink(missing_ok=True)
    return file_sums(staging, [PRODUCTS_FILE, REST_FILE])


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
            _remove(other)
    staging.mkdir(parents=True, exist_ok=True)
    for partial in staging.glob(".*"):
        partial.unlink()
    return staging


def _remove(folder: Path) -> None:
    """Removes a folder. Of a link, as to a larger disk, the link alone: what it shows may be in use."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _forget_reduced(staging: Path) -> None:
    """Removes what a pull in int8 left."""
    for each in (*staging.glob("*.int8"), staging / PRODUCTS_FILE, staging / REST_FILE):
        each.unlink(missing_ok=True)


def _link_known(folder: Path | None, file: HubFile, staging: Path, progress: Progress) -> str | None:
    """Links ``file`` from huggingface_hub's shared cache or an earlier pull into ``staging``, if it is what
    the hub states.

    Returns its sha256, or None if it has to be downloaded: then it differs, or this user may not read or
    link it.
    """
    target = staging / file.path
    if target.is_symlink():
        target.unlink()  # a link of an earlier pull: its file may have changed, and is never written to
    if folder is None:
        return None
    source = folder / file.path
    try:
        sha256 = _verified(source, file)
        if sha256 is None:
            return None
        target.unlink(missing_ok=True)
        if staging.parent.parent in source.resolve().parents:
            target.hardlink_to(source.resolve())  # the earlier pull's directory is replaced
        else:
            target.symlink_to(source.resolve())
    except OSError:
        return None
    progress(file.size)
    return sha256


def _verified(source: Path, file: HubFile) -> str | None:
    """The sha256 of ``source``; None if it is not what the hub states, or not there."""
    if not source.is_file() or source.stat().st_size != file.size:
        return None
    sha256 = hashlib.sha256()
    blob_id = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)  # as git names it
    with source.open("rb") as handle:
        while block := handle.read(_BLOCK_BYTES):
            sha256.update(block)
            blob_id.update(block)
    same = file.sha256 == sha256.hexdigest() if file.sha256 else file.blob_id == blob_id.hexdigest()
    return sha256.hexdigest() if same else None


def _check_loads(folder: Path) -> None:
    """Checks everything that a start checks, except the weights' values."""
    # imported here because it loads torch, which a model that is already in the cache does not need
    from translate_svc.models.checkpoint.kept_products import kept_products
    from translate_svc.models.precision import INT8
    from translate_svc.models.registry import open_checkpoint

    family = open_checkpoint(folder)
    if is_reduced(folder):
        kept_products(folder, INT8)
    family.check_features()
    family.tokenizer()


def _put_in_place(staging: Path, target: Path) -> None:
    """One rename if the directory is new, two if it replaces another commit."""
    old = staging.parent / f"{target.name}@replaced"
    if target.exists():
        _remove(old)
        target.rename(old)
    staging.rename(target)
    with contextlib.suppress(OSError):  # of another user, or it still holds files of another model
        _remove(old)
        staging.parent.rmdir()
