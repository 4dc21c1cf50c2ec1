"""Flags of a command from the fields of dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer
from typer.testing import CliRunner

from translate_svc.cli.options import Parsed, with_flags


@dataclass(frozen=True)
class _Size:
    width: Annotated[int, typer.Option(min=1)] = 80
    height: Annotated[int, typer.Option()] = 25


@dataclass(frozen=True)
class _Sides:
    left: Annotated[int, typer.Option()] = 2
    right: Annotated[int, typer.Option()] = 3


@dataclass(frozen=True)
class _Arguments:
    names: Annotated[tuple[str, ...], typer.Argument(metavar="NAME"), Parsed(list[str], tuple)]
    size: _Size
    area: Annotated[int, Parsed(_Sides, lambda sides: sides.left * sides.right)] = 0
    tags: Annotated[tuple[str, ...], typer.Option("--tag"), Parsed(list[str] | None, sorted)] = ("none",)
    made: list[str] = field(default_factory=list)


def _run(*arguments: str) -> tuple[list[tuple[_Arguments, bool]], str]:
    calls: list[tuple[_Arguments, bool]] = []

    @with_flags
    def show(*, arguments: _Arguments, loud: Annotated[bool, typer.Option("--loud")] = False) -> None:
        """Show what was given."""
        calls.append((arguments, loud))

    app = typer.Typer()
    app.command()(show)
    return calls, CliRunner().invoke(app, arguments, env={"COLUMNS": "100", "NO_COLOR": "1"}).output


def test_a_command_gets_the_dataclasses_that_its_flags_make() -> None:
    calls, _ = _run("a", "b", "--tag", "y", "--tag", "x", "--width", "3", "--left", "5", "--loud")
    assert calls == [(_Arguments(("a", "b"), _Size(3), 15, ["x", "y"]), True)]  # type: ignore[arg-type]


def test_what_is_not_given_has_the_default_of_the_field() -> None:
    assert _run("a")[0] == [(_Arguments(("a",), _Size(), 6), False)]


def test_limits_and_required_arguments_are_checked_before_the_command() -> None:
    for wrong in (("a", "--width", "0"), ()):
        calls, output = _run(*wrong)
        assert not calls
        assert "Invalid value" in output or "Missing argument" in output


def test_help_lists_flags_in_the_order_of_the_fields_and_no_other_field() -> None:
    _, output = _run("--help")
    assert "Show what was given." in output
    places = [
        output.index(flag) for flag in ("NAME", "--width", "--height", "--left", "--right", "--tag", "--loud")
    ]
    assert places == sorted(places)
    assert "made" not in output
