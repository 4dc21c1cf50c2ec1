"""Languages as people write them."""

from __future__ import annotations

import pytest

from translate_svc import languages
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.language_argument import match_language, match_languages

TABLE = languages.packaged()
SMALL = languages.LanguageTable(language for language in TABLE if language.code in ("eng", "spa"))


@pytest.mark.parametrize("text", ["es", "spa", "Spanish", "SPANISH", "ES", "es-MX", " spa "])
def test_codes_tags_and_names_mean_the_same(text: str) -> None:
    assert match_language(text, TABLE, "--to").code == "spa"


@pytest.mark.parametrize("language", list(TABLE), ids=lambda language: language.code)
def test_every_language_is_found_by_all_that_it_is_called(language: languages.Language) -> None:
    for text in (language.code, language.bcp47, language.name):
        assert match_language(text, TABLE, "--to") == language


@pytest.mark.parametrize(
    ("text", "table", "said"),
    [
        ("Spanisch", TABLE, "no language is called 'Spanisch'; did you mean Spanish (spa)"),
        ("Chinese", TABLE, "did you mean Mandarin Chinese (cmn), Mandarin Chinese (Traditional) (cmn_Hant)"),
        ("Arabic", TABLE, "Moroccan Arabic (ary)"),
        ("klingon", SMALL, "no language is called 'klingon'; see translate-svc languages"),
        ("French", SMALL, "this model does not know French (fra)"),
    ],
)
def test_what_is_not_known_is_told_with_the_nearest(
    text: str, table: languages.LanguageTable, said: str
) -> None:
    with pytest.raises(UsageError, match=r"^--to: ") as wrong:
        match_language(text, table, "--to")
    assert said in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_lists_keep_their_order_and_hold_each_language_once() -> None:
    found = match_languages(["fra,es", "German"], TABLE, "--to")
    assert [language.code for language in found] == ["fra", "spa", "deu"]
    with pytest.raises(UsageError, match=r"Spanish \(spa\) comes twice"):
        match_languages(["spa,Spanish"], TABLE, "--to")
    with pytest.raises(UsageError, match="missing between the commas"):
        match_languages(["spa,"], TABLE, "--to")
