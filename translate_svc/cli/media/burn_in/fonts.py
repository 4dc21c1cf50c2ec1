"""The font of burnt-in subtitles: one that has the letters of their languages. Pillow finds and draws it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from translate_svc import languages
from translate_svc.cli.exit_codes import UsageError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

FONT_FLAG, BURN_FLAG = "--font", "--burn-in"


@dataclass(frozen=True, slots=True)
class _Script:
    """Letters that a font of the script has, the fonts that are made for it, and whether its letters take
    their shapes and places from their neighbours.
    """

    letters: str
    names: tuple[str, ...] = ()
    shaped: bool = False


def _noto(name: str) -> tuple[str, ...]:
    return (f"NotoSans{name}-Regular.ttf",)


_COMMON = ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf")
_COMMON_MORE = ("Arial Unicode.ttf", "Nirmala.ttf")
_EAST_ASIAN = (
    *("NotoSansCJK-Regular.ttc", "YuGothR.ttc", "msyh.ttc", "malgun.ttf", "PingFang.ttc"),
    *("Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf"),
)
_SCRIPTS = {
    "Arab": _Script("ابجقي", _noto("Arabic"), shaped=True),
    "Armn": _Script("աբգ", _noto("Armenian")),
    "Beng": _Script("অকয", _noto("Bengali"), shaped=True),
    "Cyrl": _Script("бжя"),
    "Deva": _Script("अकय", _noto("Devanagari"), shaped=True),
    "Ethi": _Script("ሀለመ", _noto("Ethiopic")),
    "Geor": _Script("აბგ", _noto("Georgian")),
    "Grek": _Script("αβγ"),
    "Gujr": _Script("અકય", _noto("Gujarati"), shaped=True),
    "Guru": _Script("ਅਕਯ", _noto("Gurmukhi"), shaped=True),
    "Hang": _Script("가나다", _EAST_ASIAN),
    "Hani": _Script("一人大", _EAST_ASIAN),
    "Hebr": _Script("אבג", _noto("Hebrew"), shaped=True),
    "Khmr": _Script("កខគ", _noto("Khmer"), shaped=True),
    "Knda": _Script("ಅಕಯ", _noto("Kannada"), shaped=True),
    "Laoo": _Script("ກຂຄ", _noto("Lao"), shaped=True),
    "Latn": _Script("az"),
    "Mlym": _Script("അകയ", _noto("Malayalam"), shaped=True),
    "Mymr": _Script("ကခဂ", _noto("Myanmar"), shaped=True),
    "Olck": _Script("ᱚᱛᱜ", _noto("OlChiki")),
    "Orya": _Script("ଅକଯ", _noto("Oriya"), shaped=True),
    "Taml": _Script("அகய", _noto("Tamil"), shaped=True),
    "Telu": _Script("అకయ", _noto("Telugu"), shaped=True),
    "Thai": _Script("กขค", _noto("Thai"), shaped=True),
}
_PLAIN_LATIN = frozenset({"eng", "ind", "zsm", "swh", "xho", "zul", "sna", "som", "nya"})
_ACCENTS = {"vie": "ạếơ", "pol": "ąęł", "tur": "ğış", "yor": "ẹọ", "ibo": "ịọ"}
_WESTERN = "áéñüç"
_NO_CHARACTER = "\U0010ffff"
_TEST_SIZE = 24
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)


def fonts_for(codes: Sequence[str], given: Path | None) -> list[FreeTypeFont]:
    """The fonts that have the letters of all languages, the best one first; never none.

    Args:
        codes: Seamless codes.
        given: the file of the only font to take; None: a font of the system, or the one in Pillow.

    Raises:
        UsageError: there is none, or this machine cannot draw such a script. Names an option.
    """
    scripts = [script for code in codes if (script := _script(code)) is not None]
    if any(script.shaped for script in scripts) and not _shapes():
        raise UsageError(
            f"{_named(codes)} cannot be drawn right without FriBiDi (libfribidi0)", field=BURN_FLAG
        )
    letters = "".join({letter for code in codes for letter in _letters(code)})
    if given is not None:
        font = _opened(given)
        if lacking := missing(font, letters):
            strange = _named([code for code in codes if missing(font, _letters(code))])
            raise UsageError(f"{given.name} lacks letters of {strange}: {' '.join(lacking)}", field=FONT_FLAG)
        return [font]
    own = [name for script in scripts for name in script.names]
    fonts = [font for font in _found((*_COMMON, *own, *_COMMON_MORE)) if not missing(font, letters)]
    if not fonts:
        message = f"no font that was found has the letters of {_named(codes)}; name one"
        raise UsageError(message, field=FONT_FLAG)
    return fonts


def best_font(fonts: Sequence[FreeTypeFont], text: str) -> tuple[FreeTypeFont, str]:
    """The first font that has all characters of a text, or the one that lacks the fewest, and those."""
    lacking = [missing(font, text) for font in fonts]
    least = min(range(len(fonts)), key=lambda number: len(lacking[number]))
    return fonts[least], lacking[least]


def missing(font: FreeTypeFont, text: str) -> str:
    """The visible characters of a text that the font would show as a box, each once."""
    from PIL.ImageFont import Layout

    plain = font.font_variant(size=_TEST_SIZE, layout_engine=Layout.BASIC)

    def glyph(character: str) -> tuple[tuple[int, int], bytes]:
        mask = plain.getmask(character)
        return mask.size, bytes(mask)

    box = glyph(_NO_CHARACTER)
    return "".join(each for each in sorted(set(text)) if _is_visible(each) and glyph(each) == box)


def _is_visible(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind[0] not in "ZC" and ord(character) not in _VARIATION_SELECTORS


def _script(code: str) -> _Script | None:
    language = languages.packaged().find(code)
    return _SCRIPTS.get(language.scripts[0]) if language is not None and language.scripts else None


def _letters(code: str) -> str:
    script = _script(code)
    if script is None:
        return ""
    is_accented = script is _SCRIPTS["Latn"] and code not in _PLAIN_LATIN
    return script.letters + (_ACCENTS.get(code, _WESTERN) if is_accented else "")


def _named(codes: Sequence[str]) -> str:
    found = {code: languages.packaged().find(code) for code in codes}
    return ", ".join(f"{each.name} ({each.code})" if each else code for code, each in found.items())


def _shapes() -> bool:
    from PIL import features

    return bool(features.check("raqm"))


def _opened(path: Path) -> FreeTypeFont:
    from PIL import ImageFont

    try:
        with path.open("rb"):
            return ImageFont.truetype(str(path), _TEST_SIZE)
    except OSError as error:
        reason = f"{path}: {error.strerror}" if error.strerror else f"{path} is not a font"
        raise UsageError(reason, field=FONT_FLAG) from None


def _found(names: Sequence[str]) -> Iterator[FreeTypeFont]:
    """The fonts of the system that have these file names, and the one that Pillow brings."""
    from PIL import ImageFont

    for name in dict.fromkeys(names):
        try:
            yield ImageFont.truetype(name, _TEST_SIZE)
        except OSError:
            continue
    embedded = ImageFont.load_default(_TEST_SIZE)
    if isinstance(embedded, ImageFont.FreeTypeFont):
        yield embedded
