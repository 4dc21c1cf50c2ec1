"""Tools for writing the data: python -m training.starter.grammar --check | --show NAME"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

import numpy as np

from training.starter.grammar.check import draw, violations
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
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        grammar = Grammar.load()
        rng = np.random.default_rng(arguments.seed)
        if arguments.check:
            return _check(grammar, arguments.seed)
        _print_templates(grammar, arguments.show, rng)
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


if __name__ == "__main__":
    sys.exit(main())
