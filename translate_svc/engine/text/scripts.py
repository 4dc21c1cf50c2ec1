"""In which script a text is written, and in which it should be.

Scripts are named as in ISO 15924. A letter's script is read off its Unicode name, whose first words name it
(``CYRILLIC SMALL LETTER A``): for the scripts below that agrees with the Script property of the Unicode
Character Database, and costs no dependency.
"""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter

from translate_svc import languages

LATIN = "Latn"

_WEIGHTS = {"Hani": 3, "Hang": 3, "Ethi": 2, "Hira": 2, "Kana": 2}
"""Alphabetic letters that a letter of these stands for: they write a syllable or a word with each."""

MIN_FOREIGN_LETTERS = 4
"""Fewer letters of foreign scripts (as weighed above) are a name or a slip."""

MIN_FOREIGN_LATIN_LETTERS = 16
"""Likewise for Latin, in which the whole world writes brands, units and people's names: "WhatsApp", "New York
Times" are answers that a person may give in any language."""

_SCRIPTS = {
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


@functools.lru_cache(maxsize=4096)
def letter_script(character: str) -> str | None:
    """The script of a letter or a vowel sign; None for anything else, and for scripts not listed here."""
    if unicodedata.category(character)[0] not in "LM":
        return None
    first, second, *_ = f"{unicodedata.name(character, '')}  ".split(" ", 2)
    return _SCRIPTS.get(first) or _SCRIPTS.get(f"{first} {second}")


def written_in_foreign_script(text: str, language: str) -> bool:
    """Whether most letters of ``text`` are of scripts that ``language`` (a Seamless code) is not written in.

    Digits, punctuation and letters of unknown scripts have no vote, nor do a few foreign letters: see
    ``MIN_FOREIGN_LETTERS``. A language whose scripts are not known is never judged.
    """
    known = languages.packaged().find(language)
    own = known.scripts if known is not None and known.code == language else ()
    if not own:
        return False
    letters = Counter(script for character in text if (script := letter_script(character)) is not None)
    weights = {script: count * _WEIGHTS.get(script, 1) for script, count in letters.items()}
    foreign = {script: weight for script, weight in weights.items() if script not in own}
    least = MIN_FOREIGN_LATIN_LETTERS if set(foreign) == {LATIN} else MIN_FOREIGN_LETTERS
    return sum(foreign.values()) >= least and 2 * sum(foreign.values()) > sum(weights.values())
