"""Guards against invented text: what ends a text that the model itself does not end.

Speech translation models invent text on noise, music and very short speech, most often as a loop or as far
more text than anybody can have said. The functions here look at token ids alone; they change nothing where
they do not act.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, EncoderSource

MAX_REPETITIONS: dict[int, int] = {1: 12, 2: 8, 3: 7, 4: 6, 5: 5, 6: 5} | dict.fromkeys(range(7, 13), 4)
"""How often so many tokens may follow each other unchanged. Once more, and the text is a loop.

People repeat themselves: the shorter the phrase, the oftener. One token: "very very very", laughter, the
equal digits of a number read aloud. Two: "no, no, no, no, no". Five: "Can you hear me? Can you hear me?". A
sentence of seven tokens or more said more than four times within one utterance is rare. A model that loops
says the same until its limit, so what these let through is at most 48 tokens of it.
"""

_LONGEST_PERIOD = max(MAX_REPETITIONS)

TEXT_TOKENS_FLOOR = 32
TEXT_TOKENS_PER_SECOND = 16
"""Text that a second of speech may become, beside the floor.

Native speakers say 4 to 9 syllables a second (Coupé et al. 2019, 17 languages). A token of SeamlessM4T's
vocabulary is mostly a syllable or more; at one each, and with a translation half as long again as its source,
the fastest speaker makes 14 tokens a second. The starter's vocabulary of 799 pieces, poorer than any
published one, makes at most 12. The floor lets short utterances have their word whatever their length.
"""

TEXT_TOKENS_PER_SOURCE_TOKEN = 4
"""Likewise for a text. The longest translations of the starter's corpus have 2.6 times the tokens of their
source; between languages that a vocabulary covers well and badly it may be 3.
"""


def is_loop(token_ids: Sequence[int], next_token_id: int) -> bool:
    """Whether ``next_token_id`` would begin one repetition too many at the end of ``token_ids``."""
    if next_token_id not in token_ids[-_LONGEST_PERIOD:]:  # nearly always, and then that is all
        return False
    for period, repetitions in MAX_REPETITIONS.items():
        length = period * repetitions
        if len(token_ids) >= length and token_ids[-period] == next_token_id:
            tail = token_ids[-length:]
            if tail[period:] == tail[:-period]:
                return True
    return False


def max_text_tokens(source: EncoderSource) -> int:
    """The longest text, in tokens, that ``source`` can have said: 16 kHz samples, or a text's tokens."""
    if isinstance(source, np.ndarray):
        tokens = TEXT_TOKENS_PER_SECOND * len(source) // INTERNAL_SAMPLE_RATE_HZ
    else:
        tokens = TEXT_TOKENS_PER_SOURCE_TOKEN * len(source)
    return TEXT_TOKENS_FLOOR + tokens
