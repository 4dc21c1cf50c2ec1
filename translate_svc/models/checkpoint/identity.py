"""Which model a checkpoint directory holds: name, revision, licence. Does not import torch.

``translate-svc pull`` writes ``hub.json``, which says where the files came from. The model with the hub id
``owner/name`` is in the directory ``owner--name`` of the model cache. The cache has one flat level, and no
two hub ids share a directory.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from translate_svc.errors import CheckpointError
from translate_svc.locations import bundled_models
from translate_svc.models.checkpoint.manifest import MANIFEST_FILE
from translate_svc.models.store.shared_cache import hub_id_of, shared_snapshot

HUB_FILE = "hub.json"
CARD_FILE = "README.md"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class HubOrigin:
    """The hub model that a directory was pulled from. ``revision`` is the commit."""

    hub_id: str
    revision: str
    endpoint: str

    def write(self, folder: Path) -> None:
        """Writes ``hub.json``."""
        (folder / HUB_FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class CheckpointIdentity:
    """How to name the contents of a directory.

    Attributes:
        name: the hub id it was pulled from; otherwise the directory's name.
        revision: the hub's commit; otherwise the digest of the manifest, which covers every file. Empty when
            unknown.
        license: the licence on the model card, usually an SPDX identifier; empty when unknown.
        notice: what the card says that everybody who meets the model must know, in one line; may be empty.
    """

    name: str
    revision: str
    license: str
    notice: str = ""


def is_hub_id(name: str) -> bool:
    """Whether ``name`` has the form ``owner/name``. A relative path can have this form too."""
    return _HUB_ID.fullmatch(name) is not None and "--" not in name and ".." not in name


def directory_name(hub_id: str) -> str:
    """The name of the directory for a hub id inside a model cache."""
    return hub_id.replace("/", "--")


def find_checkpoint(name: str, cache: Path) -> Path:
    """The directory that ``name`` refers to.

    A name without a separator is a directory in ``cache``, or a model that comes with the package. Any other
    name is a path if that directory exists. If it does not, the name is a hub id: its directory is in
    ``cache`` after a pull, or in huggingface_hub's shared cache.

    Raises:
        CheckpointError: the directory does not exist, or ``name`` is empty. If ``name`` can be a hub id, the
            message says how to pull it.
    """
    if not name.strip():
        raise CheckpointError("must be a directory, a hub id or a name, and is empty", field="model")
    given = Path(name).expanduser()
    is_path = len(given.parts) > 1 or name.startswith(".")
    places = [given] if is_path else [cache / name, bundled_models() / name]
    if is_hub_id(name):
        places.append(cache / directory_name(name))
    found = next((place for place in places if place.is_dir()), None)
    if found is None and is_hub_id(name):
        found = shared_snapshot(name)
        if found is None:
            message = f"{name} is not in {cache}; to download it: translate-svc pull {name}"
            raise CheckpointError(message, field="model")
    if found is None:
        message = f"no model directory at {places[0]}"
        listed = "" if is_path else "; translate-svc models lists what is there"
        raise CheckpointError(message + listed, field="model")
    return found.absolute() if hub_id_of(found) else found.resolve()


def read_identity(folder: Path) -> CheckpointIdentity:
    """Name, revision and licence of a directory. Missing information is not an error."""
    origin = read_origin(folder)
    card = folder / CARD_FILE
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    return CheckpointIdentity(
        name=origin.hub_id if origin else folder.name,
        revision=origin.revision if origin else _manifest_digest(folder / MANIFEST_FILE),
        license=license_of(text),
        notice=_front_matter(text).get("notice", ""),
    )


def read_origin(folder: Path) -> HubOrigin | None:
    """The contents of ``hub.json``, or None if the file does not exist. A directory of huggingface_hub's
    shared cache says the same by its path.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        values = json.loads((folder / HUB_FILE).read_text(encoding="utf-8"))
        origin = HubOrigin(values["hub_id"], values["revision"], values["endpoint"])
    except FileNotFoundError:
        shared = hub_id_of(folder)
        return HubOrigin(shared, folder.name, "") if shared else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError("cannot be read", field=HUB_FILE) from error
    return origin


def license_of(card: str) -> str:
    """The ``license`` in the front matter of a model card; empty if there is none."""
    return _front_matter(card).get("license", "")


def _front_matter(card: str) -> dict[str, str]:
    """The plain entries of one line in the front matter of a model card."""
    lines = card.splitlines()
    if lines[:1] != ["---"] or "---" not in lines[1:]:
        return {}
    front = lines[1 : lines.index("---", 1)]
    entries = (line.split(":", 1) for line in front if ":" in line and not line[:1].isspace())
    return {name: value.strip().strip("\"'") for name, value in entries}


def _manifest_digest(manifest: Path) -> str:
    if not manifest.is_file():
        return ""
    return hashlib.sha256(manifest.read_bytes()).hexdigest()[:_REVISION_CHARACTERS]
