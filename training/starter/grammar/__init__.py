"""Sentences in four languages, drawn from words, inflection and sentence patterns kept as data.

data/README.md explains the notation of the data files. Every source sentence has exactly one translation into
each other language; `python -m training.starter.grammar --check` looks for sentences that break this.

The part a sentence belongs to is decided by its template and a hash of its English text, so it is the same
for every seed and machine.
"""

from training.starter.grammar.grammar import BoundSentence, Grammar, Sampler
from training.starter.grammar.model import LANGUAGES, GrammarError, Language, Part, Sentence

__all__ = ["LANGUAGES", "BoundSentence", "Grammar", "GrammarError", "Language", "Part", "Sampler", "Sentence"]
