"""How a meeting is interpreted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from translate_svc import languages
from translate_svc.errors import InvalidArgument
from translate_svc.types import Echo

FEED_SUFFIX = " (interpreted)"
"""How the names of the interpreter's feeds end. Feeds with such names are not listened to."""

_TAG = re.compile(r"[\[(]([A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*)[\])]\s*$")


def tagged_language(display: str) -> str | None:
    """The language that ends a name in brackets, as in "Ana (es)" or "Ben [eng]"; None: there is none."""
    found = _TAG.search(display)
    return language_code(found[1]) if found else None


def language_code(tag: str) -> str | None:
    """The Seamless code of a language; None: it is not known."""
    language = languages.packaged().find(tag)
    return None if language is None else language.code


def language_name(code: str) -> str:
    """The English name of a language."""
    language = languages.packaged().find(code)
    return code if language is None else language.name


@dataclass(frozen=True, slots=True)
class MeetingOptions:
    """How a meeting is interpreted.

    Attributes:
        languages: Seamless codes or BCP-47 tags of languages to interpret into, whoever is there.
        follow: interpret also into the language of everybody who is in the room and whose language is known.
        spoken: the language that somebody speaks, by the displayed name; None: it is found out.
        echo: what becomes of people who speak the language of a track: ``Echo.SILENT`` leaves them out,
            ``Echo.PASS`` plays their own sound in its turn.
        original: whether the tracks hold everybody's own sound too, lower while somebody is interpreted.
        duck_db: how much lower.
        simultaneous: interpret while people speak, or after each utterance.
        captions: whether texts are sent over the feeds' data channels.
        catch_up_duration_factor: how much speech may be hurried where it falls behind; 0.5 to 1; None: never.
        max_waiting_s: a speech that would begin later than that behind others is not said, only written.
        max_unsent_s: how much of each person's sound waits while no server can be reached.
        finish_s: how long the last words may take when the interpreter is told to stop.
        retry_s: before something that failed is tried again.
    """

    languages: tuple[str, ...] = ()
    follow: bool = True
    spoken: Callable[[str], str | None] = tagged_language
    echo: Echo = Echo.SILENT
    original: bool = False
    duck_db: float = 18.0
    simultaneous: bool = True
    captions: bool = True
    catch_up_duration_factor: float | None = 0.8
    max_waiting_s: float = 60.0
    max_unsent_s: float = 90.0
    finish_s: float = 20.0
    retry_s: float = 1.0

    def __post_init__(self) -> None:
        if self.echo not in (Echo.SILENT, Echo.PASS):
            raise InvalidArgument("must be silent or pass: people hear each other", field="echo")
        for index, tag in enumerate(self.languages):
            if language_code(tag) is None:
                raise InvalidArgument(f"is no language: {tag}", field=f"languages[{index}]")
        if not self.languages and not self.follow:
            raise InvalidArgument("must name a language, or follow must be on", field="languages")

    @property
    def codes(self) -> tuple[str, ...]:
        """The languages as Seamless codes, each once."""
        return tuple(dict.fromkeys(code for tag in self.languages if (code := language_code(tag))))
