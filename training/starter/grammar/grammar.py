"""The grammar as a whole, and a weighted draw over the sentences of one part."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.starter.grammar import clauses
from training.starter.grammar.data_files import DATA_FOLDER, mapping, read, read_folder
from training.starter.grammar.inflection import Inflector
from training.starter.grammar.languages.french import French
from training.starter.grammar.lexicon import Lexicon
from training.starter.grammar.model import LANGUAGES, GrammarError, Language, Part, Sentence
from training.starter.grammar.rendering import Bindings, load_inflectors
from training.starter.grammar.templates import Template, build_template

_MAX_DRAWS = 100_000


@dataclass(frozen=True, slots=True)
class Grammar:
    """Words, inflection and sentence patterns of every language."""

    lexicon: Lexicon
    inflectors: Mapping[Language, Inflector]
    templates: Sequence[Template]

    @classmethod
    def load(cls, folder: Path = DATA_FOLDER) -> Grammar:
        """Reads the data folder. Raises a GrammarError that names every entry that breaks a rule."""
        inflectors = load_inflectors(folder)
        lexicon = Lexicon(folder / "words")
        french = inflectors["fra"]
        assert isinstance(french, French)
        french.aspirate(word.text for entry in lexicon.entries() if (word := entry.words["fra"]).aspirated)
        templates: dict[str, Template] = {}
        problems = list(lexicon.problems)
        for name, item, where in _items(folder, inflectors, problems):
            try:
                if name in templates:
                    raise GrammarError(f"{where}: a second template of this name")
                templates[name] = build_template(name, item, lexicon, inflectors, where)
            except GrammarError as error:
                problems.append(str(error))
        if problems:
            raise GrammarError("\n".join(problems))
        return cls(lexicon, inflectors, tuple(templates.values()))

    def sampler(self, part: Part) -> Sampler:
        """Raises GrammarError if no template has sentences in that part."""
        templates = [template for template in self.templates if template.held_out == (part == "template")]
        if part == "stock":
            templates = [template for template in templates if template.named_part == part]
        if part == "combination":
            templates = [template for template in templates if template.has_held_out_combinations]
        if not templates:
            raise GrammarError(f"no template has sentences in part {part!r}")
        return Sampler(templates, part)


def _items(
    folder: Path, inflectors: Mapping[Language, Inflector], problems: list[str]
) -> Iterator[tuple[str, Any, str]]:
    """(name, template, where it is from) of every template and every mood of every predicate."""
    for file, name, item in read_folder(folder / "templates"):
        yield name, item, f"templates/{file}: {name}"
    for name, item in read(folder / "stock_phrases.yaml").items():
        where = f"stock_phrases.yaml: {name}"
        yield name, {"part": "stock", **mapping(item, where)}, where
    moods = {
        mood: mapping(frames, f"clauses.yaml: {mood}")
        for mood, frames in read(folder / "clauses.yaml").items()
    }
    for file, name, predicate in read_folder(folder / "predicates"):
        try:
            for full_name, item in clauses.expand(
                name, predicate, moods, inflectors, f"predicates/{file}: {name}"
            ):
                yield full_name, item, f"predicates/{file}: {full_name}"
        except GrammarError as error:
            problems.append(str(error))


@dataclass(frozen=True, slots=True)
class BoundSentence:
    """A sentence with the template and the words that made it, from which its neighbours can be made."""

    sentence: Sentence
    template: Template
    bindings: Bindings


class Sampler:
    """Draws sentences of one part: a template by its weight, then its words."""

    def __init__(self, templates: Sequence[Template], part: Part) -> None:
        self.part = part
        self._templates = templates
        self._cumulative = list(itertools.accumulate(template.weight for template in templates))
        self._fraction_count = 1 + max(len(template.slots) for template in templates)

    def draw(self, rng: np.random.Generator, language: Language | None = None) -> Sentence:
        """One that can be said in `language`, or in all of them.

        The same for the same state of `rng` and the same data. Raises GrammarError for data without such a
        sentence in this part.
        """
        return self.draw_bound(rng, language).sentence

    def draw_bound(self, rng: np.random.Generator, language: Language | None = None) -> BoundSentence:
        """As `draw`, with template and words."""
        speakers = LANGUAGES if language is None else (language,)
        for _ in range(_MAX_DRAWS):
            first, *fractions = rng.random(self._fraction_count).tolist()
            template = self._templates[bisect.bisect(self._cumulative, first * self._cumulative[-1])]
            if not set(speakers) <= set(template.said_in):
                continue
            bindings = template.bind(fractions)
            if bindings is not None and (sentence := template.sentence(bindings, self.part)) is not None:
                return BoundSentence(sentence, template, bindings)
        raise GrammarError(f"no sentence of part {self.part!r} in {_MAX_DRAWS} draws")
