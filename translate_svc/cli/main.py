"""The command ``translate-svc``: one file a command. Errors are one line and an exit code."""

from __future__ import annotations

import sys

import typer

from translate_svc.cli.demo import demo
from translate_svc.cli.serve import serve
from translate_svc.errors import TranslateSvcError

EXIT_ERROR = 1

app = typer.Typer(
    name="translate-svc",
    help="Self-hosted speech translation: audio in, translated speech and every intermediate text out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(demo)


@app.callback()
def _commands() -> None:
    """Keeps the commands' names, whatever their number."""


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 failed, 2 wrong usage."""
    try:
        app()
    except TranslateSvcError as error:
        sys.exit(_complain(str(error)))
    except ModuleNotFoundError as error:
        sys.exit(_complain(f"{error.name} is missing: pip install 'translate-svc[server]'"))


def _complain(message: str) -> int:
    print(f"translate-svc: {message}", file=sys.stderr)
    return EXIT_ERROR
