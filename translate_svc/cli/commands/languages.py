"""``translate-svc languages``: lists the languages of a model."""

from __future__ import annotations

import json as json_format
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from translate_svc.cli import interrupts, options
from translate_svc.cli.backends.connection import CatalogFlags
from translate_svc.languages import Language

_FIELDS = (
    "code",
    "bcp47",
    "name",
    "speech_in",
    "text",
    "speech_out",
    "speaker_ids",
    "detected",
    "detection_accuracy",
    "detection_source",
)


@options.with_flags
def languages(
    *,
    model: CatalogFlags,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """List the languages of a model: which it understands, writes and speaks, and its voices.

    Without --server, the command reads the model's directory but not its weights. A checkpoint does not list
    the languages that it understands: that column is from the published model.
    """
    backend = model.backend()
    listed = sorted(interrupts.run(backend.languages()), key=lambda language: language.code)
    if json:
        for language in listed:
            shown = {name: getattr(language, name) for name in _FIELDS}
            print(json_format.dumps(shown, ensure_ascii=False))
    else:
        Console(highlight=False).print(_table(listed))


def _table(listed: list[Language]) -> Table:
    names = ("code", "BCP-47", "name", "speech in", "text", "speech out", "told by sound", "voices")
    table = Table(*names, box=None, pad_edge=False)
    for language in listed:
        abilities = (
            "yes" if able else "-" for able in (language.speech_in, language.text, language.speech_out)
        )
        told = "-"
        if language.detected:
            told = f"{language.detection_accuracy:.0%}" if language.detection_accuracy else "yes"
        voices = " ".join(map(str, language.speaker_ids))
        table.add_row(language.code, language.bcp47, language.name, *abilities, told, voices)
    return table
