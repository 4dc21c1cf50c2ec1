"""The words of data/words/: classes of entries, one entry a meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from num2words import num2words

from training.starter.grammar.data_files import mapping, read_folder
from training.starter.grammar.model import LANGUAGES, Entry, Features, GrammarError, Language, Word
from training.starter.grammar.notation import parse_word

_NUM2WORDS: dict[Language, str] = {"eng": "en", "spa": "es", "fra": "fr", "deu": "de"}
_NO_WORD = Word("")
NOTHING = Entry("", "", dict.fromkeys(LANGUAGES, _NO_WORD))
"""What an optional slot holds when nothing is said."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The entries that a slot may hold."""

    entries: tuple[Entry, ...]
    optional: bool = False

    @property
    def size(self) -> int:
        return len(self.entries) + self.optional

    def choices(self) -> tuple[Entry, ...]:
        return (NOTHING, *self.entries) if self.optional else self.entries

    def pick(self, fraction: float) -> Entry:
        """The entry at a fraction from 0 to 1; an optional slot is empty half of the time."""
        if self.optional:
            if fraction < 0.5:
                return NOTHING
            fraction = 2 * fraction - 1
        return self.entries[int(fraction * len(self.entries))]


class Lexicon:
    """Entries by class. An entry that breaks a rule is left out, and `problems` names it."""

    def __init__(self, folder: Path) -> None:
        self.classes: dict[str, list[Entry]] = {}
        self.problems: list[str] = []
        for file, class_name, items in read_folder(folder):
            where = f"words/{file}: {class_name}"
            known = self.classes.setdefault(class_name, [])
            for key, item in mapping(items, where).items():
                try:
                    for entry in _entries(class_name, str(key), item, where):
                        _refuse_twins(entry, known, where)
                        known.append(entry)
                except GrammarError as error:
                    self.problems.append(str(error))

    def slot(self, spec: str, where: str) -> Slot:
        """Of "class", "class+tag", "class-tag", and with "?" where it may stay empty. Raises GrammarError."""
        wanted, *unwanted = spec.removesuffix("?").split("-")
        name, *tags = wanted.split("+")
        entries = tuple(
            entry
            for entry in self.classes.get(name, ())
            if entry.tags.issuperset(tags) and entry.tags.isdisjoint(unwanted)
        )
        if not entries:
            raise GrammarError(f"{where}: no entry for {spec!r}")
        return Slot(entries, spec.endswith("?"))

    def entries(self) -> Iterator[Entry]:
        for entries in self.classes.values():
            yield from entries


def _entries(class_name: str, key: str, item: Any, where: str) -> Iterator[Entry]:
    """One entry, the numbers that the key `numbers` lists, or those from first to last of `cardinals`."""
    if key == "cardinals":
        first, last = item
        for number in range(first, last + 1):
            words = {language: Word(_spelled(number, language)) for language in LANGUAGES}
            yield Entry(class_name, str(number), words)
    elif key == "numbers":
        for number in item:
            yield _number(class_name, number, where)
    else:
        yield _entry(class_name, key, item, f"{where}: {key}")


def _entry(class_name: str, key: str, item: Any, where: str) -> Entry:
    same_everywhere = isinstance(item, str)
    texts: dict[str, Any] = {**(dict.fromkeys(LANGUAGES, item) if same_everywhere else mapping(item, where))}
    tags = texts.pop("tags", [])
    if set(texts) != set(LANGUAGES) or not all(isinstance(text, str) for text in texts.values()):
        raise GrammarError(f"{where}: needs a text for each of {', '.join(LANGUAGES)}, may have tags")
    if not isinstance(tags, list):
        raise GrammarError(f"{where}: tags are a list, not {tags!r}")
    words = {
        language: parse_word(texts[language], language, f"{where}: {language}") for language in LANGUAGES
    }
    return Entry(class_name, key, words, frozenset(map(str, tags)))


def _number(class_name: str, number: int, where: str) -> Entry:
    """A number that agrees with nothing in any language, which one and those made with it do not."""
    if number < 2 or (number % 10 == 1 and number != 11) or number >= 200:
        raise GrammarError(f"{where}: {number} agrees with its noun or is too large")
    plural = Features("3p", "m", "p")
    words: dict[Language, Word] = {}
    for language in LANGUAGES:
        text, successor = (_spelled(value, language) for value in (number, number % 12 + 1))
        words[language] = Word(text, plural, plural=text, successor=successor if number <= 12 else None)
    return Entry(class_name, str(number), words)


def _spelled(number: int, language: Language) -> str:
    text: str = num2words(number, lang=_NUM2WORDS[language])
    return text.replace(" and ", " ") if language == "eng" else text


def _refuse_twins(entry: Entry, known: list[Entry], where: str) -> None:
    for other in known:
        if other.key == entry.key:
            raise GrammarError(f"{where}: {entry.key!r} is given twice")
        for language in LANGUAGES:
            word, twin = entry.words[language], other.words[language]
            if word.text and word.text == twin.text and word.features == twin.features:
                raise GrammarError(
                    f"{where}: {entry.key!r} and {other.key!r} are one in {language}: {word.text!r}"
                )
