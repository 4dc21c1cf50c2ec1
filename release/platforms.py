"""Asks the package index whether wheels suffice on other machines: ``python -m release.platforms``.

Nothing is built and nothing is run there. uv resolves, because pip reads the conditions of requirements
(``sys_platform``) as those of the machine that it runs on, also with ``--platform``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from release.matrix import supported

ROOT = Path(__file__).resolve().parents[1]

PLATFORMS = {
    "Linux x86-64": ("x86_64-unknown-linux-gnu", ("", "server", "live", "webrtc")),
    "Linux aarch64": ("aarch64-unknown-linux-gnu", ("", "server", "live", "webrtc")),
    "macOS 14 arm64": ("aarch64-apple-darwin", ("", "server", "live", "webrtc")),
    "Windows x86-64": ("x86_64-pc-windows-msvc", ("", "media", "live")),
}
"""By name: uv's name of it, and the extras that are to be had there; the empty one is the client."""

_MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}


def resolve(platform: str, extra: str, version: str) -> str:
    """Why the extra cannot be had on a platform with a Python, in one line; empty if it can."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--quiet", "--no-build"),
            *("--python-platform", platform, "--python-version", version, "--output-file", os.devnull),
            *(("--extra", extra) if extra else ()),
        ],
        cwd=ROOT,
        env=os.environ | _MACOS,
        capture_output=True,
        text=True,
        check=False,
    )
    return " ".join(done.stderr.split()) if done.returncode else ""


def main() -> None:
    """The program."""
    failed = 0
    for name, (platform, extras) in PLATFORMS.items():
        for extra in extras:
            problems = {version: resolve(platform, extra, version) for version in supported()}
            missing = [f"Python {version}: {problem}" for version, problem in problems.items() if problem]
            failed += bool(missing)
            print(
                f"{name}, {extra or 'client'}: {'; '.join(missing) or 'wheels of all packages'}", flush=True
            )
    sys.exit(f"{failed} of these cannot be installed from wheels" if failed else 0)


if __name__ == "__main__":
    main()
