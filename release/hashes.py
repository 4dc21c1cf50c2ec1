"""Hashes of everything that constraints.txt pins: makes ``constraints-hashes.txt``, and picks lines from it.

    python -m release.hashes make                       # asks PyPI; needs uv
    python release/hashes.py pick pip setuptools        # requirements for pip's --require-hashes
    python release/hashes.py pick --report report.json  # of what a report of pip names

An image is built with ``pick``, so it needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS, HASHES = "constraints.txt", "constraints-hashes.txt"

_PLATFORM = "x86_64-manylinux_2_31"
_PYTHON = "3.11.14"
"""Those of the image. Hashes of one version's other files are listed, too."""
_HEAD = f"""\
# Made from {CONSTRAINTS} by `python -m release.hashes make`. The same versions, with the hashes of their
# files on PyPI, and the CUDA libraries that PyTorch brings with it on Linux.
"""
_ENTRY = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+).*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL
)


class HashesMissing(Exception):
    """Something is to be installed that has no hash here. The message names it."""


def normalized(name: str) -> str:
    """The name of a distribution as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(text: str) -> dict[str, tuple[str, str]]:
    """Version and whole entry of each distribution, by its normalized name."""
    return {
        normalized(found["name"]): (found["version"], found[0].rstrip() + "\n")
        for found in _ENTRY.finditer(text)
    }


def pick(text: str, wanted: Iterable[tuple[str, str | None]]) -> str:
    """The entries of ``wanted``: names, and versions that they must have.

    Raises:
        HashesMissing: an entry is missing, or is of another version.
    """
    known, picked = entries(text), list[str]()
    for name, version in sorted(wanted, key=lambda each: normalized(each[0])):
        found, entry = known.get(normalized(name), ("", ""))
        if not entry or version not in (None, found):
            raise HashesMissing(
                f"{name} {version or ''} is not in {HASHES}: run `python -m release.hashes make`"
            )
        picked.append(entry)
    return "".join(picked)


def of_report(report: str) -> list[tuple[str, str | None]]:
    """What a report of pip says would be installed, without the project itself."""
    return [
        (each["metadata"]["name"], each["metadata"]["version"])
        for each in json.loads(report)["install"]
        if "dir_info" not in each["download_info"]
    ]


def make() -> str:
    """The text of the file of hashes. Raises subprocess.CalledProcessError if uv cannot make it."""
    command: list[str | Path] = [Path(sys.executable).with_name("uv"), "pip", "compile", CONSTRAINTS]
    command += ["--generate-hashes", "--no-annotate", "--no-header", "--quiet", "--allow-unsafe"]
    command += ["--python-version", _PYTHON, "--python-platform", _PLATFORM]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return _HEAD + done.stdout


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("make")
    picking = commands.add_parser("pick")
    picking.add_argument("names", nargs="*")
    picking.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "make":
        (ROOT / HASHES).write_text(make(), encoding="utf-8")
        return
    wanted: list[tuple[str, str | None]] = [(name, None) for name in arguments.names]
    if arguments.report is not None:
        wanted += of_report(arguments.report.read_text(encoding="utf-8"))
    try:
        sys.stdout.write(pick((ROOT / HASHES).read_text(encoding="utf-8"), wanted))
    except HashesMissing as error:
        sys.exit(f"hashes: {error}")


if __name__ == "__main__":
    main()
