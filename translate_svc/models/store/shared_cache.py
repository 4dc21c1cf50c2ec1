"""The cache that huggingface_hub shares between programs: weights that are there need no second download.

Its layout (huggingface_hub, "Manage your cache"): ``models--OWNER--NAME`` holds ``refs/main`` with a commit,
and ``snapshots/COMMIT`` with links to the files. Nothing here changes it. Does not import torch.
"""

from __future__ import annotations

import json
from pathlib import Path

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.weight_index import INDEX_FILE, SINGLE_FILE, shards_of

_FOLDER_PREFIX = "models--"


def shared_snapshot(hub_id: str, revision: str | None = None) -> Path | None:
    """The directory of a model in the shared cache, with its configuration and all of its weights.

    ``revision``: a commit; None: what ``main`` was when it was downloaded.
    """
    folder = _cache() / f"{_FOLDER_PREFIX}{hub_id.replace('/', '--')}"
    try:
        commit = revision or (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    snapshot = folder / "snapshots" / commit
    return snapshot if "/" not in commit and _is_whole(snapshot) else None


def shared_models() -> list[Path]:
    """The directories of all models of the shared cache that have a family and hold weights in
    safetensors."""
    hub_ids = (
        path.name.removeprefix(_FOLDER_PREFIX).replace("--", "/", 1)
        for path in _cache().glob(f"{_FOLDER_PREFIX}*")
    )
    return [found for hub_id in sorted(hub_ids) if (found := shared_snapshot(hub_id)) is not None]


def _cache() -> Path:
    # imported here, because only models by their hub ids need it
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def hub_id_of(folder: Path) -> str:
    """The hub id of a snapshot in a shared cache; empty if ``folder`` is none."""
    owner = folder.parent.parent.name
    if folder.parent.name != "snapshots" or not owner.startswith(_FOLDER_PREFIX):
        return ""
    return owner.removeprefix(_FOLDER_PREFIX).replace("--", "/", 1)


def _is_whole(snapshot: Path) -> bool:
    from translate_svc.models.registry import describe_config  # which names checkpoints by this module

    index = snapshot / INDEX_FILE
    try:
        config = json.loads((snapshot / "config.json").read_bytes())
        describe_config(config if isinstance(config, dict) else {})
        files = shards_of(index.read_bytes()) if index.is_file() else [SINGLE_FILE]
    except (OSError, ValueError, CheckpointError, RecursionError):
        return False
    return all((snapshot / file).is_file() for file in files)
