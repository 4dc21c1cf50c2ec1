"""``make audit``: are there advisories against what constraints.txt pins?

pip-audit asks PyPI for the advisories of each version. Where they cannot be had, one line says so, and the
audit counts as skipped; with ``--required`` it then fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release.hashes import HASHES, entries

ROOT = Path(__file__).resolve().parents[1]

_PROBED = "pip"
_PROBE_TIMEOUT_S = 20.0
_MOST_NAMED = 5
_FOUND, _FAILED = 1, 2


@dataclass(frozen=True, slots=True)
class Audit:
    """What pip-audit found. ``unknown``: distributions that it could not ask about."""

    audited: int
    unknown: tuple[str, ...]
    advisories: tuple[str, ...]


def service_problem(address: str) -> str:
    """Why advisories cannot be had; empty if they can. ``address``: of what PyPI tells of one version."""
    try:
        with urllib.request.urlopen(address, timeout=_PROBE_TIMEOUT_S) as response:
            if "vulnerabilities" not in json.load(response):
                return f"{address} tells nothing of advisories"
    except urllib.error.HTTPError as error:
        return f"{address} answers with status {error.code}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return f"{address} cannot be reached ({reason})"
    return ""


def read(report: str) -> Audit:
    """The report of ``pip-audit --format json``.

    Raises:
        ValueError: it is not one.
    """
    found: Any = json.loads(report)
    if not isinstance(found, dict) or not isinstance(found.get("dependencies"), list):
        raise ValueError("this is not a report of pip-audit")
    audited, unknown, advisories = 0, [], []
    for each in found["dependencies"]:
        if "skip_reason" in each:
            unknown.append(each["name"])
            continue
        audited += 1
        for advisory in each["vulns"]:
            mended = ", ".join(advisory["fix_versions"]) or "no version"
            advisories.append(f"{each['name']} {each['version']}: {advisory['id']}, mended in {mended}")
    return Audit(audited, tuple(unknown), tuple(advisories))


def run(requirements: Path) -> Audit:
    """Audits a file of requirements with hashes.

    Raises:
        RuntimeError: pip-audit fails.
    """
    command: list[str | Path] = [Path(sys.executable).with_name("pip-audit"), "--requirement", requirements]
    command += ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        return read(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise RuntimeError(f"pip-audit fails: {last}") from None


def main() -> None:
    """Exits with 1 if there are advisories, with 2 if the audit fails, or is required and skipped."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--required", action="store_true", help="fail where advisories cannot be had")
    required = parser.parse_args().required
    requirements = ROOT / HASHES
    version, _ = entries(requirements.read_text(encoding="utf-8"))[_PROBED]
    if problem := service_problem(f"https://pypi.org/pypi/{_PROBED}/{version}/json"):
        print(f"audit: skipped: {problem}, so nothing is known about advisories", file=sys.stderr)
        sys.exit(_FAILED if required else 0)
    try:
        audit = run(requirements)
    except RuntimeError as error:
        print(f"audit: {error}", file=sys.stderr)
        sys.exit(_FAILED)
    for line in audit.advisories:
        print(line)
    some = ", ".join(audit.unknown[:_MOST_NAMED]) + (", ..." if len(audit.unknown) > _MOST_NAMED else "")
    unknown = f", {len(audit.unknown)} unknown to PyPI: {some}" if audit.unknown else ""
    print(f"audit: {len(audit.advisories)} advisories against {audit.audited} distributions{unknown}")
    if audit.advisories:
        sys.exit(_FOUND)
    sys.exit(_FAILED if not audit.audited else 0)


if __name__ == "__main__":
    main()
