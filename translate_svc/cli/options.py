"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer

from translate_svc.cli.commands.completion import complete_language, complete_model
from translate_svc.config import Settings, as_given, setting_infos
from translate_svc.errors import CheckpointError, InvalidArgument
from translate_svc.setting_sources import flag_of
from translate_svc.types import MAX_BEAMS, Echo, VadSettings

_COMPLETIONS = {"model": complete_model}


def comma_parts(texts: Iterable[str]) -> tuple[str, ...]:
    """The parts of a flag that may be repeated, and whose values may be lists with commas."""
    return tuple(part.strip() for text in texts for part in text.split(","))


def setting_option(name: str) -> Any:
    """The flag of a field of ``Settings``. Without the flag the environment counts, then the default."""
    info, default = setting_infos()[name], getattr(Settings(), name)
    flag, shown = flag_of(name), str(default)
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


@dataclass(frozen=True, slots=True)
class Parsed:
    """Beside the flag of a field: the command line gives a ``kind``, of which ``into`` makes its value.

    A ``kind`` that is a dataclass stands for the flags of its fields.
    """

    kind: Any
    into: Callable[[Any], Any]


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` for the command line: parameters that are dataclasses become the flags of their fields.

    A flag is a parameter or field with a ``typer.Option`` or ``typer.Argument`` in its annotation; other
    fields keep their defaults. Flags are listed in the order of the fields, and their names are unique.
    """

    def run(**given: Any) -> None:
        command(**_values(command, given))

    run.__name__, run.__doc__, run.__annotations__ = command.__name__, command.__doc__, {}
    run.__dict__["__signature__"] = inspect.Signature(list(_flags(command)))
    return run


class _Member(NamedTuple):
    """A parameter of a command, or a field of a dataclass. ``flag``: None if it has none."""

    name: str
    kind: Any
    parsed: Parsed | None
    flag: Any
    default: Any

    @property
    def is_group(self) -> bool:
        return is_dataclass(self.kind)

    @property
    def parameter(self) -> inspect.Parameter:
        """The flag; None stands for the default of one that is parsed."""
        given = self.parsed is None or self.default is inspect.Parameter.empty
        return inspect.Parameter(
            self.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=self.default if given else None,
            annotation=Annotated[self.kind, self.flag],
        )


def _members(owner: Callable[..., Any]) -> Iterator[_Member]:
    hints = get_type_hints(owner, include_extras=True)
    for name, parameter in inspect.signature(owner).parameters.items():
        metadata = getattr(hints[name], "__metadata__", ())
        parsed = next((each for each in metadata if isinstance(each, Parsed)), None)
        flag = next((each for each in metadata if not isinstance(each, Parsed)), None)
        kind = hints[name].__origin__ if metadata else hints[name]
        yield _Member(name, kind if parsed is None else parsed.kind, parsed, flag, parameter.default)


def _flags(owner: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    for member in _members(owner):
        if member.is_group:
            yield from _flags(member.kind)
        elif member.flag is not None:
            yield member.parameter


def _values(owner: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What ``owner`` is called with for the flags that were ``given``."""
    values: dict[str, Any] = {}
    for member in _members(owner):
        if member.is_group:
            value = member.kind(**_values(member.kind, given))
        elif member.flag is None or (member.parsed is not None and given[member.name] is None):
            continue
        else:
            value = given[member.name]
        values[member.name] = value if member.parsed is None else member.parsed.into(value)
    return values


To = Annotated[
    tuple[str, ...],
    typer.Option(
        "--to",
        metavar="LANGUAGE[,...]",
        help="Target languages: es, spa or Spanish.",
        autocompletion=complete_language,
    ),
    Parsed(list[str] | None, comma_parts),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="LANGUAGE[,...]|auto",
        help="Spoken language: en, eng or English; auto or several: the model finds out which.",
        autocompletion=complete_language,
    ),
]
Between = Annotated[
    tuple[str, ...],
    typer.Option(
        "--between",
        metavar="LANGUAGE,LANGUAGE[,...]",
        help="A conversation: each utterance goes into the other languages. Instead of --from and --to.",
        autocompletion=complete_language,
    ),
    Parsed(list[str] | None, comma_parts),
]
EchoPolicy = Annotated[
    Echo | None,
    typer.Option(
        "--echo",
        help="What becomes of a target that is spoken already: text and speech, text alone, the speaker's "
        "own sound, or nothing. Default: silent with --between, else speak.",
        show_default=False,
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
Transcript = Annotated[bool, typer.Option("--transcript", help="Also show the source text.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="SOUND", help="Write the speech: .wav, .mp3, .m4a, .flac, .opus, ..."
    ),
]
SpeakersByChannel = Annotated[
    bool,
    typer.Option(
        "--speakers-by-channel",
        help="Left and right are two people, as in a call: translate both, and say who speaks.",
    ),
]
Voice = Annotated[
    tuple[str, ...],
    typer.Option(
        "--voice",
        metavar="NUMBER|LANGUAGE=NUMBER[,...]",
        help="Voice of the speech: 1, or es=1,fr=0. `translate-svc languages` lists voices.",
    ),
    Parsed(list[str] | None, tuple),
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
Beams = Annotated[
    int,
    typer.Option(
        "--beams",
        metavar="COUNT",
        min=1,
        max=MAX_BEAMS,
        help="Beam search: follow so many texts together. Often better, and more work.",
    ),
]
Terms = Annotated[
    Path | None,
    typer.Option(
        "--terms",
        metavar="FILE",
        help="Words of your own, for where the source says them: .csv, .tsv, .tbx, or Riva's .txt.",
    ),
]
FlagUnsure = Annotated[
    bool,
    typer.Option(
        "--flag-unsure/--no-flag-unsure",
        help="Mark texts that the model is unsure of.",
    ),
]


@dataclass(frozen=True, slots=True)
class VadFlags:
    """How the audio is cut into utterances."""

    vad_threshold: Annotated[float | None, setting_option("vad_threshold")] = None
    min_silence_ms: Annotated[int | None, setting_option("min_silence_ms")] = None
    max_utterance_ms: Annotated[int | None, setting_option("max_utterance_ms")] = None

    def settings(self) -> VadSettings:
        """The settings that a client sends."""
        return VadSettings(
            self.vad_threshold, min_silence_ms=self.min_silence_ms, max_utterance_ms=self.max_utterance_ms
        )


Vad = Annotated[VadSettings, Parsed(VadFlags, VadFlags.settings)]
