"""One utterance as a picture: tokens over the source, the translation's confidence, units over the speech."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from benchmarks.inspection.listen import PlacedToken, Utterance
from benchmarks.inspection.sets import SpokenClip
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, SAMPLES_PER_UNIT, Samples

_INK, _FAINT, _WAVE = "#22303c", "#9aa7b2", "#c3ced8"
_HEARD, _TOLD, _BAND = "#0b7285", "#c2255c", "#e9f2f4"
_GAP_MS = 8
_CHIP_MARGIN_CHARACTERS = 4.5
_UNIT_S = SAMPLES_PER_UNIT / INTERNAL_SAMPLE_RATE_HZ
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(clip: SpokenClip, utterance: Utterance, path: Path) -> None:
    """Writes a PNG."""
    mpl.use("Agg")
    from matplotlib import pyplot

    with mpl.rc_context(_STYLE):
        figure, (source, confidence, speech) = pyplot.subplots(
            3, 1, figsize=(12, 9.4), height_ratios=(3.3, 1.7, 2.6)
        )
        figure.set_layout_engine("constrained", h_pad=0.12)
        _draw_source(source, clip, utterance)
        _draw_confidence(confidence, utterance)
        _draw_speech(speech, utterance)
        figure.savefig(path, dpi=110, facecolor="white", metadata={"Software": None})
        pyplot.close(figure)


def _draw_source(axes: Any, clip: SpokenClip, utterance: Utterance) -> None:
    """Tokens in their order, tied to where they were heard; below them the waveform and the known words."""
    start_s, end_s = utterance.start_ms / 1000, utterance.end_ms / 1000
    samples = clip.samples[_samples(start_s) : _samples(end_s)]
    _waveform(axes, samples, start_s)
    for word in clip.words:
        if utterance.start_ms <= word.start_ms < utterance.end_ms:
            span_s = ((word.start_ms + _GAP_MS) / 1000, (word.end_ms - _GAP_MS) / 1000)
            axes.axvspan(*span_s, ymin=0.02, ymax=0.555, color=_BAND, linewidth=0, zorder=0)
            middle_s = (word.start_ms + word.end_ms) / 2000
            axes.text(middle_s, -1.25, word.text, ha="center", va="center", color=_INK)
    widths = np.array([len(_shown(token.text)) + _CHIP_MARGIN_CHARACTERS for token in utterance.transcript])
    places_s = start_s + (end_s - start_s) * (np.cumsum(widths) - widths / 2) / widths.sum()
    for token, place_s in zip(utterance.transcript, places_s, strict=True):
        _chip(axes, token, float(place_s))
    axes.set(xlim=(start_s, end_s), ylim=(-1.5, 3.1), yticks=[], xlabel="s")
    axes.spines["left"].set_visible(False)
    title = "Source: transcript tokens tied to where they were heard; gray ones followed from the text so far"
    axes.set_title(title, loc="left", fontweight="bold", fontsize=10.5)


def _chip(axes: Any, token: PlacedToken, place_s: float) -> None:
    heard = token.source_ms is not None
    color = _HEARD if heard else _FAINT
    if token.source_ms is not None:
        moment_s = token.source_ms / 1000
        axes.plot([place_s, moment_s], [2.45, 1.12], color=color, linewidth=1, zorder=1)
        axes.plot([moment_s, moment_s], [1.12, -1.0], color=color, linewidth=1, alpha=0.5, zorder=3)
        axes.plot(moment_s, 1.12, "o", color=color, markersize=4.5, zorder=4)
    box = {"boxstyle": "round,pad=0.28", "facecolor": "white", "edgecolor": color, "linewidth": 1.2}
    axes.text(place_s, 2.65, _shown(token.text), ha="center", va="center", color=color, bbox=box, zorder=5)


def _draw_confidence(axes: Any, utterance: Utterance) -> None:
    """Log-probability of the translation's tokens, one bar each."""
    tokens = utterance.translation
    values = [token.log_probability for token in tokens]
    bars = axes.bar(range(len(tokens)), values, width=0.62, color=_TOLD)
    for bar, token in zip(bars, tokens, strict=True):
        middle = bar.get_x() + bar.get_width() / 2
        label = f"{token.log_probability:.2f}".replace("-", "\u2212")
        axes.annotate(
            label, (middle, token.log_probability), (0, -3), textcoords="offset points",
            ha="center", va="top", fontsize=7.5, color=_FAINT,
        )  # fmt: skip
    axes.set(
        xlim=(-0.6, len(tokens) - 0.4), ylim=(min(values) * 1.35, 0), ylabel="log-probability",
        xticks=range(len(tokens)), xticklabels=[_shown(token.text) for token in tokens],
    )  # fmt: skip
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", length=0, labelsize=10)
    axes.spines["bottom"].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.set_title(
        "Translation: how sure each token is", loc="left", fontweight="bold", fontsize=10.5, pad=10
    )


def _draw_speech(axes: Any, utterance: Utterance) -> None:
    """The spoken translation, its acoustic units as colours and its characters with their durations."""
    end_s = len(utterance.units) * _UNIT_S
    _waveform(axes, utterance.speech, 0.0)
    units = np.array([utterance.units], float)
    axes.imshow(units, extent=(0, end_s, -1.62, -1.2), aspect="auto", cmap="twilight_shifted", zorder=2)
    text = " " + utterance.translation_text
    at = 0
    for character, duration_units in zip(text, utterance.character_durations_units, strict=True):
        left_s, width_s = at * _UNIT_S, duration_units * _UNIT_S
        axes.plot([left_s, left_s], [-1.62, 1.05], color="white", linewidth=0.8, zorder=1)
        axes.plot([left_s, left_s], [1.12, 1.6], color=_FAINT, linewidth=0.6)
        axes.text(left_s + width_s / 2, 1.36, character, ha="center", va="center", fontsize=10.5)
        at += duration_units
    axes.text(end_s * 1.008, 1.36, "characters", va="center", fontsize=8.5, color=_FAINT)
    axes.text(end_s * 1.008, -1.41, "units", va="center", fontsize=8.5, color=_FAINT)
    axes.set(xlim=(0, end_s * 1.055), ylim=(-1.75, 1.75), yticks=[], xlabel="s")
    axes.spines["left"].set_visible(False)
    axes.set_title(
        f"Speech: {len(utterance.units)} units of 20 ms, shared out among the characters",
        loc="left", fontweight="bold", fontsize=10.5,
    )  # fmt: skip


def _waveform(axes: Any, samples: Samples, start_s: float) -> None:
    """Peaks of 2.5 ms, brought to full height."""
    step = INTERNAL_SAMPLE_RATE_HZ // 400
    peaks = np.abs(samples[: len(samples) // step * step]).reshape(-1, step).max(axis=1)
    peaks = peaks / max(float(peaks.max()), 1e-6)
    times_s = start_s + (np.arange(len(peaks)) + 0.5) * step / INTERNAL_SAMPLE_RATE_HZ
    axes.fill_between(times_s, -peaks, peaks, color=_WAVE, linewidth=0, zorder=1)


def _shown(text: str) -> str:
    """A token's text, with a mark for a space that would be lost."""
    return text.strip() or "\u2423"


def _samples(seconds: float) -> int:
    return round(seconds * INTERNAL_SAMPLE_RATE_HZ)
