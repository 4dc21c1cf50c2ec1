"""Packages that the scheduling part of the engine must not import."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["scheduling.scheduler", "core", "async_engine", "request"])
def test_it_imports_without_torch(module: str) -> None:
    program = (
        f"import sys, translate_svc.engine.{module}; "
        "sys.exit(' '.join(sys.modules.keys() & {'torch', 'transformers', 'grpc', 'onnxruntime'}) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
