"""Options that several commands share."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from translate_svc.cli.commands.completion import complete_language, complete_model
from translate_svc.config import Settings, as_given, setting_infos
from translate_svc.errors import CheckpointError, InvalidArgument

_COMPLETIONS = {"model": complete_model}


def flowed(text: str) -> str:
    """A docstring as a help text, whose paragraphs the terminal breaks. Indented lines stay as they are."""
    paragraphs = (re.sub(r"\n(?! )", " ", paragraph) for paragraph in text.split("\n\n"))
    return "\n\n".join(paragraphs)


def comma_parts(texts: Iterable[str]) -> tuple[str, ...]:
    """The parts of a flag that may be repeated, and whose values may be lists with commas."""
    return tuple(part.strip() for text in texts for part in text.split(","))


def setting_option(name: str) -> Any:
    """The flag of a field of ``Settings``. Without the flag the environment counts, then the default."""
    info, default = setting_infos()[name], getattr(Settings(), name)
    flag, shown = "--" + name.replace("_", "-"), str(default)
    if isinstance(default, bool):
        flag, shown = (f"{flag}/--no-{name.replace('_', '-')}", "on") if default else (flag, "")
    return typer.Option(
        flag,
        help=f"{info.help} Default: {shown}." if shown else info.help,
        metavar=info.metavar,
        autocompletion=_COMPLETIONS.get(name),
    )


@contextmanager
def named_as_given(flags: Mapping[str, Any]) -> Iterator[None]:
    """In the block, errors of settings name what the user wrote: the flag, or the variable."""
    try:
        yield
    except (InvalidArgument, CheckpointError) as error:
        raise as_given(error, flags) from None


def with_setting_flags(command: Callable[..., None]) -> Callable[..., None]:
    """``command(**flags)`` with a flag for every field of ``Settings``; None if the flag is not given."""
    flags = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[type(field.default) | None, setting_option(field.name)],
        )
        for field in fields(Settings)
    ]
    command.__dict__["__signature__"] = inspect.Signature(flags)
    return command


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
        help="Source language: en, eng or English. Without it the model finds out.",
        autocompletion=complete_language,
    ),
]
FromText = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="LANGUAGE",
        help="Language of the text: en, eng or English. Needed.",
        autocompletion=complete_language,
    ),
]
Transcript = Annotated[bool, typer.Option("--transcript", help="Also show the source text; needs --from.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="WAV", help="Write the translated speech.")
]
SpeakersByChannel = Annotated[
    bool,
    typer.Option(
        "--speakers-by-channel",
        help="Left and right are two people, as in a call: translate both, and say who speaks.",
    ),
]
Voice = Annotated[
    list[str] | None,
    typer.Option(
        "--voice",
        metavar="NUMBER|LANGUAGE=NUMBER[,...]",
        help="Voice of the speech: 1, or es=1,fr=0. `translate-svc languages` lists voices.",
    ),
]
Speed = Annotated[
    float | None,
    typer.Option(
        "--speed",
        help="Speed of the speech: 1.2 is faster than the model's own, 0.8 slower.",
    ),
]
Simultaneous = Annotated[
    bool,
    typer.Option(
        "--simultaneous/--no-simultaneous",
        help="Translate while somebody speaks, not after each utterance.",
    ),
]
FlagUnsure = Annotated[
    bool,
    typer.Option(
        "--flag-unsure/--no-flag-unsure",
        help="Mark texts that the model is unsure of.",
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT[,...]",
        help="Use this server, or another one where it is full or lost. "
        "Default: TRANSLATE_SVC_SERVER, else this process.",
    ),
]
TlsCa = Annotated[
    str | None,
    typer.Option(metavar="PEM|system", help="Use TLS; trust these authorities, or the usual ones."),
]
TlsCertificate = Annotated[
    str | None, typer.Option(metavar="PEM", help="Use TLS with this client certificate (mTLS).")
]
TlsKey = Annotated[str | None, typer.Option(metavar="PEM", help="The certificate's private key.")]
ApiKeyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="File with the API key that the server requires. Default: TRANSLATE_SVC_API_KEY."
    ),
]
VadThreshold = Annotated[float | None, setting_option("vad_threshold")]
MinSilence = Annotated[int | None, setting_option("min_silence_ms")]
MaxUtterance = Annotated[int | None, setting_option("max_utterance_ms")]
Model = Annotated[str | None, setting_option("model")]
ModelCache = Annotated[str | None, setting_option("model_cache")]
Device = Annotated[str | None, setting_option("device")]
MaxSlots = Annotated[int | None, setting_option("max_slots")]
