"""Pieces of continuous speech, as simultaneous translation hears them: they begin and end anywhere.

Pure: times of words in, texts out. All times are samples from the beginning of the recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from training.starter.examples.settled import SettledCounts
from training.starter.grammar import LANGUAGES, Language


@dataclass(frozen=True, slots=True)
class TimedSentence:
    """A sentence within a recording.

    `word_spans`: [start, end) of each heard word. `surely_heard_samples`: how long after its end a word can
    be told. From `end_sample` on it is plain that the sentence is over. Speech outside the phrasebook has no
    texts, and nothing of it is ever settled.
    """

    texts: Mapping[Language, str]
    settled: Mapping[Language, SettledCounts]
    word_spans: tuple[tuple[int, int], ...]
    end_sample: int
    surely_heard_samples: int

    def settled_words(self, target: Language, cut_sample: int) -> int:
        """How many words of the text in `target` are settled when the recording ends at `cut_sample`."""
        if cut_sample >= self.end_sample:
            return len(self.texts[target].split())
        margin = self.surely_heard_samples
        heard = sum(1 for _ in takewhile(lambda span: span[1] + margin <= cut_sample, self.word_spans))
        return self.settled[target].words[heard]

    def source_sample(self, target: Language, word: int) -> int:
        """Where the source word begins that settles a word of the text in `target`."""
        index = self.settled[target].first_source_word(word)
        return self.word_spans[index][0]


@dataclass(frozen=True, slots=True)
class WindowTexts:
    """What a decoder is given (`prefixes`), what it is to write with them (`texts`), and what the recording
    holds after that (`rests`), in every language; `spoken`: the words of the source inside of the piece.
    """

    prefixes: Mapping[Language, str]
    texts: Mapping[Language, str]
    rests: Mapping[Language, str]
    spoken: str


def window_texts(
    sentences: Sequence[TimedSentence],
    language: Language,
    start_sample: int,
    committed_sample: int,
    end_sample: int,
    history_words: int,
) -> WindowTexts:
    """Of the piece [start, end) of a recording in `language`.

    The text settled at `committed_sample` has been written: its last `history_words`, no further back than
    the piece, are the prefix.
    """
    prefixes, texts, rests = {}, {}, {}
    for target in LANGUAGES:
        words = [word for sentence in sentences for word in sentence.texts[target].split()]
        sources = [
            sentence.source_sample(target, index)
            for sentence in sentences
            for index in range(len(sentence.texts[target].split()))
        ]
        inside = sum(1 for _ in takewhile(lambda source: source < start_sample, sources))
        committed = max(inside, _settled(sentences, target, committed_sample))
        settled = max(committed, _settled(sentences, target, end_sample))
        first = max(inside, committed - history_words)
        prefixes[target] = " ".join(words[first:committed])
        texts[target] = " ".join(words[first:settled])
        rests[target] = " ".join(words[settled:])
    return WindowTexts(prefixes, texts, rests, _spoken(sentences, language, start_sample, end_sample))


def _settled(sentences: Sequence[TimedSentence], target: Language, cut_sample: int) -> int:
    """Over all sentences. Those that have not begun have settled nothing."""
    return sum(sentence.settled_words(target, cut_sample) for sentence in sentences)


def _spoken(
    sentences: Sequence[TimedSentence], language: Language, start_sample: int, end_sample: int
) -> str:
    """The words whose middle lies in the piece."""
    return " ".join(
        word
        for sentence in sentences
        for word, (start, end) in zip(sentence.texts[language].split(), sentence.word_spans, strict=False)
        if start_sample <= (start + end) // 2 < end_sample
    )


def word_spans(text: str, words: Sequence[tuple[int, int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans of the words of `text.split()`, given spoken words: (first character, start, end sample).

    Neighbours that are spoken as one ("I am") share its span.
    """
    spans, cursor = [], 0
    for word in text.split():
        end_character = text.index(word, cursor) + len(word)
        cursor = end_character
        covering = [spoken for spoken in words if spoken[0] < end_character] or list(words[:1])
        spans.append(covering[-1][1:])
    return tuple(spans)
