"""The arguments of ``batch``, and those of ``translate`` for each of its files."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated

import typer

from translate_svc.audio.audio_tracks import Channel
from translate_svc.cli import options
from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.media.argument_checks import EVENTS_FORM, FORMS
from translate_svc.cli.media.arguments import Forms, TranslateArguments
from translate_svc.cli.media.remote_files import version
from translate_svc.cli.media.text_files import is_text_file
from translate_svc.cli.source_argument import check_between
from translate_svc.cli.targets import SpeechStyle
from translate_svc.languages import LanguageTable
from translate_svc.types import ModelInfo, VadSettings

_SHARD = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchArguments:
    """The arguments of the command, and their flags. ``files_at_once``: 0 if it was not given."""

    inputs: Annotated[
        tuple[str, ...],
        typer.Argument(
            metavar="INPUT",
            help="Files, directories, patterns, addresses such as s3://..., or manifests (.jsonl, .csv).",
        ),
        options.Parsed(list[str], tuple),
    ]
    out: Annotated[str, typer.Option("--out", metavar="FOLDER", help="Folder or address for all results.")]
    to: options.To = ()
    from_: options.From = None
    between: options.Between = ()
    echo: options.EchoPolicy = None
    forms: Forms = ()
    text: Annotated[bool, typer.Option("--text", help="No speech in --format jsonl.")] = False
    transcript: options.Transcript = False
    simultaneous: options.Simultaneous = False
    beams: options.Beams = 1
    terms: options.Terms = None
    channel: Annotated[Channel, typer.Option(help="Hear one side of stereo recordings, such as calls.")] = (
        Channel.MIX
    )
    speakers_by_channel: options.SpeakersByChannel = False
    style: SpeechStyle = field(default_factory=SpeechStyle)
    vad: options.Vad = field(default_factory=VadSettings)
    flag_unsure: options.FlagUnsure = True
    json_audio: Annotated[
        bool, typer.Option("--json-audio", help="Include the speech in --format jsonl, as base64.")
    ] = False
    files_at_once: Annotated[
        int,
        typer.Option(
            metavar="COUNT",
            min=1,
            max=1_000,
            help="Files that are translated at once. Default: 64 for an engine, 8 at a server.",
        ),
        options.Parsed(int | None, int),
    ] = 0
    shard: Annotated[
        str,
        typer.Option(metavar="NUMBER/COUNT", help="Do one part of the files: 0/4, 1/4, 2/4 or 3/4."),
    ] = ""

    def __post_init__(self) -> None:
        check_between(self.between, self.to, self.from_)
        for form in self.forms:
            if form not in FORMS:
                raise UsageError(f"{form!r} is none of {', '.join(FORMS)}", field="--format")
        if self.json_audio and EVENTS_FORM not in self.forms:
            raise UsageError(f"needs --format {EVENTS_FORM}", field="--json-audio")
        _ = self.shard_numbers

    @property
    def shard_numbers(self) -> tuple[int, int]:
        """Which part of the files is worked on, from 0, and how many parts there are.

        Raises:
            UsageError: the option is not such a pair.
        """
        found = _SHARD.fullmatch(self.shard or "0/1")
        if found is None or not int(found[1]) < int(found[2]):
            raise UsageError("must be NUMBER/COUNT, the first being 0/COUNT", field="--shard")
        return int(found[1]), int(found[2])

    def in_shard(self, item: BatchItem) -> bool:
        """Whether the item is one of this run's. It depends on the name alone."""
        number, count = self.shard_numbers
        return int.from_bytes(hashlib.sha256(os.fsencode(item.name)).digest()[:8]) % count == number

    def for_file(self, item: BatchItem, path: Path, folder: Path) -> TranslateArguments:
        """How ``translate`` would translate the item.

        Args:
            item: the item.
            path: its file, on a local disk.
            folder: where its outputs are to be written.

        Raises:
            UsageError: the options do not fit together for this item.
        """
        common = {each.name for each in fields(self)} & {each.name for each in fields(TranslateArguments)}
        of_item = {
            "inputs": (path,),
            "to": item.to or self.to,
            "from_": item.from_ or self.from_,
            "between": () if item.to or item.from_ else self.between,
            "output_dir": folder if self.forms else None,
            "name": item.name.rpartition("/")[2],
        }
        return TranslateArguments(**{name: getattr(self, name) for name in common} | of_item)

    def check(self, item: BatchItem, table: LanguageTable) -> None:
        """Checks that an item may be a recording, and its languages.

        Raises:
            UsageError: the item is a text, the model does not know a language, or the item has no target.
        """
        if is_text_file(item.source):
            message = f"is a text, and a batch is of recordings: translate-svc translate {item.source}"
            raise UsageError(message, field=item.place or item.source)
        try:
            settings = self.for_file(item, Path(item.source), Path(self.out)).settings(table)
            reference_languages(item, [target.language for target in settings.targets], table)
        except UsageError as error:
            place = item.place or item.source
            if place == error.field:
                raise
            raise UsageError(f"{error.description} ({place})", field=error.field) from None

    def version(self, item: BatchItem, model: ModelInfo) -> str:
        """What a result depends on: the file's content, as far as its size and age tell it, the options, and
        the file of terms.

        Raises:
            OSError: there is no such file.
        """
        options = self.for_file(item, Path("source"), Path("out"))
        options_of_model = f"{options}, {model.name}, {model.revision}, {sorted(item.references.items())}"
        digest = hashlib.sha256(options_of_model.encode())
        if self.terms is not None:
            digest.update(self.terms.read_bytes())
        return f"{version(item.source)}; {digest.hexdigest()[:16]}"


def reference_languages(item: BatchItem, codes: list[str], table: LanguageTable) -> dict[str, str]:
    """The item's references by the codes of its targets.

    Raises:
        UsageError: a reference has no language although there are several targets, or it has another one.
    """
    found: dict[str, str] = {}
    for name, text in item.references.items():
        language = table.find(name) if name else None
        code = codes[0] if not name and len(codes) == 1 else language.code if language else ""
        if code not in codes:
            raise UsageError(
                f"{name or 'a text without a language'} is none of the targets", field="reference"
            )
        found[code] = text
    return found
