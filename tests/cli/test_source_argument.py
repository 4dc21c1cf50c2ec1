"""``--from`` and ``--between``."""

import pytest

from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.source_argument import SpokenSource, check_between, spoken_source
from translate_svc.languages import packaged
from translate_svc.types import AUTO, Echo


@pytest.mark.parametrize(
    ("from_", "between", "transcript", "source"),
    [
        (None, (), False, SpokenSource()),
        (None, (), True, SpokenSource(AUTO)),
        ("Spanish", (), True, SpokenSource("spa")),
        ("AUTO", (), False, SpokenSource(AUTO)),
        ("es,en", (), False, SpokenSource(AUTO, ("spa", "eng"))),
        (None, ("en", "fra"), False, SpokenSource(AUTO, ("eng", "fra"), Echo.SILENT)),
    ],
)
def test_what_is_spoken(
    from_: str | None, between: tuple[str, ...], transcript: bool, source: SpokenSource
) -> None:
    assert spoken_source(from_, between, packaged(), transcript=transcript) == source


@pytest.mark.parametrize(
    ("from_", "between", "source"),
    [
        (None, (), SpokenSource(AUTO, (), Echo.PASS)),
        ("es", (), SpokenSource("spa", (), Echo.PASS)),
        (None, ("en", "es"), SpokenSource(AUTO, ("eng", "spa"), Echo.PASS)),
    ],
)
def test_an_echo_needs_the_language_that_is_spoken(
    from_: str | None, between: tuple[str, ...], source: SpokenSource
) -> None:
    assert spoken_source(from_, between, packaged(), transcript=False, echo=Echo.PASS) == source


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(UsageError, match=r"--between: needs two"):
        spoken_source(None, ("en",), packaged(), transcript=False)
    with pytest.raises(UsageError, match=r"--from: no language is called 'tlh'"):
        spoken_source("en,tlh", (), packaged(), transcript=False)
    with pytest.raises(UsageError, match=r"--between: stands for --from too"):
        check_between(("en", "es"), (), "en")
