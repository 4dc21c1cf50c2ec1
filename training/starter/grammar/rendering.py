"""Patterns with braces, compiled once and rendered for the entries in their slots."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from training.starter.grammar.data_files import DATA_FOLDER, read
from training.starter.grammar.inflection import Inflector
from training.starter.grammar.languages.english import English
from training.starter.grammar.languages.french import French
from training.starter.grammar.languages.german import German
from training.starter.grammar.languages.spanish import Spanish
from training.starter.grammar.model import LANGUAGES, Entry, Features, GrammarError, Language
from training.starter.grammar.notation import Expression, parse_pattern

Bindings = Mapping[str, Entry]
_INFLECTORS: dict[Language, type[Inflector]] = {"eng": English, "spa": Spanish, "fra": French, "deu": German}
_MAX_NESTING = 4


def load_inflectors(folder: Path = DATA_FOLDER) -> dict[Language, Inflector]:
    """From morphology/<language>.yaml in the data folder. Raises GrammarError."""
    return {
        language: _INFLECTORS[language](
            read(folder / "morphology" / f"{language}.yaml"), f"morphology/{language}.yaml"
        )
        for language in LANGUAGES
    }


class Pattern:
    """A text with expressions, in one language. Raises GrammarError for an unknown name."""

    __slots__ = ("_inflector", "_parts", "where")

    def __init__(self, source: str, inflector: Inflector, slots: Collection[str], where: str) -> None:
        self._inflector = inflector
        self.where = where
        self._parts: tuple[str | _Node, ...] = tuple(
            part if isinstance(part, str) else _Node(part, inflector, slots, where)
            for part in parse_pattern(source, where)
        )

    def sentence(self, bindings: Bindings) -> str:
        """Spelled as written. Raises GrammarError for a form that a word does not have."""
        return self._inflector.spell(self.render(bindings))

    def render(self, bindings: Bindings, depth: int = 0) -> str:
        if depth > _MAX_NESTING:
            raise GrammarError(f"{self.where}: texts name each other without end")
        return "".join(
            part if part.__class__ is str else part.render(bindings, depth)  # type: ignore[union-attr]
            for part in self._parts
        )


class _Node:
    """An expression of a pattern. What it renders to is remembered by the entries it depends on."""

    __slots__ = ("_cache", "_expression", "_inflector", "_is_slot", "_slots", "_where")

    def __init__(
        self, expression: Expression, inflector: Inflector, slots: Collection[str], where: str
    ) -> None:
        self._expression, self._inflector, self._slots = expression, inflector, slots
        self._where = f"{where}: {expression.source}"
        self._is_slot = expression.name in slots
        self._cache: dict[tuple[Entry | None, Entry | None], str | Pattern] = {}
        if not self._is_slot and not inflector.knows(expression.name):
            raise GrammarError(
                f"{self._where}: {expression.name!r} is no slot, nor a word of {inflector.where}"
            )
        if self._is_slot and expression.controller is not None and inflector.knows(expression.name):
            raise GrammarError(f"{self._where}: {expression.name!r} is a slot and a word: rename the slot")
        if expression.controller is not None and expression.controller not in slots:
            raise GrammarError(f"{self._where}: no slot {expression.controller!r}")

    def render(self, bindings: Bindings, depth: int) -> str:
        expression = self._expression
        entry = bindings[expression.name] if self._is_slot else None
        controller = bindings[expression.controller] if expression.controller is not None else None
        key = (entry, controller)
        text = self._cache.get(key)
        if text is None:
            text = self._cache[key] = self._form(entry, controller)
        return text if isinstance(text, str) else text.render(bindings, depth + 1)

    def _form(self, entry: Entry | None, controller: Entry | None) -> str | Pattern:
        language = self._inflector.language
        agreement = controller.words[language].features if controller else None
        try:
            text = self._inflected(entry, agreement)
        except GrammarError as error:
            words = ", ".join(repr(item.key) for item in (entry, controller) if item)
            raise GrammarError(f"{self._where} ({words}): {error}") from error
        if "{" not in text:
            return text
        text = text.replace("{}", f"{{{self._expression.controller}}}")
        return Pattern(text, self._inflector, self._slots, self._where)

    def _inflected(self, entry: Entry | None, agreement: Features | None) -> str:
        form = self._expression.form
        if entry is None:
            return self._inflector.inflect(self._expression.name, form, agreement)
        word = entry.words[self._inflector.language]
        if form.successor:
            if word.successor is None:
                raise GrammarError(f"{word.text!r} is no number of a clock, so none comes next")
            return word.successor
        if agreement is not None:
            return self._inflector.adjective(word, form, agreement.in_plural() if form.plural else agreement)
        if word.is_noun:
            return self._inflector.noun(word, form)
        if form.plural and word.features.number != "p":
            raise GrammarError(f"{word.text!r} is written without an article, so it has no plural")
        return word.text
