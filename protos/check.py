"""Checks the contract with buf: its lint, and what breaks clients of the last release.

    python -m protos.check [--required] [--released]

buf comes from npm, once, into ``build/``. Where npm or its registry cannot be reached, one line says that it
is left out; ``--required`` makes that an error. ``tests/protos/test_released_contract.py`` compares with the
last release without buf. ``--released`` notes the contract as it is now as that of a release.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from protos.generate import PROTOS, descriptors

ROOT = PROTOS.parent
RELEASED = PROTOS / "released.binpb"
"""The contract of the last release, as a ``google.protobuf.FileDescriptorSet``. buf calls this an image."""

BUF = "@bufbuild/buf@1.75.0"
_FOLDER = ROOT / "build" / "buf-1.75.0"
_FETCH_TIMEOUT_S = 180


class BufMissing(Exception):
    """buf is not here and cannot be fetched. The message says why."""


def buf() -> Path:
    """The program buf. Fetches it if it is missing.

    Raises:
        BufMissing: it cannot be fetched.
    """
    program = _FOLDER / "node_modules" / ".bin" / "buf"
    if not program.exists():
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise BufMissing("npm is not installed")
        flags = ["--no-save", "--silent", "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=20000"]
        _FOLDER.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(
                [npm, "install", "--prefix", _FOLDER, *flags, BUF],
                check=True,
                capture_output=True,
                timeout=_FETCH_TIMEOUT_S,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            raise BufMissing(f"npm cannot fetch {BUF}") from None
    return program


def check(*, required: bool) -> int:
    """Runs buf. Returns the exit code: 0 if it finds nothing, or is left out."""
    try:
        program = buf()
    except BufMissing as missing:
        print(f"buf is left out: {missing}", file=sys.stderr)
        return int(required)
    lint = subprocess.run([program, "lint"], cwd=ROOT, check=False).returncode
    breaking = subprocess.run([program, "breaking", "--against", RELEASED], cwd=ROOT, check=False).returncode
    return lint or breaking


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--required", action="store_true", help="fail where buf cannot be fetched")
    parser.add_argument("--released", action="store_true", help=f"write {RELEASED.relative_to(ROOT)} and end")
    arguments = parser.parse_args()
    if arguments.released:
        RELEASED.write_bytes(descriptors())
        return
    sys.exit(check(required=arguments.required))


if __name__ == "__main__":
    main()
