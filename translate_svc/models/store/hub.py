"""A Hugging Face hub: which files a model repository holds, and which of them a checkpoint needs.

This module only requests files that this package reads: safetensors, JSON, the tokenizer and the model card.
The published repository also holds its publisher's own pickles (``.pt``). They are larger than the
checkpoint and could run code, so nothing here touches them. Does not import torch.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from translate_svc.errors import CheckpointError, DownloadError, InvalidArgument
from translate_svc.models.checkpoint.description import FEATURES_FILE, NESTED_FEATURES, PROCESSOR_FILE
from translate_svc.models.checkpoint.identity import CARD_FILE, license_of
from translate_svc.models.checkpoint.weight_index import INDEX_FILE, SINGLE_FILE, shards_of
from translate_svc.models.family_description import FamilyDescription
from translate_svc.models.registry import describe_config

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
"""A git hash, SHA-1 or SHA-256."""
_HUB = "https://huggingface.co"
"""Where huggingface_hub has none either: its own default is empty if ``HF_ENDPOINT`` is."""
_CONFIG_FILE = "config.json"
_OPTIONAL_FILES = (CARD_FILE, "LICENSE", FEATURES_FILE, PROCESSOR_FILE)
"""Of every family."""
_READ_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a commit. The hub states ``sha256`` for large files (LFS) and git's ``blob_id`` for all."""

    path: str
    size: int
    blob_id: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class PullPlan:
    """The files to download. ``revision`` is a commit. ``license`` is from the model card, or empty."""

    hub_id: str
    revision: str
    license: str
    endpoint: str
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """Total bytes of all files."""
        return sum(file.size for file in self.files)


class Hub:
    """Reads one hub. The token is huggingface_hub's own (``HF_TOKEN``, or ``hf auth login``).

    Args:
        endpoint: base address; by default ``HF_ENDPOINT`` if it is set, otherwise huggingface.co.

    Raises:
        InvalidArgument: the address is none.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or constants.ENDPOINT or _HUB).rstrip("/")
        address = urlsplit(self.endpoint)
        if address.scheme not in ("http", "https") or not address.netloc:
            message = f"must be an address, such as {_HUB}, not {self.endpoint!r}"
            raise InvalidArgument(message, field="HF_ENDPOINT")
        self._api = HfApi(endpoint=self.endpoint, library_name="translate-svc")

    def plan(self, hub_id: str, revision: str | None = None) -> PullPlan:
        """Resolves ``revision`` (a branch, a tag or a commit; by default ``main``) and selects the files.

        Raises:
            DownloadError: the model or revision does not exist, access is denied, or the hub cannot be
                reached; ``field`` is the hub id.
            CheckpointError: the repository is not a checkpoint of a known family in transformers' layout.
        """
        with self.errors_of(hub_id):
            commit = self._api.model_info(hub_id, revision=revision).sha
            if commit is None or not _COMMIT.fullmatch(commit):
                # it becomes the name of a directory
                raise DownloadError("the hub names a commit that is not one", field=hub_id)
            listed = self._api.list_repo_tree(hub_id, revision=commit)
            found = {each.path: _hub_file(each) for each in listed if isinstance(each, RepoFile)}
            family = self._family(hub_id, commit, found)
            self._check_features(hub_id, commit, found)
            card = self._read(hub_id, commit, CARD_FILE) if CARD_FILE in found else b""
            chosen = [
                *family.required_files,
                *(name for name in (*_OPTIONAL_FILES, *family.optional_files) if name in found),
                *self._weight_files(hub_id, commit, found),
            ]
        files = tuple(found[name] for name in chosen)
        license = license_of(card.decode(errors="replace"))
        return PullPlan(hub_id, commit, license, self.endpoint, files)

    @contextmanager
    def open(self, plan: PullPlan, file: HubFile, start: int) -> Iterator[httpx2.Response]:
        """Streams ``file`` from byte ``start`` on. Status 200 means that the hub starts at byte 0 instead.

        Raises:
            httpx2.HTTPError: the connection or the hub failed.
        """
        headers = build_hf_headers(library_name="translate-svc") | {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        url = hf_hub_url(plan.hub_id, file.path, revision=plan.revision, endpoint=self.endpoint)
        with get_session().stream("GET", url, headers=headers, timeout=_READ_TIMEOUT_S) as response:
            hf_raise_for_status(response)
            yield response

    @contextmanager
    def errors_of(self, hub_id: str) -> Iterator[None]:
        """Turns errors of the hub and the connection into a ``DownloadError`` with a one-line message."""
        try:
            yield
        except HFValidationError as error:
            raise DownloadError("is not a model's name on a hub (owner/name)", field=hub_id) from error
        except GatedRepoError as error:
            page = f"{self.endpoint}/{hub_id}"
            message = f"is gated: ask for access on {page}, then set HF_TOKEN to a token of yours"
            raise DownloadError(message, field=hub_id) from error
        except RevisionNotFoundError as error:
            raise DownloadError("has no such revision", field=hub_id) from error
        except RepositoryNotFoundError as error:
            message = f"is not on {self.endpoint}, or is private (then set HF_TOKEN to a token of yours)"
            raise DownloadError(message, field=hub_id) from error
        except OfflineModeIsEnabled as error:
            raise DownloadError("cannot be pulled while HF_HUB_OFFLINE is set", field=hub_id) from error
        except HfHubHTTPError as error:
            message = f"{self.endpoint} answered {error.response.status_code}; try again later"
            raise DownloadError(message, field=hub_id) from error
        except (httpx2.ConnectError, httpx2.TimeoutException) as error:
            message = f"{self.endpoint} cannot be reached; HTTPS_PROXY names a proxy, HF_ENDPOINT another hub"
            raise DownloadError(message, field=hub_id) from error
        except (httpx2.HTTPError, ValueError, RecursionError) as error:
            raise DownloadError(f"no answer from {self.endpoint} that makes sense", field=hub_id) from error

    def _family(self, hub_id: str, commit: str, found: Mapping[str, HubFile]) -> FamilyDescription:
        """The family of a repository, which has all files that this requires."""
        if _CONFIG_FILE not in found:
            raise CheckpointError(f"is missing from {hub_id}", field=_CONFIG_FILE)
        config = json.loads(self._read(hub_id, commit, _CONFIG_FILE))
        config = config if isinstance(config, dict) else {}
        family = describe_config(config)
        for name in family.required_files:
            if name not in found:
                raise CheckpointError(f"is missing from {hub_id}", field=name)
        family.check_config(config, Path(_CONFIG_FILE))
        return family

    def _check_features(self, hub_id: str, commit: str, found: Mapping[str, HubFile]) -> None:
        if FEATURES_FILE in found:
            return
        if PROCESSOR_FILE not in found:
            message = f"is missing from {hub_id}, and so is {PROCESSOR_FILE}: a model has one of them"
            raise CheckpointError(message, field=FEATURES_FILE)
        processor = json.loads(self._read(hub_id, commit, PROCESSOR_FILE))
        if not isinstance(processor, dict) or NESTED_FEATURES not in processor:
            message = f"has no {NESTED_FEATURES}, and {FEATURES_FILE} is missing from {hub_id}"
            raise CheckpointError(message, field=PROCESSOR_FILE)

    def _weight_files(self, hub_id: str, commit: str, found: Mapping[str, HubFile]) -> list[str]:
        if INDEX_FILE not in found:
            if SINGLE_FILE not in found:
                raise CheckpointError(f"is missing from {hub_id}: no safetensors weights", field=SINGLE_FILE)
            return [SINGLE_FILE]
        shards = shards_of(self._read(hub_id, commit, INDEX_FILE))
        for shard in shards:
            if shard not in found:
                raise CheckpointError(f"is missing from {hub_id}, {INDEX_FILE} names it", field=shard)
        return [INDEX_FILE, *shards]

    def _read(self, hub_id: str, commit: str, path: str) -> bytes:
        """The contents of a small file. Files to keep are downloaded and verified later."""
        url = hf_hub_url(hub_id, path, revision=commit, endpoint=self.endpoint)
        headers = build_hf_headers(library_name="translate-svc")
        response = get_session().get(url, headers=headers, timeout=_READ_TIMEOUT_S)
        hf_raise_for_status(response)
        content: bytes = response.content
        return content


def _hub_file(listed: RepoFile) -> HubFile:
    return HubFile(listed.path, listed.size, listed.blob_id, listed.lfs.sha256 if listed.lfs else None)
