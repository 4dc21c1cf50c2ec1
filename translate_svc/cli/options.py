"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from translate_svc.cli.completion import complete_language, complete_model
from translate_svc.config import Settings

_DEFAULTS = Settings()


def setting(name: str, text: str) -> Any:
    """An option for one of ``Settings``; where it is not given the environment decides, then its default."""
    return typer.Option(help=f"{text} Default: {getattr(_DEFAULTS, name)}.")


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
TlsCa = Annotated[
    str | None,
    typer.Option(metavar="PEM|system", help="Speak TLS; believe these authorities, or the usual ones."),
]
TlsCertificate = Annotated[
    str | None, typer.Option(metavar="PEM", help="Speak TLS with this certificate of one's own (mTLS).")
]
TlsKey = Annotated[str | None, typer.Option(metavar="PEM", help="The certificate's private key.")]
ApiKeyFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Holds the API key that the server asks for.")
]
Model = Annotated[
    str | None,
    typer.Option(
        help=f"Directory, or a name inside --model-cache. Default: {_DEFAULTS.model}.",
        autocompletion=complete_model,
    ),
]
ModelCache = Annotated[str | None, setting("model_cache", "Where named models lie.")]
Device = Annotated[str | None, setting("device", "auto, cpu, cuda, cuda:1, ...")]
