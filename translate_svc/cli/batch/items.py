"""The files that a batch translates: from files, directories, patterns, addresses and manifests."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from translate_svc.cli.batch.remote_files import is_address, matching
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.media.inputs import MEDIA_SUFFIXES, may_be_file, without_dubs
from translate_svc.errors import InvalidArgument

MANIFEST_SUFFIXES = frozenset({".jsonl", ".ndjson", ".csv"})


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One file to translate. It can be pickled.

    Attributes:
        source: absolute path, or address of fsspec.
        name: where its outputs go, without suffix and with ``/`` between folders: ``monday/talk``.
        to: target languages as the manifest names them; empty: those of ``--to``.
        from_: language that is spoken, as the manifest names it; None: that of ``--from``.
        references: right translations, by language as the manifest names it. The key ``""`` stands for the
            only target.
        place: where a manifest names it, for messages; empty without one.
    """

    source: str
    name: str
    to: tuple[str, ...] = ()
    from_: str | None = None
    references: Mapping[str, str] = field(default_factory=dict)
    place: str = field(default="", compare=False)

    @property
    def asked(self) -> tuple[object, ...]:
        """What a manifest says of the file beside its path."""
        return self.to, self.from_, dict(self.references)

    @property
    def suffix(self) -> str:
        """The suffix of the source: ``.mp3``."""
        return PurePosixPath(self.source).suffix


def batch_items(arguments: Sequence[str], out: str) -> tuple[BatchItem, ...]:
    """The files of ``arguments``, each once, in their order.

    A directory stands for the media files in it and below it, without hidden ones and without those under
    ``out``. Two files that would have the same outputs (``talk.mp3`` and ``talk.wav``) keep their suffixes
    in their names.

    Raises:
        UsageError: a manifest cannot be used, or files would have the same outputs.
        InvalidArgument: an argument names no file.
    """
    from translate_svc.cli.batch.manifest import read_manifest

    found: dict[str, BatchItem] = {}
    for argument in arguments:
        if Path(argument).suffix.lower() in MANIFEST_SUFFIXES and not is_address(argument):
            items: Iterator[BatchItem] = read_manifest(Path(argument))
        elif is_address(argument):
            items = (BatchItem(address, name) for address, name in matching(argument, MEDIA_SUFFIXES))
        else:
            items = _local(argument, Path(out).resolve())
        count = 0
        for count, item in enumerate(items, 1):  # noqa: B007 - the count is read below
            before = found.setdefault(item.source, item)
            if item.place and item.asked != before.asked:
                message = f"names {item.source} again, with other languages or another reference"
                raise UsageError(message, field=item.place)
        if not count:
            raise InvalidArgument("names no audio or video file", field=argument)
    return _apart(list(found.values()))


def item_of(path: Path, root: Path) -> BatchItem:
    """The item of a file, named relative to ``root``."""
    inside = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    return BatchItem(str(path.absolute()), inside.with_suffix("").as_posix())


def _local(argument: str, out: Path) -> Iterator[BatchItem]:
    path = Path(argument)
    if path.is_dir():
        yield from _in_folder(path, out)
    elif glob.has_magic(argument) and not path.exists():
        root = Path(*_before_pattern(path.parts))
        files = (Path(each) for each in glob.glob(argument, recursive=True))
        for each in without_dubs(each for each in files if each.is_file() and not _is_below(each, out)):
            yield item_of(each, root)
    else:
        yield item_of(path, path.parent)


def _in_folder(folder: Path, out: Path) -> Iterator[BatchItem]:
    media = (
        each
        for each in folder.rglob("*")
        if each.suffix.lower() in MEDIA_SUFFIXES
        and may_be_file(each)
        and not any(part.startswith(".") for part in each.relative_to(folder).parts)
        and not _is_below(each, out)
    )
    for each in without_dubs(media):
        yield item_of(each, folder)


def _is_below(path: Path, out: Path) -> bool:
    return path.resolve().is_relative_to(out)


def _before_pattern(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if glob.has_magic(part):
            return
        yield part


def _apart(items: Sequence[BatchItem]) -> tuple[BatchItem, ...]:
    """The items with different names."""
    names = Counter(item.name for item in items)
    named = [replace(item, name=item.name + item.suffix) if names[item.name] > 1 else item for item in items]
    owners: dict[str, str] = {}
    for item in named:
        if (other := owners.setdefault(item.name, item.source)) != item.source:
            raise UsageError(
                f"{other} and {item.source} would have the same outputs; give them different --out",
                field="INPUT",
            )
    return tuple(named)
