"""The script of a letter, the scripts of a language, and texts in the wrong script."""

from __future__ import annotations

import sys
import unicodedata

import pytest
import regex  # type: ignore[import-untyped]
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

from translate_svc.engine.text.scripts import written_in_foreign_script
from translate_svc.languages import packaged
from translate_svc.scripts import SCRIPTS, letter_script

_COMPOSED = {"Hans": ("Hani",), "Hant": ("Hani",), "Jpan": ("Hani", "Hira", "Kana")}
"""Scripts of ISO 15924 that combine scripts of single letters, or choose between them."""

_SPECIAL_FORMS = {
    "ANGSTROM",
    "COMBINING",
    "FEMININE",
    "FULLWIDTH",
    "HALFWIDTH",
    "HENTAIGANA",
    "IDEOGRAPHIC",
    "KELVIN",
    "MASCULINE",
    "MODIFIER",
    "OHM",
    "OLD",
    "ROMAN",
    "SUPERSCRIPT",
    "TURNED",
    "VERTICAL",
    "VIETNAMESE",
}
"""First words of the names of letters that do not occur in running text."""


def test_letters_have_the_script_of_the_unicode_character_database() -> None:
    """Every letter and mark that Python knows, by the ``regex`` package's own copy of the database.

    We leave out forms for special typesetting, and add marks that several scripts share.
    """
    letters = [each for each in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(each)[0] in "LM"]
    shared = set(regex.findall(r"[\p{Script=Inherited}\p{Script=Common}]", "".join(letters)))
    found: dict[str | None, set[str]] = {}
    for letter in letters:
        found.setdefault(letter_script(letter), set()).add(letter)
    for script in set(SCRIPTS.values()):
        mine = found.get(script, set())
        theirs = set(regex.findall(rf"\p{{Script={script}}}", "".join(letters)))
        assert mine - theirs <= shared, script
        unknown = {unicodedata.name(letter, "").split(" ")[0] for letter in theirs - mine}
        assert unknown <= _SPECIAL_FORMS, script


def test_every_language_that_is_written_has_its_scripts() -> None:
    known = dict(code.split("_") for code in FAIRSEQ_LANGUAGE_CODES if not code.startswith("zho"))
    known |= {"sat": "Olck"}  # that table says Beng; its own benchmark, FLORES-200, is in Ol Chiki
    known |= {"cmn": "Hans", "cmn_Hant": "Hant", "khk": "Cyrl", "zlm": "Latn", "yue": "Hant"}
    compared = 0
    for language in packaged():
        assert language.scripts or not language.text, language.code
        assert set(language.scripts) <= set(SCRIPTS.values())
        if script := known.get(language.code):
            assert language.scripts[0] in _COMPOSED.get(script, (script,)), language.code
            compared += 1
    assert compared > 90


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("eng", "The airport is across from the park."),
        ("eng", "She lives in Αθήνα and in Москва."),
        ("eng", "谢"),
        ("cmn", "我在 New York 工作，公司叫 OpenAI。"),
        ("cmn", "iPhone 15 Pro"),
        ("cmn", "我用 WhatsApp 和 Facebook 联系他们"),
        ("kor", "저는 Samsung Galaxy 를 씁니다"),
        ("cmn_Hant", "謝謝你們今天來到這裡"),
        ("jpn", "ありがとうございます、田中さん"),
        ("jpn", "コンピューターをインストールしてください"),
        ("kor", "안녕하세요 반갑습니다"),
        ("hin", "WhatsApp"),
        ("hin", "मैं WhatsApp और Facebook का उपयोग करता हूँ"),
        ("srp", "Dobar dan, kako ste danas?"),
        ("srp", "Добар дан, како сте данас?"),
        ("uzn", "Ассалому алайкум, яхшимисиз?"),
        ("arb", "السلام عليكم ورحمة الله"),
        ("urd", "آپ کیسے ہیں؟"),
        ("fra", "C'est 100 % d'œuvres très connues"),
        ("vie", "Tôi không biết chuyện gì đã xảy ra"),
        ("rus", "12345 67890, 3.14159!"),
        ("rus", ""),
        ("xxx", "Здравствуйте, как дела"),
    ],
)
def test_a_text_in_its_own_script_is_not_judged_foreign(language: str, text: str) -> None:
    assert not written_in_foreign_script(text, language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("eng", "谢谢"),
        ("eng", "谢谢观看"),
        ("eng", "Здравствуйте, how are you"),
        ("cmn", "Thank you very much."),
        ("hin", "Thank you for watching this video"),
        ("hin", "شکریہ، آپ کیسے ہیں"),
        ("rus", "Danke schön, auf Wiedersehen"),
        ("kor", "ありがとうございます"),
        ("ell", "Большое спасибо"),
        ("srp", "σας ευχαριστώ πολύ"),
    ],
)
def test_a_text_in_another_script_is_found(language: str, text: str) -> None:
    """Complaint 501 of SeamlessM4T's users: very short segments come out in another language."""
    assert written_in_foreign_script(text, language)
