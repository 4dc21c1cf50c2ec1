"""Examples of the T2U stage: a translation, what its target voice makes of it, and what it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.starter import batching, corpus
from training.starter.durations import character_durations
from training.starter.grammar import LANGUAGES, Grammar
from training.starter.model_config import generation_config
from training.starter.synth import synthesize
from training.starter.tokenizer import EOS_ID, StarterTokenizer
from training.starter.units import UnitCodebook
from training.starter.voices import TARGET_VOICES
from translate_svc.models.characters import CharacterTable

_SPEECH_SHARE = 0.2
_SPEECH_SHARDS = 2


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A translation with what its target voice does: per character its units' count, and the units."""

    source: batching.Example | corpus.TextPair
    target_text: str
    target_language: str
    character_ids: tuple[int, ...]
    counts_per_token: tuple[int, ...]
    durations: NDArray[np.int64]
    units: NDArray[np.int64]


class SpokenTextSource:
    """Draws translations, from sentence pairs or the corpus's speech, and speaks them in the target voice."""

    def __init__(self, work: Path, tokenizer: StarterTokenizer, *, held_out: bool) -> None:
        self._texts = corpus.TextSource(Grammar.load(), held_out=held_out)
        self._tokenizer = tokenizer
        self._codebook = UnitCodebook.load(work / "units.npz")
        maps = generation_config(tokenizer)
        id_to_text = {int(token_id): piece for token_id, piece in maps["id_to_text"].items()}
        self._characters = CharacterTable(id_to_text, maps["char_to_id"], silent_ids=(0, EOS_ID))
        self._speech: list[batching.Example] = []
        if held_out:
            sets = corpus.held_out_sets(work, quick=False)
            self._speech = [*sets["one"], *sets["several"]]
        else:
            for path in corpus.shard_paths(work)[:_SPEECH_SHARDS]:
                self._speech += [example for example in corpus.read_shard(path) if example.target_text]

    def draw(self, rng: np.random.Generator) -> SpokenText:
        while True:
            source: batching.Example | corpus.TextPair
            if rng.random() < _SPEECH_SHARE:
                source = self._speech[int(rng.integers(len(self._speech)))]
            else:
                source = self._texts.draw_pair(rng)
            spoken = self.speak(source)
            if spoken is not None:
                return spoken

    def speak(self, source: batching.Example | corpus.TextPair) -> SpokenText | None:
        """None when the durations cannot be found."""
        language = LANGUAGES[1 - LANGUAGES.index(source.language)]
        tokens = self._tokenizer.encode(source.target_text)
        sequence = self._characters.characters([EOS_ID, self._tokenizer.language_id(language), *tokens])
        spelled = [character for token in tokens for character in self._tokenizer.piece(token)]
        speech = synthesize(source.target_text, TARGET_VOICES[language])
        units = self._codebook.units_of(speech.samples, language)
        durations = character_durations(spelled, speech.words, len(units))
        if durations is None:
            return None
        return SpokenText(
            source,
            source.target_text,
            language,
            sequence.character_ids,
            sequence.counts_per_token,
            durations,
            units,
        )
