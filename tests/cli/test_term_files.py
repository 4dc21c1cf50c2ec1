"""Files of terms, each in the form of those who write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.term_files import read_terms
from translate_svc.cli.wire_fields import in_words_of_flags
from translate_svc.errors import InvalidArgument
from translate_svc.types import Term

BAKERY, KEPT = Term("bakery", "tahona", "spa"), Term("Kubernetes")
ANY, LINES = Term("bakery", "tahona"), Term("the bakery", "la tahona")
QUOTED = '"bakery","tahona",en,es\n"Bar, the","el ""Bar""",en-GB,es\n'
TBX = """<?xml version="1.0"?>
<martif type="TBX" xml:lang="en"><text><body><termEntry id="1">
<descrip type="definition">where bread is made</descrip>
<langSet xml:lang="en-US"><tig><term>bakery</term></tig>
<ntig><termGrp><term>bakehouse</term></termGrp></ntig></langSet>
<langSet xml:lang="es"><tig><term>tahona</term></tig><tig><term>horno</term></tig></langSet>
<langSet xml:lang="it"><tig><term>forno</term></tig></langSet>
</termEntry></body></text></martif>"""
TBX_3 = """<tbx xmlns="urn:iso:std:iso:30042:ed-2" xml:lang="en"><text><body><conceptEntry id="1">
<langSec xml:lang="en"><termSec><term>bakery</term></termSec></langSec>
<langSec xml:lang="es"><termSec><term>tahona</term></termSec></langSec></conceptEntry></body></text></tbx>"""


@pytest.mark.parametrize(
    ("name", "text", "terms"),
    [
        ("a.csv", "bakery,tahona\nKubernetes\n\n", [ANY, KEPT]),
        ("a.csv", "\ufeffsource,target,language\nbakery,tahona,es\nKubernetes,,\n", [BAKERY, KEPT]),
        ("a.csv", QUOTED, [BAKERY, Term("Bar, the", 'el "Bar"', "spa")]),
        ("a.csv", "bakery,tahona,en,es\nBrot,pan,de,es\nbread,pain,en,fr\n", [BAKERY]),
        ("a.csv", "bakery,tahona,Spanish\nKubernetes\n", [BAKERY, KEPT]),
        ("a.csv", "bakery,tahona,English,es_MX\n", [BAKERY]),
        ("a.csv", "bakery;tahona\r\nKubernetes;\r\n", [ANY, KEPT]),
        ("a.csv", '"the\nbakery","la\r\ntahona"\r\nKubernetes\r\n', [LINES, KEPT]),
        ("a.tsv", "bakery\ttahona\r\nKubernetes\r\n", [ANY, KEPT]),
        ("a.txt", "bakery##tahona\nKubernetes\n", [ANY, KEPT]),
        ("a.tbx", TBX, [BAKERY, Term("bakehouse", "tahona", "spa")]),
        ("a.xml", TBX_3, [BAKERY]),
    ],
)
def test_forms(tmp_path: Path, name: str, text: str, terms: list[Term]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_terms(tmp_path / name, "eng", ["spa"]) == tuple(terms)


def test_the_unicode_of_spreadsheets_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes("bakery\ttahona\r\n".encode("utf-16"))
    assert read_terms(tmp_path / "a.tsv", "eng", ["spa"]) == (ANY,)


def test_what_cannot_be_read_is_said_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_bytes("gare,estaci\xf3n\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"^--terms: is not a text in UTF-8$"):
        read_terms(tmp_path / "old.csv", "fra", ["spa"])
    with pytest.raises(UsageError, match=r"^--terms: cannot be read: No such file or directory$"):
        read_terms(tmp_path / "none.csv", "fra", ["spa"])


def test_a_quotation_mark_that_is_not_closed_takes_no_other_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('Kubernetes\nbakery,"tahona\nroom,alcoba\n')
    with pytest.raises(UsageError, match="cannot be read: the row that begins in line 2: unexpected end"):
        read_terms(tmp_path / "a.csv", "eng", ["spa"])


@pytest.mark.parametrize("text", ["bakery,fournil,fr\n", "Brot,pan,de,es\n", "\n"])
def test_a_file_without_a_term_for_the_languages_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert read_terms(tmp_path / "a.csv", "eng", ["spa", "deu"]) == ()
    assert capsys.readouterr().err == "translate-svc: --terms: a.csv has no term from eng into spa or deu\n"


def test_terms_of_a_language_that_nobody_knows_are_not_lost_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text(
        "bakery,tahona,es\nstation,apeadero,ess\nkey,clave,en,spanisch\nday,jour,fr\ninn,posada,engl,es\n"
    )
    assert read_terms(tmp_path / "a.csv", "eng", ["spa"]) == (BAKERY,)
    assert capsys.readouterr().err == (
        "translate-svc: --terms: a.csv: no language is called engl or ess or spanisch; "
        "its terms are left out\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "source"),
    [
        ("a.csv", "bakery,tahona", None),
        ("a.doc", "bakery,tahona", "eng"),
        ("a.tbx", "<martif>", "eng"),
        ("a.csv", "".join(f"word{number},x\n" for number in range(501)), "eng"),
        ("missing.csv", "", "eng"),
    ],
)
def test_refusals(tmp_path: Path, name: str, text: str, source: str | None) -> None:
    if text:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        read_terms(tmp_path / name, source, ["spa"])
    assert caught.value.field == "--terms"


def test_no_file_and_the_servers_refusal() -> None:
    assert read_terms(None, None, []) == ()
    refused = InvalidArgument("holds no word", field="config.settings.terms[3].source")
    assert in_words_of_flags(refused) == "--terms: source of term 4 holds no word"
