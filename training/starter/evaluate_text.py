"""Greedy decoding of held-out examples and the figures of stage 1: BLEU, word error rate, empty outputs.

`python -m training.starter.evaluate_text` evaluates text.safetensors on all held-out sets, in every
direction, with text -> text beside, and writes text_scores.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import jiwer
import numpy as np
import sacrebleu
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import SeamlessM4Tv2Model
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from training.starter import corpus
from training.starter.examples import piece_scores
from training.starter.examples.batching import (
    DIRECTIONS,
    Example,
    encoder_batch,
    other_languages,
    stack_features,
)
from training.starter.examples.texts import TextSource
from training.starter.grammar import Grammar, Language, Part
from training.starter.learning.speech_forward import encode_speech, use_fast_conformer
from training.starter.model_config import MAX_NEW_TOKENS, starter_config
from training.starter.tokenizer import EOS_ID, StarterTokenizer

_BATCH_FRAMES = 6000
_TEXTS_PER_DIRECTION = 100
_TEXT_SEED = 910_000


@torch.inference_mode()
def greedy_decode(
    model: SeamlessM4Tv2Model,
    states: Tensor,
    mask: Tensor,
    language_ids: Sequence[int],
    prefixes: Sequence[Sequence[int]] | None = None,
) -> list[list[int]]:
    """Token ids of each row, without the prompt and </s>; they begin with the row's tokens of `prefixes`."""
    given = prefixes or [()] * len(language_ids)
    inputs = torch.tensor([[EOS_ID, language_id] for language_id in language_ids], device=states.device)
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    finished = torch.zeros(len(inputs), dtype=torch.bool, device=states.device)
    columns: list[Tensor] = []
    for step in range(MAX_NEW_TOKENS):
        hidden = model.text_decoder(
            input_ids=inputs, encoder_hidden_states=states, encoder_attention_mask=mask,
            past_key_values=cache, use_cache=True,
        ).last_hidden_state  # fmt: skip
        following = model.lm_head(hidden[:, -1]).argmax(-1).masked_fill(finished, EOS_ID)
        for row, tokens in enumerate(given):
            if step < len(tokens):
                following[row] = tokens[step]
        columns.append(following)
        finished |= following == EOS_ID
        if finished.all():
            break
        inputs = following[:, None]
    rows = torch.stack(columns, 1).tolist()
    return [row[: row.index(EOS_ID)] if EOS_ID in row else row for row in rows]


@torch.inference_mode()
def translate_speech(
    model: SeamlessM4Tv2Model,
    tokenizer: StarterTokenizer,
    examples: Sequence[Example],
    targets: Sequence[Sequence[Language]],
) -> list[list[str]]:
    """For each example the texts in its `targets`, prefixes included: its own language is the transcript."""
    model.eval()
    order = sorted(range(len(examples)), key=lambda index: len(examples[index].features))
    texts: list[list[str]] = [[] for _ in examples]
    while order:
        chosen = [order.pop()]
        limit = _BATCH_FRAMES // len(examples[chosen[0]].features)
        while order and len(chosen) < limit:
            chosen.append(order.pop())
        features, counts = stack_features([examples[index] for index in chosen])
        encoded = encode_speech(model, features.to(model.device), counts.to(model.device))
        rows = [(row, target) for row, index in enumerate(chosen) for target in targets[index]]
        picked = torch.tensor([row for row, _ in rows], device=model.device)
        language_ids = [tokenizer.language_id(target) for _, target in rows]
        prefixes = [
            tokenizer.encode(examples[index].prefixes[target])
            for index in chosen
            for target in targets[index]
        ]
        decoded = greedy_decode(model, encoded.states[picked], encoded.mask[picked], language_ids, prefixes)
        for (row, _), tokens in zip(rows, decoded, strict=True):
            texts[chosen[row]].append(tokenizer.decode(tokens))
    return texts


def score(
    model: SeamlessM4Tv2Model,
    tokenizer: StarterTokenizer,
    held_out: Mapping[str, Sequence[Example]],
    *,
    every_direction: bool,
) -> dict[str, float]:
    """Figures of each set of `held_out`: `<set>_bleu` (mean over directions), `_exact_rate`, `_wer` of the
    transcripts; `<set>_empty_rate` where there is nothing to translate; of pieces of speech
    `<set>_found_rate`, `_invented_rate` (`piece_scores`). `every_direction` translates each example into all
    other languages instead of one in turn, and adds `<set>_<source>_<target>_bleu`.
    """
    figures: dict[str, float] = {}
    for name, examples in held_out.items():
        targets = []
        for index, example in enumerate(examples):
            others = other_languages(example.language)
            drawn = others if every_direction else (others[index // 4 % len(others)],)
            targets.append((example.language, *drawn))
        texts = translate_speech(model, tokenizer, examples, targets)
        if any(example.spoken is not None for example in examples):
            figures |= _piece_figures(name, examples, targets, texts)
            continue
        if not any(example.transcript for example in examples):
            empty = [not text for row in texts for text in row]
            figures[f"{name}_empty_rate"] = sum(empty) / len(empty)
            continue
        references = [
            [example.texts[each] for each in row] for example, row in zip(examples, targets, strict=True)
        ]
        triples = [
            (f"{row[0]}_{target}", text, reference)
            for row, line, expected in zip(targets, texts, references, strict=True)
            for target, text, reference in zip(row[1:], line[1:], expected[1:], strict=True)
        ]
        figures |= _translation_figures(name, triples, each=every_direction)
        figures[f"{name}_wer"] = jiwer.wer([row[0] for row in references], [row[0] for row in texts])
    return figures


def _piece_figures(
    name: str,
    examples: Sequence[Example],
    targets: Sequence[Sequence[Language]],
    texts: Sequence[Sequence[str]],
) -> dict[str, float]:
    """Of the translations, not of the transcripts."""
    counts = piece_scores.total(
        piece_scores.piece_counts(
            piece_scores.without_prefix(text, example.prefixes[target]),
            piece_scores.without_prefix(example.texts[target], example.prefixes[target]),
            example.rests[target],
        )
        for example, row, line in zip(examples, targets, texts, strict=True)
        for target, text in zip(row[1:], line[1:], strict=True)
    )
    return {f"{name}_found_rate": counts.found_rate, f"{name}_invented_rate": counts.invented_rate}


def _translation_figures(
    name: str, triples: Sequence[tuple[str, str, str]], *, each: bool
) -> dict[str, float]:
    """Of (direction, translation, reference)."""
    by_direction: dict[str, tuple[list[str], list[str]]] = {}
    for direction, text, reference in triples:
        rows = by_direction.setdefault(direction, ([], []))
        rows[0].append(text)
        rows[1].append(reference)
    bleu = {
        direction: sacrebleu.corpus_bleu(texts, [references]).score
        for direction, (texts, references) in sorted(by_direction.items())
    }
    exact = sum(text == reference for _, text, reference in triples) / len(triples)
    figures = {f"{name}_bleu": float(np.mean(list(bleu.values()))), f"{name}_exact_rate": exact}
    if each:
        figures |= {f"{name}_{direction}_bleu": value for direction, value in bleu.items()}
    return figures


@torch.inference_mode()
def score_text(model: SeamlessM4Tv2Model, tokenizer: StarterTokenizer) -> dict[str, float]:
    """Figures of text -> text in every direction, over each part but training's."""
    model.eval()
    figures: dict[str, float] = {}
    grammar = Grammar.load()
    parts: tuple[Part, ...] = ("combination", "template", "stock")
    for part in parts:
        source, triples = TextSource(grammar, part), []
        for number, (spoken, target) in enumerate(DIRECTIONS):
            rng = np.random.default_rng([_TEXT_SEED, number])
            texts = [source.draw(rng, 1, spoken) for _ in range(_TEXTS_PER_DIRECTION)]
            sources, references = ([text.text(each) for text in texts] for each in (spoken, target))
            ids, mask = encoder_batch(tokenizer, sources, [spoken] * len(sources))
            states = model.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            rows = greedy_decode(model, states, mask, [tokenizer.language_id(target)] * len(sources))
            triples += [
                (f"{spoken}_{target}", tokenizer.decode(row), reference)
                for row, reference in zip(rows, references, strict=True)
            ]
        figures |= _translation_figures(f"text_{part}", triples, each=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    arguments = parser.parse_args()
    use_fast_conformer()
    tokenizer = StarterTokenizer.load(arguments.work / "tokenizer")
    model = SeamlessM4Tv2Model(starter_config())
    model.load_state_dict(load_file(arguments.work / "text.safetensors"), strict=False)
    sets = corpus.held_out_sets(arguments.work, quick=False)
    figures = score(model, tokenizer, sets, every_direction=True) | score_text(model, tokenizer)
    scores = json.dumps({name: round(value, 3) for name, value in figures.items()}, indent=2)
    (arguments.work / "text_scores.json").write_text(scores + "\n", encoding="utf-8")
    print(scores)


if __name__ == "__main__":
    main()
