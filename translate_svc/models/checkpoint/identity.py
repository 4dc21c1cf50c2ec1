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
from translate_svc.models.checkpoint.manifest import MANIFEST_FILE

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
class Identity:
    """How to name the contents of a directory.

    Attributes:
        name: the hub id it was pulled from; otherwise the directory's name.
        revision: the hub's commit; otherwise the digest of the manifest, which covers every file. Empty when
            unknown.
        license: the licence on the model card, usually an SPDX identifier; empty when unknown.
    """

    name: str
    revision: str
    license: str


def is_hub_id(name: str) -> bool:
    """Whether ``name`` has the form ``owner/name``. A relative path can have this form too."""
    return _HUB_ID.fullmatch(name) is not None and "--" not in name and ".." not in name


def directory_name(hub_id: str) -> str:
    """The name of the directory for a hub id inside a model cache."""
    return hub_id.replace("/", "--")


def find_checkpoint(name: str, cache: Path) -> Path:
    """The directory that ``name`` refers to.

    A name without a separator is a directory in ``cache``. Any other name is a path if that directory exists.
    If it does not, the name is a hub id, and its directory is in ``cache`` after a pull.

    Raises:
        CheckpointError: the directory does not exist. If ``name`` can be a hub id, the message says how to
            pull it.
    """
    given = Path(name).expanduser()
    path = given if len(given.parts) > 1 or name.startswith(".") else cache / name
    if not path.is_dir() and is_hub_id(name):
        path = cache / directory_name(name)
        if not path.is_dir():
            message = f"{name} is not in {cache}; to download it: translate-svc pull {name}"
            raise CheckpointError(message, field="model")
    if not path.is_dir():
        raise CheckpointError(f"no model directory at {path}", field="model")
    return path.resolve()


def read_identity(folder: Path) -> Identity:
    """Name, revision and licence of a directory. Missing information is not an error."""
    origin = read_origin(folder)
    return Identity(
        name=origin.hub_id if origin else folder.name,
        revision=origin.revision if origin else _manifest_digest(folder / MANIFEST_FILE),
        license=read_license(folder / CARD_FILE),
    )


def read_origin(folder: Path) -> HubOrigin | None:
    """The contents of ``hub.json``, or None if the file does not exist.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        values = json.loads((folder / HUB_FILE).read_text(encoding="utf-8"))
        origin = HubOrigin(values["hub_id"], values["revision"], values["endpoint"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError("cannot be read", field=HUB_FILE) from error
    return origin


def read_license(card: Path) -> str:
    """The licence on the model card in the file ``card``; empty if the file does not exist."""
    return license_of(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else ""


def license_of(card: str) -> str:
    """The ``license`` in the front matter of a model card; empty if there is none."""
    lines = card.splitlines()
    if lines[:1] != ["---"] or "---" not in lines[1:]:
        return ""
    front = lines[1 : lines.index("---", 1)]
    entries = dict(line.split(":", 1) for line in front if ":" in line and not line[:1].isspace())
    return entries.get("license", "").strip().strip("\"'")


def _manifest_digest(manifest: Path) -> str:
    if not manifest.is_file():
        return ""
    return hashlib.sha256(manifest.read_bytes()).hexdigest()[:_REVISION_CHARACTERS]
