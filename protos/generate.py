"""Writes the Python stubs of the public contract.

    python protos/generate.py [OUTPUT_ROOT]

``OUTPUT_ROOT`` is the directory that holds, or shall hold, ``translate_svc/v1``; by default the repository.
The stubs are checked in, so that installing the package needs no compiler; a test regenerates and compares
them.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
PROTO = "translate_svc/v1/speech_translation.proto"


def generate(output_root: Path) -> None:
    """Writes messages, their types and the service under ``output_root/translate_svc/v1``.

    Raises:
        RuntimeError: protoc refused the file; it has said why on stderr.
    """
    (output_root / PROTO).parent.mkdir(parents=True, exist_ok=True)
    arguments = [
        "protoc",
        f"--proto_path={PROTOS}",
        f"--proto_path={resources.files('grpc_tools') / '_proto'}",
        f"--python_out={output_root}",
        f"--pyi_out={output_root}",
        f"--grpc_python_out={output_root}",
        PROTO,
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError(f"protoc failed on {PROTO}")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else PROTOS.parent)
