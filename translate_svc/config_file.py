"""Reads files of an operator, in TOML or YAML: ``serve --config FILE`` and ``--callers FILE``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from translate_svc.errors import InvalidArgument

_YAML_SUFFIXES = (".yaml", ".yml")


def read_config_file(path: Path) -> dict[str, Any]:
    """The values of ``path`` by their keys. The suffix decides the format: ``.toml``, ``.yaml`` or ``.yml``.

    Raises:
        InvalidArgument: the file cannot be read, has another suffix, or is not a table of names and values.
    """
    try:
        return parse_config(path.read_text(encoding="utf-8-sig"), path.suffix)
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be read: {error.strerror}", field="config") from None
    except UnicodeDecodeError:
        raise InvalidArgument(f"{path} is not a text in UTF-8", field="config") from None
    except ValueError as error:
        raise InvalidArgument(f"{path}: {error}", field="config") from None


def parse_config(text: str, suffix: str) -> dict[str, Any]:
    """The values of a text by their keys, in the format that the suffix of its file means.

    Raises:
        ValueError: the suffix is another one, or the text is not a table of names and values. The message is
            one line and says where.
    """
    if suffix.lower() not in (".toml", *_YAML_SUFFIXES):
        raise ValueError("must end in .toml, .yaml or .yml")
    try:
        found = tomllib.loads(text) if suffix.lower() == ".toml" else _yaml(text)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("must hold names and values")
    return {str(key): value for key, value in found.items()}


def typed(value: Any, kind: type) -> Any:
    """``value`` as a setting of type ``kind``. Whole numbers are numbers; nothing else is converted.

    YAML reads an unquoted ``no`` as a truth value and ``1`` as a number. Where a text is wanted, both are
    refused.

    Raises:
        InvalidArgument: it is of another type.
    """
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise InvalidArgument("is beyond what a number can be") from None
    if type(value) is not kind:
        wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes"}
        raise InvalidArgument(f"must be {wanted[kind]}")
    return value


def _yaml(text: str) -> Any:
    """Raises ValueError: it is not YAML, or has a name twice. The message is one line and says where."""
    # imported here, because TOML needs no library, and a client no file
    import yaml

    try:
        _refuse_repeated_names(yaml.compose(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text) or {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f" (at line {mark.line + 1}, column {mark.column + 1})"
        raise ValueError(f"{error.problem}{place}") from None
    except yaml.YAMLError:
        raise ValueError("holds characters that YAML does not allow") from None


def _refuse_repeated_names(root: Any) -> None:
    """Of a name that is there twice YAML takes the last one and says nothing: a caller's ``revoked``, say."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if getattr(node, "id", "") != "mapping" or id(node) in seen:
            continue
        seen.add(id(node))
        names = set()
        for key, value in node.value:
            name = key.value if key.id == "scalar" else None
            if name in names:
                mark = key.start_mark
                raise ValueError(f"{name} is there twice (at line {mark.line + 1}, column {mark.column + 1})")
            names |= {name} - {None}
            waiting.append(value)
