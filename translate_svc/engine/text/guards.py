"""Guards against hallucinated text. They stop a text that the model itself does not end.

Speech translation models hallucinate on noise, music and very short speech. Most often they repeat
themselves in a loop, or write far more text than anybody can have said. All but one of the functions here
read token ids alone. A text that they do not stop stays unchanged.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, EncoderSource

MAX_REPETITIONS: dict[int, int] = {1: 12, 2: 8, 3: 7, 4: 6, 5: 5, 6: 5} | dict.fromkeys(range(7, 13), 4)
"""From the length of a phrase in tokens to how often it may follow itself. One more repetition is a loop.

People repeat themselves, and short phrases more often. One token: "very very very", laughter, the equal
digits of a number read aloud. Two: "no, no, no, no, no". Five: "Can you hear me? Can you hear me?". A
sentence of at least seven tokens that is said more than four times within one utterance is rare. A model in a
loop repeats itself until the token limit, and these numbers let at most 48 tokens of the loop through.
"""

_LONGEST_PERIOD = max(MAX_REPETITIONS)

TEXT_TOKENS_FLOOR = 32
TEXT_TOKENS_PER_SECOND = 16
"""Longest text for each second of speech, in tokens, in addition to the floor.

Native speakers say 4 to 9 syllables a second (Coupé et al. 2019, 17 languages). A token of SeamlessM4T's
vocabulary is usually a syllable or more. With one syllable a token, and a translation that is half as long
again as its source, the fastest speaker produces 14 tokens a second. The starter's vocabulary of 799 pieces,
smaller than any published one, produces at most 12. The floor allows every utterance, however short, a
short text.
"""

TEXT_TOKENS_PER_SOURCE_TOKEN = 4
"""Longest text for each token of a source text, in tokens, in addition to the floor.

The longest translations of the starter's corpus have 2.6 times the tokens of their source. The factor may be
3 from a language that the vocabulary covers well to one that it covers badly.
"""


def is_loop(token_ids: Sequence[int], next_token_id: int) -> bool:
    """Whether ``next_token_id`` would begin one repetition too many at the end of ``token_ids``."""
    if next_token_id not in token_ids[-_LONGEST_PERIOD:]:  # the usual case, and a cheap test
        return False
    for period, repetitions in MAX_REPETITIONS.items():
        length = period * repetitions
        if len(token_ids) >= length and token_ids[-period] == next_token_id:
            tail = token_ids[-length:]
            if tail[period:] == tail[:-period]:
                return True
    return False


def compression_ratio(text: str) -> float:
    """How much shorter zlib makes the UTF-8 of a text. Ordinary texts reach 2, loops much more."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))


def max_text_tokens(source: EncoderSource) -> int:
    """The longest plausible text of ``source`` in tokens. ``source``: 16 kHz samples, or a text's tokens."""
    if isinstance(source, np.ndarray):
        tokens = TEXT_TOKENS_PER_SECOND * len(source) // INTERNAL_SAMPLE_RATE_HZ
    else:
        tokens = TEXT_TOKENS_PER_SOURCE_TOKEN * len(source)
    return TEXT_TOKENS_FLOOR + tokens
