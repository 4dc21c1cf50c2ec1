"""The arguments of ``batch``, and those of ``translate`` for each of its files."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from translate_svc.audio.audio_tracks import Channel
from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.batch.remote_files import version
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.media.arguments import EVENTS_FORM, FORMS, TranslateArguments
from translate_svc.cli.targets import SpeechStyle
from translate_svc.languages import LanguageTable
from translate_svc.types import ModelInfo, VadSettings

_SHARD = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchArguments:
    """The arguments of the command. Fields are named as its options."""

    inputs: tuple[str, ...]
    out: str
    to: tuple[str, ...] = ()
    from_: str | None = None
    text: bool = False
    transcript: bool = False
    simultaneous: bool = False
    channel: Channel = Channel.MIX
    speakers_by_channel: bool = False
    style: SpeechStyle = field(default_factory=SpeechStyle)
    vad: VadSettings = field(default_factory=VadSettings)
    json_audio: bool = False
    forms: tuple[str, ...] = ()
    flag_unsure: bool = True
    files_at_once: int = 64
    shard: str = ""

    def __post_init__(self) -> None:
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
        return TranslateArguments(
            inputs=(path,),
            to=item.to or self.to,
            from_=item.from_ or self.from_,
            text=self.text,
            transcript=self.transcript,
            simultaneous=self.simultaneous,
            channel=self.channel,
            speakers_by_channel=self.speakers_by_channel,
            style=self.style,
            vad=self.vad,
            json_audio=self.json_audio,
            output_dir=folder if self.forms else None,
            forms=self.forms,
            flag_unsure=self.flag_unsure,
            name=item.name.rpartition("/")[2],
        )

    def check(self, item: BatchItem, table: LanguageTable) -> None:
        """Checks an item's languages.

        Raises:
            UsageError: the model does not know a language, or the item has no target.
        """
        try:
            settings = self.for_file(item, Path(item.source), Path(self.out)).settings(table)
            reference_languages(item, [target.language for target in settings.targets], table)
        except UsageError as error:
            place = item.place or item.source
            raise UsageError(f"{error.description} ({place})", field=error.field) from None

    def version(self, item: BatchItem, model: ModelInfo) -> str:
        """What a result depends on: the file's content, as far as its size and age tell it, and options.

        Raises:
            OSError: there is no such file.
        """
        options = self.for_file(item, Path("source"), Path("out"))
        options_of_model = f"{options}, {model.name}, {model.revision}, {sorted(item.references.items())}"
        digest = hashlib.sha256(options_of_model.encode()).hexdigest()[:16]
        return f"{version(item.source)}; {digest}"


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
