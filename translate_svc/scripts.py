"""The scripts of letters, by their ISO 15924 names.

A letter's script is read from the first words of its Unicode name (``CYRILLIC SMALL LETTER A``). For the
scripts below this agrees with the Script property of the Unicode Character Database, and it needs no
dependency.
"""

from __future__ import annotations

import functools
import unicodedata
from types import MappingProxyType

LATIN = "Latn"
UNSPACED_SCRIPTS = frozenset({"Hani", "Hira", "Kana", "Khmr", "Laoo", "Mymr", "Thai", "Tibt"})
"""Scripts that write no spaces between words."""

SCRIPTS = MappingProxyType(
    {
        "ARABIC": "Arab",
        "ARMENIAN": "Armn",
        "BENGALI": "Beng",
        "CJK": "Hani",
        "CYRILLIC": "Cyrl",
        "DEVANAGARI": "Deva",
        "ETHIOPIC": "Ethi",
        "GEORGIAN": "Geor",
        "GREEK": "Grek",
        "GUJARATI": "Gujr",
        "GURMUKHI": "Guru",
        "HANGUL": "Hang",
        "HEBREW": "Hebr",
        "HIRAGANA": "Hira",
        "KANNADA": "Knda",
        "KATAKANA": "Kana",
        "KHMER": "Khmr",
        "LAO": "Laoo",
        "LATIN": LATIN,
        "MALAYALAM": "Mlym",
        "MEETEI MAYEK": "Mtei",
        "MYANMAR": "Mymr",
        "OL CHIKI": "Olck",
        "ORIYA": "Orya",
        "SINHALA": "Sinh",
        "TAMIL": "Taml",
        "TELUGU": "Telu",
        "THAI": "Thai",
        "TIBETAN": "Tibt",
    }
)
"""By the first words of the names of their letters."""


@functools.lru_cache(maxsize=4096)
def letter_script(character: str) -> str | None:
    """The script of a letter or a vowel sign; None for anything else, and for scripts not listed here."""
    if unicodedata.category(character)[0] not in "LM":
        return None
    first, second, *_ = f"{unicodedata.name(character, '')}  ".split(" ", 2)
    return SCRIPTS.get(first) or SCRIPTS.get(f"{first} {second}")
