"""Subtitles that are to be burnt in: what can be checked before a film is translated, and what is drawn."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from translate_svc.cli.media.burn_in.burnt_track import BurntCues
from translate_svc.cli.media.burn_in.fonts import FONT_FLAG, best_font, fonts_for
from translate_svc.cli.media.burn_in.picture import picture_of
from translate_svc.subtitles.cues import Cue
from translate_svc.subtitles.stacking import stacked


class Burning:
    """The picture of a film, and the fonts that have the letters of the languages that it will show."""

    def __init__(self, source: Path, codes: Sequence[str], font: Path | None) -> None:
        """
        Args:
            source: the film.
            codes: Seamless codes of the languages, the upper one first.
            font: the file of the font to take; None: one of the system.

        Raises:
            UsageError: the film has no picture, or there is no such font. Names the option.
        """
        self._picture = picture_of(source)
        self._fonts = fonts_for(codes, font)

    def of(self, streams: Sequence[Sequence[Cue]]) -> BurntCues:
        """What is drawn: the cues of each language. Warns of characters that no font has."""
        cues = stacked(streams)
        text = "".join(line for cue in cues for line in cue.named_lines)
        font, lacking = best_font(self._fonts, text)
        if lacking:
            shown = ", ".join(f"{each} (U+{ord(each):04X})" for each in lacking)
            message = f"{font.getname()[0]} shows boxes for {shown}; name another font"
            print(f"translate-svc: {FONT_FLAG}: {message}", file=sys.stderr)
        return BurntCues(self._picture, font, cues)
