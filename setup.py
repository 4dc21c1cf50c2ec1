"""What pyproject.toml cannot say: the wheel also holds the starter model, the demo's clips and the contract.

In a checkout they have places of their own, and ``translate_svc/locations.py`` finds them there.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

_ROOT = Path(__file__).resolve().parent
_PACKAGE = Path("translate_svc")
_COPIES = {
    "model_cache/starter/*": _PACKAGE / "data" / "models" / "starter",
    "tests/data/demo_*.flac": _PACKAGE / "data" / "demo",
    "tests/data/clips.json": _PACKAGE / "data" / "demo",
    "protos/translate_svc/v1/*.proto": _PACKAGE / "v1",
}
"""Pattern of the files in a checkout: their folder in the wheel."""


class BuildWithData(build_py):
    """Copies the files above into every build but an editable one."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._copies().items():
                self.mkpath(str(target.parent))
                self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        outputs = list(super().get_outputs(include_bytecode))
        return outputs if self.editable_mode else [*outputs, *map(str, self._copies().values())]

    def _copies(self) -> dict[Path, Path]:
        copies: dict[Path, Path] = {}
        for pattern, folder in _COPIES.items():
            found = [path for path in sorted(_ROOT.glob(pattern)) if path.is_file()]
            if not found:
                raise FileNotFoundError(f"{pattern} is missing: the wheel would not run by itself")
            copies |= {path: Path(self.build_lib) / folder / path.name for path in found}
        return copies


setup(cmdclass={"build_py": BuildWithData})
