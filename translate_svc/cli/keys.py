"""``translate-svc keys``: API keys for the callers of a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="API keys for the callers of a server.", no_args_is_help=True)


@app.callback()
def _keys() -> None:
    """Without it typer would make the only command the group itself."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Whose key it is: a-z, 0-9, '.', '_' and '-'.")],
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Append the line to this file, and print the key alone."),
    ] = None,
) -> None:
    """Make a key. Prints the key, which is shown this once, and the line that admits it.

    The line holds the key's hash and goes into the file of `serve --api-keys`, which a running server reads
    again by itself. To revoke a key remove its line; to replace one, have both lines for a while.
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
