"""SubViewer: as a text, in the command, and in the Python client."""

from __future__ import annotations

from pathlib import Path

from translate_svc.cli.media.argument_checks import FORMS
from translate_svc.cli.media.arguments import TranslateArguments
from translate_svc.client.translated_file import TranslatedFile
from translate_svc.subtitles.cues import Cue
from translate_svc.subtitles.text_formats import TEXT_FORMATS

CUES = [Cue(0, 1_500, ("first",)), Cue(3_723_450, 3_725_000, ("second", "line"), "Ann")]


def test_cues() -> None:
    assert TEXT_FORMATS["sbv"](CUES, "spa") == (
        "00:00:00.000,00:00:01.500\nfirst\n\n01:02:03.450,01:02:05.000\nAnn: second\nline\n"
    )


def test_the_command_writes_it() -> None:
    assert "sbv" in FORMS
    TranslateArguments(inputs=(Path("a.wav"),), to=("es",), subtitles=Path("a.sbv"))


def test_the_client_writes_it() -> None:
    assert TranslatedFile((), 0, 16_000, "").subtitles("spa", "sbv") == ""
