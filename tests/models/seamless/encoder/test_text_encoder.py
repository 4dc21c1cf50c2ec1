"""Text encoder: transformers' numbers for one text, and the same in any company."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from tests.checkpoints import oracle
from tests.models.seamless.modules import MAX_TOKENS, checkpoint, text_decoder, text_encoder

LENGTHS = (MAX_TOKENS, 3, 4, 17, 9, 3, 26)


def texts_of(name: str) -> list[tuple[int, ...]]:
    """Language, random tokens, ``</s>``: every token of the vocabulary may come, control tokens too."""
    size = checkpoint(name).config.vocab_size
    languages = sorted(checkpoint(name).maps.text_languages.values())
    generator = torch.Generator().manual_seed(5)
    return [
        (
            languages[index % len(languages)],
            *torch.randint(1, size, (length - 2,), generator=generator).tolist(),
            3,
        )
        for index, length in enumerate(LENGTHS)
    ]


@torch.inference_mode()
def encode(name: str, texts: Sequence[tuple[int, ...]], padding: int = 0) -> list[Tensor]:
    size = max(len(text) for text in texts)
    rows = torch.tensor([text + (padding,) * (size - len(text)) for text in texts])
    encoded = text_encoder(name).encode(text_decoder(name).embed(rows), [len(text) for text in texts])
    return [states[:length] for states, length in zip(encoded.states, encoded.lengths, strict=True)]


@pytest.mark.parametrize("name", ["tiny", "starter"])
def test_one_text_has_transformers_states(name: str) -> None:
    for text in texts_of(name):
        (ours,) = encode(name, [text])
        with torch.inference_mode():
            theirs = oracle(name).model.text_encoder(input_ids=torch.tensor([text])).last_hidden_state[0]
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["tiny", "starter"])
def test_a_text_has_the_same_states_in_any_company(name: str) -> None:
    texts = texts_of(name)
    alone = [encode(name, [text])[0] for text in texts]
    for order in (texts, texts[::-1]):
        for row, expected in zip(encode(name, order), alone if order is texts else alone[::-1], strict=True):
            torch.testing.assert_close(row, expected, atol=1e-5, rtol=0)


def test_what_stands_behind_a_text_is_not_heard() -> None:
    texts = texts_of("tiny")
    for row, other in zip(encode("tiny", texts), encode("tiny", texts, padding=50), strict=True):
        torch.testing.assert_close(row, other, atol=0, rtol=0)


def test_the_order_of_words_is_heard() -> None:
    """Without positions a transformer cannot tell one order from another."""
    (there,), (back,) = encode("tiny", [(97, 20, 50, 3)]), encode("tiny", [(97, 50, 20, 3)])
    assert (there[1] - back[2]).abs().max() > 1e-2
