"""The recipe "A file format of subtitles": SubViewer, as YouTube reads it."""

from __future__ import annotations

import pytest

from tests.recipes.repository_copy import MakeCopy

FORMATS = "translate_svc/subtitles/text_formats.py"
RENDERER = '''def sbv(cues: Sequence[Cue], language: str) -> str:
    """SubViewer, as YouTube writes it."""
    return "\\n".join(
        f"{_clock(cue.start_ms, '.')},{_clock(cue.end_ms, '.')}\\n{_block(cue.named_lines)}" for cue in cues
    )


'''


@pytest.mark.slow
def test_a_format_is_a_function_and_a_row(copy_for: MakeCopy) -> None:
    copy = copy_for("A file format of subtitles.")
    table = "TEXT_FORMATS: Mapping[str, Callable[[Sequence[Cue], str], str]] = {\n"
    copy.replace(FORMATS, table, f'{RENDERER}{table}    "sbv": sbv,\n')
    copy.test("tests/recipes/examples/check_sbv.py", "tests/subtitles/test_text_formats.py")
