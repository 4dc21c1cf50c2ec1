"""Writes the Python stubs of the public contract.

    python protos/generate.py [OUTPUT_ROOT]

``OUTPUT_ROOT`` is the directory that holds, or shall hold, ``translate_svc/v1``; by default the repository.
The stubs are checked in, so that installing the package needs no compiler; a test regenerates and compares
them.

The stubs run on the protobuf and grpcio that made them and on later ones up to the next major version, never
on older ones. So the compiler's version is pinned, as the extra ``protos``: it decides beside which other
packages the client can be installed. The compiler itself cannot be installed beside a newer protobuf. It
therefore has a folder of its own, which the first call fills from PyPI.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

PROTOS = Path(__file__).resolve().parent
PROTO = "translate_svc/v1/speech_translation.proto"
_PROJECT = tomllib.loads((PROTOS.parent / "pyproject.toml").read_text("utf-8"))["project"]
COMPILER: str = _PROJECT["optional-dependencies"]["protos"][0]


def compiler_folder() -> Path:
    """The folder with the compiler, for this version of Python. Installs it there if it is missing.

    Raises:
        subprocess.CalledProcessError: pip could not install it; it has said why on stderr.
    """
    folder = PROTOS / ".compiler" / f"{COMPILER.replace('==', '-')}-{sysconfig.get_config_var('SOABI')}"
    if not (folder / "grpc_tools").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--target", folder, COMPILER], check=True)
    return folder


def descriptors(*, comments: bool = False) -> bytes:
    """The contract as a ``google.protobuf.FileDescriptorSet``, on request with its comments.

    Raises:
        subprocess.CalledProcessError: protoc refused the file; it has said why on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "descriptors"
        source = ["--include_source_info"] if comments else []
        _compile(f"--proto_path={PROTOS}", f"--descriptor_set_out={out}", *source, PROTO)
        return out.read_bytes()


def generate(output_root: Path) -> None:
    """Writes messages, their types and the service under ``output_root/translate_svc/v1``.

    Raises:
        subprocess.CalledProcessError: protoc refused the file; it has said why on stderr.
    """
    (output_root / PROTO).parent.mkdir(parents=True, exist_ok=True)
    _compile(
        f"--proto_path={PROTOS}",
        f"--python_out={output_root}",
        f"--pyi_out={output_root}",
        f"--grpc_python_out={output_root}",
        PROTO,
    )


def _compile(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "grpc_tools.protoc", *arguments],
        check=True,
        env=os.environ | {"PYTHONPATH": str(compiler_folder())},
    )


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else PROTOS.parent)
