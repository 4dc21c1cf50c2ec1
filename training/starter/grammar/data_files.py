"""Reading the YAML of the data folder; nothing is lost silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from training.starter.grammar.model import GrammarError

DATA_FOLDER = Path(__file__).parent / "data"


class _Loader(yaml.CSafeLoader):
    """Refuses what YAML would take silently: a key given twice, and `no` or `on` read as a truth value."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loaded: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        where = f"{node.start_mark.name}:{key_node.start_mark.line + 1}"
        if isinstance(key, bool):
            raise GrammarError(f"{where}: YAML reads {key_node.value!r} as a truth value: put it in quotes")
        if key in loaded:
            raise GrammarError(f"{where}: {key!r} is given twice")
        loaded[key] = loader.construct_object(value_node, deep=True)
    return loaded


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(path: Path) -> dict[str, Any]:
    """The file's mapping. Raises GrammarError for a file that is missing, is no YAML, or holds no mapping."""
    try:
        with path.open(encoding="utf-8") as stream:
            data = yaml.load(stream, Loader=_Loader)
    except (OSError, yaml.YAMLError) as error:
        raise GrammarError(f"{path.name}: {error}") from error
    if data is not None and not isinstance(data, dict):
        raise GrammarError(f"{path.name}: holds no mapping")
    return data or {}


def read_folder(folder: Path) -> Iterator[tuple[str, str, Any]]:
    """(file name, key, value) of every top-level key of every file, in the order of the files' names."""
    for path in sorted(folder.glob("*.yaml")):
        for key, value in read(path).items():
            yield path.name, str(key), value


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise GrammarError(f"{where}: expected a mapping, found {value!r}")
    return value
