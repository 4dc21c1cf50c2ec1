"""Which settings of the operator's file a model can follow is told at the start, not by each call."""

from __future__ import annotations

from pathlib import Path

import pytest

from translate_svc.errors import InvalidArgument
from translate_svc.languages import LanguageTable, packaged
from translate_svc.telephone.telephone_file import Telephone


def narrowed(*spoken: str) -> LanguageTable:
    """English and Spanish, with voices for those ``spoken``."""
    codes = ("eng", "spa")
    return packaged().narrowed(text_codes=codes, speech_codes=spoken, speaker_ids={})


def telephone(folder: Path, text: str) -> Telephone:
    file = folder / "telephone.toml"
    file.write_text(text)
    return Telephone(file)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[call]\nsource = "es"\ntarget = "en"', "call.target"),
        ('[lines.help]\nbetween = "es,en"', "lines.help.between"),
        ('[keys.1]\ntarget = "en"', "keys.1.target"),
    ],
)
def test_a_language_that_the_model_cannot_speak_is_refused(tmp_path: Path, text: str, place: str) -> None:
    file = telephone(tmp_path, text)
    with pytest.raises(InvalidArgument) as refused:
        file.serve(narrowed("spa"))
    assert refused.value.field == "telephone"
    assert refused.value.description == f"{place}: needs a voice, and this model has none for eng"
    file.serve(narrowed("spa", "eng"))


def test_a_language_that_is_only_heard_needs_no_voice(tmp_path: Path) -> None:
    telephone(tmp_path, '[call]\nsource = "en"\ntarget = "es"').serve(narrowed("spa"))


def test_a_model_without_voices_is_refused_at_the_start(tmp_path: Path) -> None:
    """Calls that name their languages themselves would all be refused, and the others wait for ever."""
    with pytest.raises(InvalidArgument) as refused:
        telephone(tmp_path, '[twilio]\nsecrets = ["token"]').serve(narrowed())
    assert refused.value.field == "telephone"
    assert refused.value.description == "calls need a model that speaks, and this one has no voices"
