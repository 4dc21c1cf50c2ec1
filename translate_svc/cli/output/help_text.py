"""Help texts for terminals of any width: no flag is cut, and no word is broken from 40 columns on."""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Sequence
from typing import Any

import typer.core

_LEAST_COLUMNS, _MOST_COLUMNS = 30, 80
_Plain: Any = typer.core.TyperCommand.context_class.formatter_class


class _Formatter(_Plain):  # type: ignore[misc]  # typer has its own copy of Click, without a public name
    """Click's layout with narrower flags where there is less room."""

    def __init__(self, **given: Any) -> None:
        columns = min(shutil.get_terminal_size().columns, _MOST_COLUMNS)
        super().__init__(**given | {"width": max(columns - 2, _LEAST_COLUMNS)})

    def write_dl(self, rows: Sequence[tuple[str, str]], *_: int) -> None:
        super().write_dl(rows, self.width * 3 // 8)


def use_plain_help(groups: Sequence[typer.Typer]) -> None:
    """Makes the help of all commands plain, from their docstrings."""
    for kind in (typer.core.TyperCommand, typer.core.TyperGroup):
        kind.context_class.formatter_class = _Formatter
    for group in groups:
        for command in group.registered_commands:
            command.help = flowed(inspect.getdoc(command.callback) or "")
            command.short_help = re.split(r"[.:;](?:\s|$)", command.help, maxsplit=1)[0]
        for inner in group.registered_groups:
            inner.short_help = inner.typer_instance.info.help if inner.typer_instance else None


def flowed(text: str) -> str:
    """A docstring as a help text, whose paragraphs the terminal breaks. Indented lines stay as they are."""
    paragraphs = []
    for paragraph in text.split("\n\n"):
        is_list = re.search(r"\n  ", paragraph)
        # Click keeps the lines of a paragraph after this mark
        paragraphs.append(f"\b\n{paragraph}" if is_list else re.sub(r"\n(?! )", " ", paragraph))
    return "\n\n".join(paragraphs)
