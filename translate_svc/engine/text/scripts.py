"""Whether a text is written in a script of its language."""

from __future__ import annotations

from collections import Counter

from translate_svc import languages
from translate_svc.scripts import LATIN, letter_script

_WEIGHTS = {"Hani": 3, "Hang": 3, "Ethi": 2, "Hira": 2, "Kana": 2}
"""How many alphabetic letters one letter of these scripts counts as: it stands for a syllable or a word."""

MIN_FOREIGN_LETTERS = 4
"""Fewer letters of foreign scripts (weighted as above) are taken for a name or a slip."""

MIN_FOREIGN_LATIN_LETTERS = 16
"""Fewer letters of Latin, as the only foreign script, are taken for a name.

Every language writes brands, units and people's names in Latin: "WhatsApp" and "New York Times" are normal
answers in any language.
"""


def written_in_foreign_script(text: str, language: str) -> bool:
    """Whether most letters of ``text`` are of scripts that ``language`` (a Seamless code) is not written in.

    Digits, punctuation and letters of unknown scripts do not count. Fewer foreign letters than
    ``MIN_FOREIGN_LETTERS`` (``MIN_FOREIGN_LATIN_LETTERS`` for Latin) are ignored. The answer is False for a
    language whose scripts are not known.
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
