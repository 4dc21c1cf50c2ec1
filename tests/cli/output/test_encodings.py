"""Standard output that lacks characters, as on a machine whose locale is C or an old code page."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.cli.process import run

# neither UTF-8 mode nor another locale in place of C, as Python would choose by itself
LOCALE_C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
TOLD = (
    "translate-svc: standard output in ascii has no '\\xbf': such characters are escaped; "
    "PYTHONIOENCODING=utf-8 writes all\n"
)
ASK = "say", "Where is the station?", "--from", "en", "--to", "es"


@pytest.mark.parametrize("variables", [LOCALE_C, {"PYTHONIOENCODING": "ascii"}], ids=["C", "ascii"])
async def test_what_the_encoding_lacks_is_escaped_and_told_once(
    server: str, variables: Mapping[str, str]
) -> None:
    code, output, error = await run(*ASK, "--server", server, variables=variables)
    assert (code, output) == (0, "\\xbfD\\xf3nde est\\xe1 la estaci\\xf3n?\n")
    assert error.endswith(TOLD)
    assert error.count("has no") == 1


async def test_another_treatment_that_the_user_chose_is_kept(server: str) -> None:
    variables = {"PYTHONIOENCODING": "ascii:replace"}
    code, output, error = await run(*ASK, "--server", server, variables=variables)
    assert (code, output) == (0, "?D?nde est? la estaci?n?\n")
    assert "has no" not in error
