"""What a file of ``batch`` is done again for."""

from __future__ import annotations

from pathlib import Path

from translate_svc.cli.batch.arguments import BatchArguments
from translate_svc.cli.batch.items import BatchItem
from translate_svc.types import ModelInfo

MODEL = ModelInfo("starter", "1")


def test_a_result_depends_on_what_is_in_the_file_of_terms(tmp_path: Path) -> None:
    source, terms = tmp_path / "talk.wav", tmp_path / "terms.csv"
    source.write_bytes(b"sound")
    item = BatchItem(str(source), "talk")
    arguments = BatchArguments(inputs=(str(source),), out="out", from_="en", to=("es",), terms=terms)
    terms.write_text("meeting,asamblea,es\n")
    before = arguments.version(item, MODEL)
    terms.write_text("meeting,consulta,es\n")
    assert arguments.version(item, MODEL) != before
    terms.write_text("meeting,asamblea,es\n")
    assert arguments.version(item, MODEL) == before
