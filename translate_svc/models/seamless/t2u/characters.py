"""From text tokens to the characters that text-to-unit speaks. Free of torch."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

SPACE = "\u2581"
"""SentencePiece's symbol for a space."""

_WITHIN_WORDS = "'\u2019-\u2010"
"""Apostrophes and hyphens."""

_UNSPACED_ENDS = "\u3002\uff1f\uff01"
_SENTENCE_ENDS = ".?!\u2026\u0964\u06d4\u061f\u1362\u17d4\u104b" + _UNSPACED_ENDS

UNKNOWN_TOKEN_ID = 1
UNKNOWN_CHARACTER_ID = 1


@dataclass(frozen=True, slots=True)
class CharacterSequence:
    """Character ids of a text, and for every token fed the number of characters of its hidden state.

    ``lengths``: for every token fed the number of characters of its own text. ``pauses``: places in
    ``character_ids`` of punctuation and of the spaces after it; other spaces hold the ends of words.
    ``sentence_ends``: those of the pauses that are the last character of a sentence.
    ``sum(counts_per_token) == sum(lengths) == len(character_ids)``.
    """

    character_ids: tuple[int, ...]
    counts_per_token: tuple[int, ...]
    lengths: tuple[int, ...] = ()
    pauses: tuple[int, ...] = ()
    sentence_ends: tuple[int, ...] = ()


class CharacterTable:
    """UnitY2's character view of text tokens (Seamless paper, section 4.1; Meta's ``NARDecoderFrontend``).

    Args:
        id_to_text: piece by token id, from ``generation_config.json``.
        char_to_id: character id by character.
        silent_ids: token ids that are mapped but never spoken (``</s>``, ``<pad>``, languages).
    """

    def __init__(
        self, id_to_text: Mapping[int, str], char_to_id: Mapping[str, int], *, silent_ids: Collection[int]
    ) -> None:
        self._id_to_text = {id_: text for id_, text in id_to_text.items() if id_ not in silent_ids}
        self._char_to_id = char_to_id

    def characters(self, token_ids: Sequence[int]) -> CharacterSequence:
        """Characters of ``</s>``, language, tokens (at least the first two).

        A token's characters belong to the state that predicted it, the one before it. Tokens without text
        have no characters and are not spoken: languages, control symbols, ids that the checkpoint does not
        map.
        """
        spoken = token_ids[2:]
        pieces = [self._id_to_text.get(token_id, "") for token_id in spoken]
        ids: list[int] = []
        pauses: list[int] = []
        after_phrase = False
        for token_id, piece in zip(spoken, pieces, strict=True):
            if token_id == UNKNOWN_TOKEN_ID:
                ids.append(UNKNOWN_CHARACTER_ID)
                after_phrase = False
            else:
                for place, character in enumerate(piece):
                    ends = _ends_phrase(character)
                    if ends or (character == SPACE and after_phrase):
                        pauses.append(len(ids) + place)
                    after_phrase = ends
                ids.extend(self._char_to_id.get(character, UNKNOWN_CHARACTER_ID) for character in piece)
        # the state of </s> predicted the language, the last token's state the end: neither has characters
        lengths = _lengths(spoken, pieces)
        prompt = (0,) * (len(token_ids) - len(spoken))
        return CharacterSequence(
            tuple(ids),
            (0, *_counts(lengths, pieces), 0),
            (*prompt, *lengths),
            tuple(pauses),
            _sentence_ends(spoken, pieces),
        )


def _lengths(token_ids: Sequence[int], pieces: Sequence[str]) -> list[int]:
    """Characters of each token."""
    return [
        1 if token_id == UNKNOWN_TOKEN_ID else len(piece)
        for token_id, piece in zip(token_ids, pieces, strict=True)
    ]


def _counts(lengths: Sequence[int], pieces: Sequence[str]) -> list[int]:
    """Characters per token. The space that starts a piece counts for the punctuation before it."""
    counts = list(lengths)
    for index in range(len(pieces) - 1):
        following = pieces[index + 1]
        if _is_punctuation(pieces[index]) and len(following) > 1 and following.startswith(SPACE):
            counts[index] += 1
            counts[index + 1] -= 1
    return counts


def _sentence_ends(token_ids: Sequence[int], pieces: Sequence[str]) -> tuple[int, ...]:
    """Places of the characters that end a sentence: a space or nothing follows, so not those in "3.5"."""
    text = "".join(
        "\0" if token_id == UNKNOWN_TOKEN_ID else piece
        for token_id, piece in zip(token_ids, pieces, strict=True)
    )
    followers = f"{text}{SPACE}"[1:]
    return tuple(
        place
        for place, (character, after) in enumerate(zip(text, followers, strict=True))
        if character in _SENTENCE_ENDS and (after == SPACE or character in _UNSPACED_ENDS)
    )


def _ends_phrase(character: str) -> bool:
    return unicodedata.category(character)[0] == "P" and character not in _WITHIN_WORDS


def _is_punctuation(piece: str) -> bool:
    return len(piece) == 1 and not piece.isalpha() and not piece.isnumeric() and piece != SPACE
