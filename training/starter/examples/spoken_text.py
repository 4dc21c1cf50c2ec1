"""Examples of the T2U stage: a translation, what speaker 0 makes of it, and what it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.starter.examples import batching
from training.starter.examples.durations import AlignmentError, character_units
from training.starter.examples.texts import TextSource
from training.starter.grammar import Grammar, Language, Part
from training.starter.model_config import generation_config
from training.starter.synthesis.target_speech import speak
from training.starter.tokenizer import EOS_ID, StarterTokenizer
from training.starter.units import UnitCodebook
from translate_svc.models.seamless.t2u.characters import CharacterTable

Source = batching.Example | batching.TextPair

_SPEECH_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A translation with what its voice does: per character its units' count (`durations`), and the units."""

    source: Source
    target_text: str
    target_language: Language
    character_ids: tuple[int, ...]
    counts_per_token: tuple[int, ...]
    durations: NDArray[np.int64]
    units: NDArray[np.int64]


class SpokenTextSource:
    """Draws translations, of sentences or of `speech` from the corpus, and speaks them as speaker 0."""

    def __init__(
        self, work: Path, tokenizer: StarterTokenizer, part: Part, speech: list[batching.Example]
    ) -> None:
        self._texts = TextSource(Grammar.load(), part)
        self._tokenizer = tokenizer
        self._codebook = UnitCodebook.load(work / "units.npz")
        maps = generation_config(tokenizer)
        id_to_text = {int(token_id): piece for token_id, piece in maps["id_to_text"].items()}
        self._characters = CharacterTable(id_to_text, maps["char_to_id"], silent_ids=(0, EOS_ID))
        # a piece of continuous speech may have a text in one language and none yet in another
        self._speech = [
            example for example in speech if all(example.texts.values()) and not example.has_prefix
        ]

    def draw(self, rng: np.random.Generator) -> SpokenText:
        while True:
            if self._speech and rng.random() < _SPEECH_SHARE:
                example = self._speech[int(rng.integers(len(self._speech)))]
                others = batching.other_languages(example.language)
                language = others[int(rng.integers(len(others)))]
                source: Source = example
                text = example.texts[language]
            else:
                source = pair = self._texts.draw_pair(rng)
                text, language = pair.target_text, pair.target_language
            try:
                return self.speak(source, text, language)
            except AlignmentError:
                continue

    def speak(self, source: Source, text: str, language: Language) -> SpokenText:
        """Raises AlignmentError and SynthesisError."""
        tokens = self._tokenizer.encode(text)
        sequence = self._characters.characters([EOS_ID, self._tokenizer.language_id(language), *tokens])
        spelled = [character for token in tokens for character in self._tokenizer.id_to_piece(token)]
        speech = speak(text, language)
        teacher = character_units(spelled, speech)
        return SpokenText(
            source,
            text,
            language,
            sequence.character_ids,
            sequence.counts_per_token,
            teacher.durations,
            self._codebook.units_of(speech.samples, language, teacher.centres),
        )
