"""What one step of stage 1 reads, made from shards on the CPU, in the trainer's process or in others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.starter import corpus
from training.starter.examples import batching, shards
from training.starter.examples.texts import SENTENCE_COUNT_SHARES, TextSource
from training.starter.grammar import LANGUAGES, Grammar
from training.starter.learning.schedule import Schedule
from training.starter.learning.workers import Worker
from training.starter.tokenizer import StarterTokenizer

_TEXT_SENTENCES = {"cpu": 32, "cuda": 320}
_FRAMES_PER_BATCH = {"cpu": 1500, "cuda": 16_000}
_SHARDS_PER_ROUND = 16


@dataclass(frozen=True, slots=True)
class StepInputs:
    """Recordings, text pairs and what the decoder is to write for both.

    `features`: (recordings, stacked frames, 160) float32, zero after `frame_counts` (recordings,).
    `source_ids`, `source_mask`: (pairs, tokens) of the text encoder. `input_ids`, `labels`: (rows, tokens) of
    the decoder; the first rows are those of the recordings, one for each language, then one for each pair.
    `character_ids` (characters,) and `character_counts` (recordings,) are the CTC targets.
    """

    features: Tensor
    frame_counts: Tensor
    source_ids: Tensor
    source_mask: Tensor
    input_ids: Tensor
    labels: Tensor
    character_ids: Tensor
    character_counts: Tensor

    def to(self, device: torch.device) -> StepInputs:
        """The same there."""
        return StepInputs(*(getattr(self, each.name).to(device, non_blocking=True) for each in fields(self)))


def character_table(tokenizer: StarterTokenizer) -> dict[str, int]:
    """The CTC head's ids of characters, from 1."""
    return {character: index for index, character in enumerate([" ", *tokenizer.characters()], start=1)}


@dataclass(slots=True)
class StepSource:
    """Draws the steps of one worker, or of one of its loaders: of the shards those whose turn it is."""

    work: Path
    schedule: Schedule
    device_type: str
    rng: np.random.Generator
    worker: Worker = field(default_factory=Worker)
    shard_uses: dict[str, int] = field(default_factory=dict)
    tokenizer: StarterTokenizer = field(init=False)
    characters: Mapping[str, int] = field(init=False)
    _texts: TextSource = field(init=False)

    def __post_init__(self) -> None:
        self.tokenizer = StarterTokenizer.load(self.work / "tokenizer")
        self.characters = character_table(self.tokenizer)
        self._texts = TextSource(Grammar.load())

    def steps(self, spent_s: Callable[[], float]) -> Iterator[StepInputs]:
        """Rounds over the least used shards; those written meanwhile are picked up. Endless.

        `spent_s`: what is spent of the schedule's budget.
        """
        while True:
            easy = self.schedule.is_easy(spent_s())
            longest = self.schedule.longest_frames(spent_s())
            examples = [
                example
                for name in self._drawn_shards(easy)
                for example in shards.read(self.work / name)
                if len(example.features) <= longest
            ]
            frames = _FRAMES_PER_BATCH[self.device_type]
            for batch in batching.length_batches(examples, frames, self.rng):
                yield self.step_of(batch, spent_s())
                if easy and not self.schedule.is_easy(spent_s()):
                    break

    def step_of(self, examples: Sequence[batching.Example], spent_s: float) -> StepInputs:
        """A step that hears `examples`, and reads texts as many as the schedule has then."""
        pairs = self._text_pairs(spent_s)
        rows = [(example, language) for example in examples for language in LANGUAGES]
        features, frame_counts = batching.stack_features(examples, self.rng)
        source_ids, source_mask = batching.encoder_batch(
            self.tokenizer, [pair.source_text for pair in pairs], [pair.source_language for pair in pairs]
        )
        decoder = batching.decoder_batch(
            self.tokenizer,
            [example.texts[language] for example, language in rows] + [pair.target_text for pair in pairs],
            [language for _, language in rows] + [pair.target_language for pair in pairs],
            [example.prefixes[language] for example, language in rows] + [""] * len(pairs),
        )
        heard = batching.character_targets(examples, self.characters)
        return StepInputs(
            features, frame_counts, source_ids, source_mask, decoder.input_ids, decoder.labels,
            heard.ids, heard.counts,
        )  # fmt: skip

    def _drawn_shards(self, easy: bool) -> list[str]:
        uses = self.shard_uses
        paths = corpus.shard_paths(self.work, easy=easy)[self.worker.index :: self.worker.count]
        names = [f"{path.parent.name}/{path.name}" for path in paths]
        if not names:
            raise FileNotFoundError(f"{self.work}: too few shards; run training.starter.corpus first")
        ties = {name: float(self.rng.random()) for name in names}
        drawn = sorted(names, key=lambda name: (uses.get(name, 0), ties[name]))[:_SHARDS_PER_ROUND]
        uses.update({name: uses.get(name, 0) + 1 for name in drawn})
        return drawn

    def _text_pairs(self, spent_s: float) -> list[batching.TextPair]:
        """Texts of equally many sentences, so that little of the batch is padding."""
        counts = SENTENCE_COUNT_SHARES
        count = int(self.rng.choice(list(counts), p=list(counts.values())))
        sentences = int(self.schedule.text_share(spent_s) * _TEXT_SENTENCES[self.device_type])
        rows = 1 if self.schedule.refines else sentences // count
        return [self._texts.draw_typed(self.rng, count) for _ in range(rows)]
