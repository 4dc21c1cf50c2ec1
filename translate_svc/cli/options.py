"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from translate_svc.cli.completion import complete_language, complete_model

To = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        metavar="LANGUAGE[,...]",
        help="Target languages: es, spa or Spanish.",
        autocompletion=complete_language,
    ),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="LANGUAGE",
        help="The source's language, likewise. Speech may do without.",
        autocompletion=complete_language,
    ),
]
Transcript = Annotated[bool, typer.Option("--transcript", help="The source's own text too; needs --from.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="WAV", help="Write the translated speech.")
]
Server = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Ask this server. Default: work in this process.")
]
Model = Annotated[
    str | None, typer.Option(help="Directory, or a name inside --model-cache.", autocompletion=complete_model)
]
ModelCache = Annotated[str | None, typer.Option(help="Where named models lie.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
