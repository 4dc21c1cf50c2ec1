"""``translate-svc keys``: keys of callers, and keys of resume tokens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Keys of callers, and of servers that share streams.", no_args_is_help=True)


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
    if file is not None:
        _append(line, file, mode=0o666)  # hashes: the server's user may be another
    print(key)
    if file is None:
        print(line)


@app.command()
def resume(
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append the key to this file instead of printing it.")
    ] = None,
) -> None:
    """Create a key by which servers resume each other's streams and take each other's client secrets.

    Give all servers of a deployment the same file: `serve --resume-keys`. Its first key seals, and all of
    them open. To replace a key, add the new one below it on every server, then move it to the top, and remove
    the old one after --resume-lifetime-s. A running server reads the file again by itself.
    """
    from translate_svc.access.resume_tokens import new_resume_key

    key = new_resume_key()
    if file is None:
        print(key)
    else:
        _append(key, file, mode=0o600)


def _append(line: str, file: Path, *, mode: int) -> None:
    """Adds the whole line or nothing: servers refuse a file with half a line, and with it each later change.

    ``mode``: of a new file, before the umask.

    Raises:
        OSError: the file cannot be written, as on a full disk. Names it.
    """
    with open(file, "ab+", buffering=0, opener=lambda path, flags: os.open(path, flags, mode)) as lines:
        lines.seek(0)
        before = lines.readall()
        rest = (b"" if before.endswith(b"\n") or not before else b"\n") + line.encode() + b"\n"
        try:
            while rest:
                rest = rest[lines.write(rest) :]
        except OSError as error:
            lines.truncate(len(before))
            raise OSError(error.errno, error.strerror, str(file)) from None
