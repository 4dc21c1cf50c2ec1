"""Greedy decoding of held-out examples and the figures of stage 1: BLEU, word error rate, empty outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jiwer
import sacrebleu
import torch
from torch import Tensor
from transformers import SeamlessM4Tv2Model

from training.starter.batching import Example, stack_features
from training.starter.model_config import MAX_NEW_TOKENS
from training.starter.speech_forward import decode, encode_speech
from training.starter.tokenizer import EOS_ID, StarterTokenizer

_BATCH_FRAMES = 6000


@torch.inference_mode()
def greedy_decode(
    model: SeamlessM4Tv2Model, states: Tensor, mask: Tensor, language_ids: Sequence[int]
) -> list[list[int]]:
    """Token ids of each row, without the prompt and </s>. Recomputes the prefix: short texts, small model."""
    ids = torch.tensor([[EOS_ID, language_id] for language_id in language_ids])
    finished = torch.zeros(len(ids), dtype=torch.bool)
    for _ in range(MAX_NEW_TOKENS):
        following = decode(model, ids, states, mask)[:, -1].argmax(-1)
        following[finished] = EOS_ID
        finished |= following == EOS_ID
        ids = torch.cat([ids, following[:, None]], 1)
        if finished.all():
            break
    rows = ids[:, 2:].tolist()
    return [row[: row.index(EOS_ID)] if EOS_ID in row else row for row in rows]


@torch.inference_mode()
def translate_speech(
    model: SeamlessM4Tv2Model,
    tokenizer: StarterTokenizer,
    examples: Sequence[Example],
    *,
    transcribe: bool = False,
) -> list[str]:
    """Translations (or transcripts) of `examples`, in their order."""
    model.eval()
    order = sorted(range(len(examples)), key=lambda index: len(examples[index].features))
    texts = [""] * len(examples)
    while order:
        chosen = [order.pop()]
        limit = _BATCH_FRAMES // len(examples[chosen[0]].features)
        while order and len(chosen) < limit:
            chosen.append(order.pop())
        batch = [examples[index] for index in chosen]
        encoded = encode_speech(model, *stack_features(batch))
        languages = [example.language if transcribe else example.target_language for example in batch]
        language_ids = [tokenizer.language_id(language) for language in languages]
        for index, row in zip(
            chosen, greedy_decode(model, encoded.states, encoded.mask, language_ids), strict=True
        ):
            texts[index] = tokenizer.decode(row)
    return texts


def score(
    model: SeamlessM4Tv2Model, tokenizer: StarterTokenizer, held_out: Mapping[str, Sequence[Example]]
) -> dict[str, float]:
    """Figures of each set of `held_out`; sets whose texts are empty give the share of empty outputs."""
    figures: dict[str, float] = {}
    for name, examples in held_out.items():
        translations = translate_speech(model, tokenizer, examples)
        if not any(example.target_text for example in examples):
            transcripts = translate_speech(model, tokenizer, examples, transcribe=True)
            empty = sum(not text for text in translations) + sum(not text for text in transcripts)
            figures[f"{name}_empty_rate"] = empty / (2 * len(examples))
            continue
        references = [example.target_text for example in examples]
        exact = sum(text == reference for text, reference in zip(translations, references, strict=True))
        figures[f"{name}_bleu"] = sacrebleu.corpus_bleu(translations, [references]).score
        figures[f"{name}_exact_rate"] = exact / len(examples)
        transcripts = translate_speech(model, tokenizer, examples, transcribe=True)
        figures[f"{name}_wer"] = jiwer.wer([example.source_text for example in examples], transcripts)
    return figures
