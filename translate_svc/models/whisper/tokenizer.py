"""Text tokens of a Whisper checkpoint: the pieces of its byte-level BPE, and the prompt. Does not import
torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.description import read_json
from translate_svc.models.text_rules import InventionRule, LanguageTokens, TextRules, TimestampTokens
from translate_svc.models.whisper.config import STATE_MS
from translate_svc.models.whisper.generation import ENGLISH, WhisperGeneration

TOKENIZER_FILE, VOCABULARY_FILE = "tokenizer.json", "vocab.json"
MAX_PROMPT_TOKENS = 4
_SPACE = "\u2581"
_INVENTIONS = 0.6, -1.0, 2.4
"""The defaults of OpenAI's ``transcribe``: no_speech_threshold, logprob_threshold,
compression_ratio_threshold. ``<|nospeech|>`` stands before ``<|notimestamps|>``."""


class WhisperTokenizer:
    """Ids and pieces. Immutable, so it is safe to share between threads.

    Every token from ``<|endoftext|>`` on is special.

    Args:
        pieces: of the tokens before ``<|endoftext|>``.
        generation: the special tokens.
    """

    def __init__(self, pieces: Sequence[str], generation: WhisperGeneration) -> None:
        self._pieces = tuple(pieces)
        self._generation = generation
        timestamps = TimestampTokens(
            first=generation.timestamps_from,
            end=generation.end,
            never=generation.no_timestamps,
            step_ms=STATE_MS,
            latest_first=generation.latest_first_timestamp,
            prompt_tokens=1,
        )
        languages = None
        if generation.languages:
            codes = {id_: code for code, id_ in generation.languages.items()}
            languages = LanguageTokens((generation.start,), codes)
        inventions = InventionRule(generation.no_timestamps - 1, *_INVENTIONS)
        self.text_rules = TextRules(
            generation.suppressed, generation.suppressed_first, timestamps, languages, inventions
        )

    @classmethod
    def from_pretrained(cls, folder: Path, generation: WhisperGeneration) -> WhisperTokenizer:
        """Reads ``tokenizer.json``, or ``vocab.json`` where that is missing.

        Raises:
            CheckpointError: both are missing, or a token that ``generation`` leaves for text is not in them.
        """
        file = TOKENIZER_FILE if (folder / TOKENIZER_FILE).is_file() else VOCABULARY_FILE
        try:
            values = read_json(folder / file)
            named: Mapping[str, int] = values["model"]["vocab"] if file == TOKENIZER_FILE else values
            tokens = {id_: token for token, id_ in named.items() if id_ < generation.end}
            pieces = [_piece(tokens[id_]) for id_ in range(generation.end)]
        except (KeyError, TypeError, AttributeError) as error:
            message = f"is not the byte-level BPE of a Whisper model: {type(error).__name__} {error}"
            raise CheckpointError(message, field=file) from error
        return cls(pieces, generation)

    @property
    def eos_token_id(self) -> int:
        """``<|endoftext|>``."""
        return self._generation.end

    def id_to_piece(self, token_id: int) -> str:
        """Implements ``Tokenizer.id_to_piece``. Special tokens give ``""``."""
        return "" if self.is_special(token_id) else self._pieces[token_id]

    def is_special(self, token_id: int) -> bool:
        """True for ids that are never text: the end and all after it."""
        return not 0 <= token_id < len(self._pieces)

    def prompt(self, target_language: str, source_language: str | None) -> tuple[int, ...]:
        """``<|startoftranscript|>``, the language that is spoken, the task, ``<|notimestamps|>``.

        A checkpoint that knows English alone has neither language nor task.

        Raises:
            KeyError: the checkpoint does not know a language, or cannot write the target.
        """
        known = self._generation
        if not known.languages:
            if {target_language, source_language or ENGLISH} != {ENGLISH}:
                raise KeyError(target_language)
            return known.start, known.no_timestamps
        spoken = target_language if source_language is None else source_language
        task = known.transcribe if spoken == target_language else known.translate
        if task is None or target_language not in (spoken, ENGLISH):
            raise KeyError(target_language)
        return known.start, known.languages[spoken], task, known.no_timestamps

    def source_tokens(self, text: str, language: str) -> tuple[int, ...]:
        """Whisper has no text encoder.

        Raises:
            KeyError: always.
        """
        raise KeyError(language)


def _byte_of() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for, as in GPT-2: printable bytes stand
    for themselves, the others follow from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(0x100) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


_BYTE_OF = _byte_of()


def _piece(token: str) -> str:
    """The piece of a token, as ``Tokenizer.id_to_piece`` writes it. Raises KeyError for other characters."""
    raw = bytes(_BYTE_OF[character] for character in token)
    try:
        return raw.decode("utf-8").replace(" ", _SPACE)
    except UnicodeDecodeError:
        rest = raw.lstrip(b" ")
        return _SPACE * (len(raw) - len(rest)) + "".join(f"<0x{byte:02X}>" for byte in rest)
