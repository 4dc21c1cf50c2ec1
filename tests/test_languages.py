"""Tags, the packaged table, and the languages of it that a checkpoint has."""

import pytest

from translate_svc.errors import InvalidArgument
from translate_svc.languages import Language, LanguageTable, packaged


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("es", "spa"),
        ("spa", "spa"),
        ("ES-mx", "spa"),
        ("es_419", "spa"),
        ("zh", "cmn"),
        ("zh-Hant", "cmn_Hant"),
        ("zh-Hant-TW", "cmn_Hant"),
        ("zh-TW", "cmn"),
        ("cmn_Hant", "cmn_Hant"),
        ("CMN-HANT", "cmn_Hant"),
        ("arz", "arz"),
    ],
)
def test_a_tag_means_a_seamless_code(tag: str, code: str) -> None:
    assert packaged().resolve(tag, "language").code == code


@pytest.mark.parametrize("tag", ["", "-", "xx", "e", "spanish", "mx-es", " es", "es ", "es" + "-a" * 32])
def test_what_is_no_language_is_refused_by_field(tag: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        packaged().resolve(tag, "config.settings.targets[0].language")
    assert caught.value.field == "config.settings.targets[0].language"


def test_the_packaged_table_is_the_published_one() -> None:
    table = packaged()
    assert sum(language.speech_in for language in table) == 102
    assert sum(language.text for language in table) == 98
    assert sum(language.speech_out for language in table) == 36
    assert all(bool(language.speaker_ids) == language.speech_out for language in table)
    voices = [speaker for language in table for speaker in language.speaker_ids]
    assert sorted(voices) == list(range(len(voices))), "every voice belongs to exactly one language"
    assert table.resolve("en", "f").speaker_ids == (10,)
    assert table.resolve("id", "f").speaker_ids[0] == 17, "the default voice comes first, not the lowest id"


def test_narrowing_keeps_what_the_checkpoint_maps() -> None:
    table = packaged().narrowed(
        text_codes=["spa", "eng", "tlh"], speech_codes=["spa", "tlh"], speaker_ids={"spa": (1, 0)}
    )
    assert [language.code for language in table] == ["eng", "spa", "tlh"]
    spanish, english, klingon = (table.resolve(tag, "f") for tag in ("es", "en", "tlh"))
    assert spanish.speech_out
    assert spanish.speaker_ids == (1, 0)
    assert not english.speech_out, "the vocoder does not map it"
    assert english.speaker_ids == ()
    assert not klingon.speech_out, "nobody knows a voice for it"
    assert table.find("fr") is None


def test_languages_that_are_only_understood_stay_with_the_published_model() -> None:
    texts = [language.code for language in packaged() if language.text]
    whole = packaged().narrowed(text_codes=texts, speech_codes=[], speaker_ids={})
    assert len(whole) == len(packaged())
    assert whole.resolve("ast", "f").speech_in
    less = packaged().narrowed(text_codes=texts[1:], speech_codes=[], speaker_ids={})
    assert less.find("ast") is None


def test_two_languages_cannot_share_a_tag() -> None:
    with pytest.raises(ValueError, match="'x'"):
        LanguageTable([Language("x", "x", "one"), Language("y", "X", "two")])
