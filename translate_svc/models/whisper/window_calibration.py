"""Finds out how little silence must follow the audio so that a Whisper's texts stay the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

from translate_svc.models.alignment.beginnings import Observer
from translate_svc.models.checkpoint.keyed_file import check_same_weights, weights_key
from translate_svc.models.speech_model import ModelFamily
from translate_svc.models.whisper.whisper_model import WhisperModel
from translate_svc.models.whisper.window import WHOLE_WINDOW, Window, write_window
from translate_svc.types import Samples

TRIALS_MS = (500, 1_000, 2_000, 4_000, 8_000)
"""Silence after the audio, the least first."""
LEAST_ALIKE = 0.985
"""Share of the tokens of whole windows that must stay."""


def calibrate_window(
    family: ModelFamily,
    observer: Observer,
    clips: Sequence[tuple[Samples, str | None, str]],
    report: Callable[[], None],
) -> str:
    """Writes ``window.json`` and says what it holds.

    Args:
        family: the checkpoint.
        observer: of its model, whose window is changed.
        clips: 16 kHz samples of speech, its language if that is known, and the one to write.
        report: called after each trial.
    """
    weights = weights_key(family.path)
    model, tokenizer = observer.model, family.tokenizer()
    assert isinstance(model, WhisperModel), "the registry knows whose calibration this is"
    prompts = [tokenizer.prompt(language, source) for _, source, language in clips]

    def texts(window: Window) -> list[tuple[int, ...]]:
        model.window = window
        made = [
            observer.translate(samples, prompt)[0]
            for (samples, *_), prompt in zip(clips, prompts, strict=True)
        ]
        report()
        return made

    whole, chosen, alike = texts(WHOLE_WINDOW), WHOLE_WINDOW, 1.0
    for silence_ms in TRIALS_MS:
        same = _alike(whole, texts(Window(silence_ms)))
        if same >= LEAST_ALIKE:
            chosen, alike = Window(silence_ms), same
            break
    check_same_weights(family.path, weights)
    write_window(family.path, chosen)
    if chosen.silence_ms is None:
        return "Windows of 30 s are encoded: with less silence after the audio the texts change."
    said = f"{chosen.silence_ms / 1000:g} s of silence after the audio are encoded, not 30 s in all"
    return f"{said}: {alike:.1%} of the tokens stay."


def _alike(whole: Sequence[tuple[int, ...]], short: Sequence[tuple[int, ...]]) -> float:
    """Share of the tokens of ``whole`` that ``short`` has, in their order."""
    matchers = [SequenceMatcher(None, *pair, autojunk=False) for pair in zip(whole, short, strict=True)]
    same = sum(block.size for each in matchers for block in each.get_matching_blocks())
    return same / max(1, sum(map(len, whole)))
