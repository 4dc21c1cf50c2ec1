"""Fuzzes one target with Atheris until libFuzzer ends: ``python -m fuzz.run_target NAME FLAGS``."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["translate_svc"]):
    from fuzz.targets import Target

    _target = Target.load(sys.argv[1])


def main() -> None:
    """Does not return: libFuzzer ends the process."""
    atheris.Setup([sys.argv[0], *sys.argv[2:]], _target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
