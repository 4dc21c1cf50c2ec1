"""Lists the models in a model cache without loading them. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from translate_svc.errors import CheckpointError
from translate_svc.locations import bundled_models
from translate_svc.models.checkpoint.identity import read_identity
from translate_svc.models.checkpoint.manifest import verification
from translate_svc.models.checkpoint.weight_index import stored_weights
from translate_svc.models.registry import describe
from translate_svc.models.store.shared_cache import hub_id_of, shared_models


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One directory of the model cache.

    Attributes:
        directory: its name inside the cache.
        name: its hub id, or the directory's name if there is no hub id.
        size: total bytes of its files.
        parameters: number of values in its weights.
        text_languages: languages it writes, and in which it reads text.
        speech_languages: languages it speaks.
        license: the licence on its model card; empty when unknown.
        revision: the commit, or the digest of the manifest; empty when unknown.
        verified: ``verified``, ``not yet`` or ``no manifest``; see ``models.checkpoint.manifest``.
        notice: what everybody who meets the model must know, in one line; may be empty.
        error: why it cannot be served, otherwise empty. When set, the other fields hold what could be read.
    """

    directory: str
    name: str
    size: int
    parameters: int = 0
    text_languages: tuple[str, ...] = ()
    speech_languages: tuple[str, ...] = ()
    license: str = ""
    revision: str = ""
    verified: str = ""
    notice: str = ""
    error: str = ""


def read_catalog(cache: Path) -> list[CatalogEntry]:
    """Every model that ``find_checkpoint`` finds by its name: those in ``cache`` and those that come with the
    package, sorted, then those in huggingface_hub's shared cache.
    """
    folders: dict[str, Path] = {}
    for place in (bundled_models(), cache):
        if place.is_dir():
            folders |= {path.name: path for path in place.iterdir() if path.is_dir() and path.name[:1] != "."}
    entries = [_read_entry(folder) for _, folder in sorted(folders.items())]
    pulled = {entry.name for entry in entries}
    return entries + [_read_entry(folder) for folder in shared_models() if hub_id_of(folder) not in pulled]


def _read_entry(folder: Path) -> CatalogEntry:
    size = 0
    try:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        identity = read_identity(folder)
        capabilities = describe(folder).capabilities(folder)
        return CatalogEntry(
            folder.name,
            identity.name,
            size,
            stored_weights(folder).parameters,
            capabilities.text_languages,
            capabilities.speech_languages,
            identity.license,
            identity.revision,
            verification(folder).value,
            identity.notice,
        )
    except CheckpointError as error:
        return CatalogEntry(folder.name, folder.name, size, error=str(error))
    except OSError as error:  # of another user, or on a disk that fails
        reason = f"{Path(error.filename or folder).name}: {error.strerror or error}"
        return CatalogEntry(folder.name, folder.name, size, error=reason)
