"""What ``generation_config.json`` of a Whisper checkpoint says: languages, tasks, suppressed tokens,
heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate_svc import languages
from translate_svc.errors import CheckpointError
from translate_svc.language_rule import NO_DETECTION, LanguageDetection
from translate_svc.models.whisper.config import WhisperConfig

ENGLISH = "eng"
"""The Seamless code of the language that Whisper translates into."""

_TAGS = {"no": "nb", "jw": "jv"}
"""Whisper's names of languages that the packaged table has under another tag: Norwegian, which is written
Bokmål, and Javanese, whose tag is now ``jv``."""


@dataclass(frozen=True, slots=True)
class WhisperGeneration:
    """Ids of special tokens, which the weights do not contain.

    Attributes:
        start: ``<|startoftranscript|>``, with which every prompt begins.
        end: ``<|endoftext|>``.
        languages: token by language (Seamless codes). Empty for a checkpoint that knows English alone.
        translate: the task that writes English; None without it.
        transcribe: the task that writes the language that is spoken; None without it.
        no_timestamps: ``<|notimestamps|>``. Timestamps are the tokens after it, 20 ms apart.
        suppressed: tokens that are never text.
        suppressed_first: tokens that no text begins with.
        latest_first_timestamp: the last timestamp that a text may begin with, counted from the first; None:
            any.
        alignment_heads: (layer, head) pairs that follow the source, as published; may be empty.
    """

    start: int
    end: int
    languages: Mapping[str, int]
    translate: int | None
    transcribe: int | None
    no_timestamps: int
    suppressed: tuple[int, ...]
    suppressed_first: tuple[int, ...]
    latest_first_timestamp: int | None
    alignment_heads: tuple[tuple[int, int], ...]

    @classmethod
    def from_mapping(
        cls, values: Mapping[str, Any], *, path: Path, config: WhisperConfig
    ) -> WhisperGeneration:
        """Reads the parsed ``generation_config.json`` at ``path``.

        Raises:
            CheckpointError: an entry is missing, is not of its type, or names a token or a head that
                ``config`` does not have.
        """
        try:
            tasks = values.get("task_to_id") or {}
            ends = values["eos_token_id"]
            made = cls(
                start=values["decoder_start_token_id"],
                end=ends if isinstance(ends, int) else ends[0],
                languages={
                    language_code(token.strip("<|>")): id_
                    for token, id_ in (values.get("lang_to_id") or {}).items()
                },
                translate=tasks.get("translate"),
                transcribe=tasks.get("transcribe"),
                no_timestamps=values["no_timestamps_token_id"],
                suppressed=tuple(values.get("suppress_tokens") or ()),
                suppressed_first=tuple(values.get("begin_suppress_tokens") or ()),
                latest_first_timestamp=values.get("max_initial_timestamp_index"),
                alignment_heads=tuple((layer, head) for layer, head in values.get("alignment_heads") or ()),
            )
            ids = made._ids()
            is_valid = all(type(id_) is int and 0 <= id_ < config.vocab_size for id_ in ids)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            message = f"is not that of a Whisper model: {type(error).__name__} {error}"
            raise CheckpointError(message, field=path.name) from error
        if not is_valid:
            raise CheckpointError(f"names tokens that are not below {config.vocab_size}", field=path.name)
        layers, heads = config.decoder_layers, config.decoder_attention_heads
        if not all(0 <= layer < layers and 0 <= head < heads for layer, head in made.alignment_heads):
            raise CheckpointError(
                f"alignment_heads are not of {layers} layers with {heads} heads", field=path.name
            )
        if made.languages and (made.translate is None or made.transcribe is None):
            raise CheckpointError("lang_to_id has languages, but task_to_id lacks a task", field=path.name)
        return made

    def _ids(self) -> list[int]:
        tasks = [id_ for id_ in (self.translate, self.transcribe) if id_ is not None]
        special = [self.start, self.end, self.no_timestamps, *tasks, *self.languages.values()]
        return [*special, *self.suppressed, *self.suppressed_first]

    @property
    def text_languages(self) -> tuple[str, ...]:
        """What it writes: English, and each language that it hears."""
        return tuple(sorted(self.languages)) or (ENGLISH,)

    @property
    def language_detection(self) -> LanguageDetection:
        """It tells the languages that it hears, in the order of ``languages``."""
        return LanguageDetection(tuple(self.languages), "the checkpoint") if self.languages else NO_DETECTION

    @property
    def timestamps_from(self) -> int:
        """The first timestamp, ``<|0.00|>``."""
        return self.no_timestamps + 1


def language_code(tag: str) -> str:
    """The code of a language that Whisper calls ``tag``; the tag itself if the packaged table has no
    other."""
    known = languages.packaged().find(_TAGS.get(tag, tag))
    return known.code if known is not None else tag
