"""The command ``translate-svc``. An error is one line on stderr and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Annotated

import typer

from translate_svc.cli.commands.batch import batch
from translate_svc.cli.commands.calibrate import calibrate
from translate_svc.cli.commands.demo import demo
from translate_svc.cli.commands.doctor import doctor
from translate_svc.cli.commands.keys import app as keys_app
from translate_svc.cli.commands.languages import languages
from translate_svc.cli.commands.live import live
from translate_svc.cli.commands.models import app as models_app
from translate_svc.cli.commands.pull import pull
from translate_svc.cli.commands.say import say
from translate_svc.cli.commands.selftest import selftest
from translate_svc.cli.commands.serve import serve
from translate_svc.cli.commands.top import top
from translate_svc.cli.commands.translate import translate
from translate_svc.cli.exit_codes import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_LOST, EXIT_USAGE, UsageError
from translate_svc.cli.output.help_text import use_plain_help
from translate_svc.cli.output.standard_output import (
    drop_output,
    replace_closed_streams,
    write_what_encoding_lacks,
)
from translate_svc.cli.wire_fields import in_words_of_flags
from translate_svc.errors import TranslateSvcError, Unavailable

_NAME = "translate-svc"
_EXTRAS = {
    "av": "media",
    "PIL": "media",
    "sounddevice": "live",
    "transformers": "reference",
    "accelerate": "reference",
    "ray": "ray",
}

app = typer.Typer(
    name=_NAME,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Self-hosted speech translation: audio in, translated speech and every intermediate text out.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the tables of rich cut flags and words in narrow terminals
)
app.command()(serve)
app.command()(translate)
app.command()(batch)
app.command()(live)
app.command()(say)
app.command()(languages)
app.command()(top)
app.command()(pull)
app.command()(doctor)
app.command()(selftest)
app.command()(calibrate)
app.add_typer(models_app, name="models")
app.add_typer(keys_app, name="keys")
app.command()(demo)
use_plain_help([app, models_app, keys_app])


@app.callback(invoke_without_command=True)
def _commands(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        print(metadata.version(_NAME))
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(EXIT_USAGE)


def main() -> None:
    """Runs the command. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 engine or server lost or not reached,
    130 interrupted, 129 and 143 ended by SIGHUP and SIGTERM.
    """
    sys.exit(_run())


def _run() -> int:
    if sys.stdout is None:
        return _print_error("standard output is closed", EXIT_ERROR)
    replace_closed_streams()
    write_what_encoding_lacks()
    try:
        # the return value of the command, or the code of its typer.Exit
        code = app(prog_name=_NAME, standalone_mode=False)
        print(end="", flush=True)
        return _print_error("interrupted", code) if code == EXIT_INTERRUPTED else code or 0
    except typer.TyperException as error:
        context: typer.Context | None = getattr(error, "ctx", None)
        command = context.command_path if context is not None else _called_command()
        message = error.format_message().rstrip(".")
        stop = "" if message.endswith("?") else "."
        return _print_error(f"{message}{stop} See {command} --help", error.exit_code)
    except UsageError as error:
        return _print_error(str(error), EXIT_USAGE)
    except Unavailable as error:
        return _print_error(in_words_of_flags(error), EXIT_LOST)
    except TranslateSvcError as error:
        return _print_error(in_words_of_flags(error), EXIT_ERROR)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and error.filename is None:
            return _leave_reader()
        parts = (error.filename, error.strerror or error)
        return _print_error(": ".join(str(part) for part in parts if part), EXIT_ERROR)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "", "server")
        return _print_error(f"{error.name} is missing: pip install '{_NAME}[{extra}]'", EXIT_ERROR)


def _called_command() -> str:
    """The command that was called, for an error that does not know it, such as a flag without its value."""
    commands: Mapping[str, object] = getattr(typer.main.get_command(app), "commands", {})
    return " ".join([_NAME, *(name for name in sys.argv[1:2] if name in commands)])


def _leave_reader() -> int:
    """The reader of standard output has left, as ``head`` does: no error is reported."""
    drop_output()
    return EXIT_ERROR


def _print_error(message: str, code: int) -> int:
    print(f"{_NAME}: {message}", file=sys.stderr)
    return code
