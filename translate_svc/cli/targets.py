"""Converts the target languages of a command line to target settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.language_argument import label, match_languages
from translate_svc.languages import LanguageTable
from translate_svc.types import DEFAULT_ENCODING, AudioFormat, TargetSettings

SPEECH_FORMAT = AudioFormat(DEFAULT_ENCODING, 16_000)
"""Format of the speech that the commands request."""


def target_settings(
    to: Sequence[str], table: LanguageTable, *, speech: bool, must_speak: bool
) -> tuple[TargetSettings, ...]:
    """Target settings for every language of ``--to``: text, and with ``speech`` speech if it has a voice.

    Raises:
        UsageError: a language is not known or has no text, or it ``must_speak`` and has no voice.
    """
    targets = []
    for language in match_languages(to, table, "--to"):
        if not language.text:
            raise UsageError(f"the model does not translate into {label(language)}", field="--to")
        if must_speak and not language.speech_out:
            raise UsageError(f"the model has no voice for {label(language)}", field="--to")
        targets.append(TargetSettings(language.code, speech=speech and language.speech_out))
    return tuple(targets)


def check_output(output: Path | None) -> None:
    """Raises UsageError if ``--output`` is given and does not end in ``.wav``."""
    if output is not None and output.suffix.lower() != ".wav":
        raise UsageError("must end in .wav", field="--output")
