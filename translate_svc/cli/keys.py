"""``translate-svc keys``: API keys for the callers of a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="API keys for the callers of a server.", no_args_is_help=True)


@app.callback()
def _keys() -> None:
    """Needed because typer turns a group with only one command into that command."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the key's owner: a-z, 0-9, '.', '_' and '-'.")],
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Append the line to this file, and print the key alone."),
    ] = None,
) -> None:
    """Create a key. Prints the key, which is never shown again, and the line for the server's key file.

    The line contains the key's hash. Add it to the file of `serve --api-keys`; a running server reads that
    file again by itself. To revoke a key, remove its line. To replace a key, keep both lines for a while.
    """
    from translate_svc.access.api_keys import key_line, new_key

    key = new_key()
    line = key_line(name, key)
    print(key)
    if file is None:
        print(line)
        return
    with file.open("a+", encoding="utf-8") as lines:
        lines.seek(0)
        if not (lines.read() or "\n").endswith("\n"):
            print(file=lines)
        print(line, file=lines)
