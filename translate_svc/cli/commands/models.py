"""``translate-svc models``: lists the models of the model cache, and verifies their files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, JustifyMethod
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from translate_svc.config import Settings
from translate_svc.models.store.sizes import size_text

if TYPE_CHECKING:
    from translate_svc.models.store.catalog import CatalogEntry

_REVISION_CHARACTERS = 8
_MANY_LANGUAGES = 4

app = typer.Typer(help="List the models of the model cache, or verify one.", invoke_without_command=True)

_ModelCache = Annotated[str | None, typer.Option(help="Directory of named models.")]


@app.callback()
def models(
    context: typer.Context,
    model_cache: _ModelCache = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """List the models of the model cache."""
    if context.invoked_subcommand is not None:
        context.obj = model_cache
        return
    from translate_svc.models.store.catalog import read_catalog

    cache = Path(Settings.load({"model_cache": model_cache}).model_cache)
    entries = read_catalog(cache)
    if as_json:
        print(json.dumps([dataclasses.asdict(entry) for entry in entries], ensure_ascii=False, indent=1))
    elif entries:
        console = Console(highlight=False, markup=False)
        console.print(_table(entries))
        for entry in entries:
            if told := entry.error or entry.notice:
                console.print(f"{entry.name}: {told}", soft_wrap=True)
    else:
        print(f"No model in {cache}. To download one: translate-svc pull facebook/seamless-m4t-v2-large")


@app.command()
def verify(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Directory, hub id, or a name inside --model-cache.")],
    model_cache: _ModelCache = None,
) -> None:
    """Hash every file of a model and compare with its MANIFEST.sha256. Exits with 1 if a file differs."""
    from translate_svc.models.checkpoint.identity import find_checkpoint
    from translate_svc.models.checkpoint.manifest import read_manifest
    from translate_svc.models.checkpoint.manifest import verify as verify_manifest

    settings = Settings.load({"model_cache": model_cache or context.obj})
    folder = find_checkpoint(model, Path(settings.model_cache))
    files = read_manifest(folder)
    size = sum((folder / file).stat().st_size for file in files)
    console = Console(highlight=False)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("hashing", total=size)
        verify_manifest(folder, lambda count: progress.advance(task, count))
    console.print(f"{len(files)} files, {size_text(size)}: all match MANIFEST.sha256.")


def _table(entries: list[CatalogEntry]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "size", "params", "text", "speech", "licence", "revision", "verified"):
        justify: JustifyMethod = "right" if heading in ("size", "params") else "left"
        table.add_column(heading, justify=justify, overflow="fold")
    for entry in entries:
        size = size_text(entry.size)
        if entry.error:
            table.add_row(entry.name, size, "", "", "", "", "", Text("broken", "red"))
            continue
        table.add_row(
            entry.name,
            size,
            _count(entry.parameters),
            _languages(entry.text_languages),
            _languages(entry.speech_languages),
            entry.license or "not stated",
            entry.revision[:_REVISION_CHARACTERS],
            entry.verified,
        )
    return table


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.2f} G" if parameters >= 1e8 else f"{parameters / 1e6:.2f} M"


def _languages(codes: tuple[str, ...]) -> str:
    return ", ".join(codes) if len(codes) <= _MANY_LANGUAGES else str(len(codes))
