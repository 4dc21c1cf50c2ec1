"""Tools for writing the data: python -m training.starter.grammar --check | --show NAME | --sample N | ..."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

import numpy as np

from training.starter.grammar.check import draw, violations, words_of
from training.starter.grammar.grammar import Grammar
from training.starter.grammar.model import LANGUAGES, GrammarError, Sentence

_PER_TEMPLATE = 300
_SHOWN = 12


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.starter.grammar", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument(
        "--check", action="store_true", help="print every violation; exit with 1 if there are any"
    )
    action.add_argument("--show", metavar="NAME", help="sentences of every template whose name begins so")
    action.add_argument("--sample", type=int, metavar="N", help="so many sentences of the training part")
    action.add_argument("--stats", action="store_true", help="how large the grammar is")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        grammar = Grammar.load()
        rng = np.random.default_rng(arguments.seed)
        if arguments.check:
            return _check(grammar, arguments.seed)
        if arguments.stats:
            _print_stats(grammar, rng)
        elif arguments.show:
            _print_templates(grammar, arguments.show, rng)
        else:
            sampler = grammar.sampler("train")
            _print_sentences(sampler.draw(rng) for _ in range(arguments.sample))
    except GrammarError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _check(grammar: Grammar, seed: int) -> int:
    found = 0
    for line in violations(grammar, per_template=_PER_TEMPLATE, seed=seed):
        print(line)
        found += 1
    print(f"{len(grammar.templates)} templates, {found} violations")
    return 1 if found else 0


def _print_templates(grammar: Grammar, prefix: str, rng: np.random.Generator) -> None:
    templates = [template for template in grammar.templates if template.name.startswith(prefix)]
    if not templates:
        raise GrammarError(f"no template {prefix!r}")
    for template in templates:
        note = ", held out" if template.held_out else ""
        print(f"{template.name}: {template.combinations} combinations, weight {template.weight:.1f}{note}")
        _print_sentences(draw(template, _SHOWN, rng))


def _print_sentences(sentences: Iterable[Sentence]) -> None:
    """Four columns, as wide as they need be."""
    rows = [[sentence.text[language] for language in LANGUAGES] for sentence in sentences]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _print_stats(grammar: Grammar, rng: np.random.Generator) -> None:
    sentences = [
        sentence for template in grammar.templates for sentence in draw(template, _PER_TEMPLATE, rng)
    ]
    held_out = sum(template.held_out for template in grammar.templates)
    print(f"templates     {len(grammar.templates)}, of them held out {held_out}")
    print(f"classes       {len(grammar.lexicon.classes)}")
    print(f"meanings      {sum(1 for _ in grammar.lexicon.entries())}")
    print(f"combinations  {sum(template.combinations for template in grammar.templates):,}")
    for language in LANGUAGES:
        forms = {word for sentence in sentences for word in words_of(sentence.text[language])}
        lengths = [len(words_of(sentence.text[language])) for sentence in sentences]
        print(f"{language}           {len(forms)} word forms, {np.mean(lengths):.1f} words a sentence")


if __name__ == "__main__":
    sys.exit(main())
