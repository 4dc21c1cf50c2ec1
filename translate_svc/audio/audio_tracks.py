"""Which audio track of a film is heard, and which of its channels. Containers tag tracks with languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from translate_svc import languages
from translate_svc.errors import InvalidArgument

# ISO 639-2 as containers write it (the bibliographic codes, and codes of whole groups) in the table's codes
_CONTAINER_CODES = {
    "alb": "sqi", "ara": "arb", "arm": "hye", "aze": "azj", "baq": "eus", "bur": "mya", "chi": "cmn",
    "cze": "ces", "dut": "nld", "fas": "pes", "fre": "fra", "ful": "fuv", "geo": "kat", "ger": "deu",
    "gre": "ell", "ice": "isl", "kur": "ckb", "lav": "lvs", "mac": "mkd", "may": "zsm", "mon": "khk",
    "msa": "zsm", "nep": "npi", "nor": "nob", "ori": "ory", "orm": "gaz", "per": "pes", "pus": "pbt",
    "rum": "ron", "slo": "slk", "swa": "swh", "uzb": "uzn", "wel": "cym", "zho": "cmn",
}  # fmt: skip


class Channel(Enum):
    """The channels of a track to translate: all of them mixed, or one side."""

    MIX = "mix"
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One audio track of a container.

    Attributes:
        number: 1 for the first audio track.
        language: its tag, as the container has it; empty if there is none.
        channels: number of channels.
        is_default: whether players choose it.
        is_extra: commentary, or a track for people who see or hear badly.
        title: as the container has it; may be empty.
    """

    number: int
    language: str = ""
    channels: int = 1
    is_default: bool = False
    is_extra: bool = False
    title: str = ""

    def __str__(self) -> str:
        parts = [
            language_name(self.language),
            self.title,
            f"{self.channels} channel{'s' if self.channels > 1 else ''}",
            "default" if self.is_default else "",
        ]
        return f"track {self.number} ({', '.join(part for part in parts if part)})"


@dataclass(frozen=True, slots=True)
class AudioChoice:
    """What the user wants to hear.

    Attributes:
        track: number of the audio track, or its language (a tag, a code or an English name). Empty chooses
            the track tagged with ``source_language``, else the container's default, else the first.
        source_language: Seamless code of the language that is spoken; None if it is not known.
        channel: which side is heard.
    """

    track: str = ""
    source_language: str | None = None
    channel: Channel = Channel.MIX

    def choose(self, tracks: Sequence[AudioTrack], *, name: str) -> AudioTrack:
        """The track of ``tracks``, of which there is at least one. ``name`` is the file's name in errors.

        Raises:
            InvalidArgument: no track has the wanted number or language, or the wanted side does not exist.
        """
        if self.track.isdecimal():
            found = [track for track in tracks if track.number == int(self.track)]
        elif self.track:
            found = _of_language(tracks, _code_of(self.track))
        else:
            found = _of_language(tracks, self.source_language) or list(tracks)
        if not found:
            listed = ", ".join(map(str, tracks))
            raise InvalidArgument(f"has no audio track {self.track!r}; it has {listed}", field=name)
        chosen = min(found, key=lambda track: (track.is_extra, not track.is_default, track.number))
        if self.channel is not Channel.MIX and chosen.channels < 2:
            raise InvalidArgument(f"{chosen} has no {self.channel.value} side", field=name)
        return chosen


def _of_language(tracks: Sequence[AudioTrack], code: str | None) -> list[AudioTrack]:
    return [track for track in tracks if code and track.language and _code_of(track.language) == code]


def language_name(tag: str) -> str:
    """The English name of a container's tag; ``tag`` itself if unknown."""
    known = languages.packaged().find(_code_of(tag)) if tag else None
    return known.name if known else tag


def _code_of(tag: str) -> str:
    """The Seamless code of a container's tag, a BCP-47 tag or an English name; ``tag`` itself if unknown."""
    folded = tag.strip().casefold()
    folded = _CONTAINER_CODES.get(folded, folded)
    for language in languages.packaged():
        if language.name.casefold() == folded:
            return language.code
    known = languages.packaged().find(folded)
    return known.code if known else folded
