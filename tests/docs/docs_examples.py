"""The Python examples of the pages and what they print.

``python -m tests.docs.docs_examples`` writes into the pages what they print now, with the
starter checkpoint as it is, and into docs/start/install.md what ``make demo`` shows.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest import mock

from translate_svc.config import Settings
from translate_svc.gateway.server import GatewayServer
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.service import Service
from translate_svc.session.outbound.hypothesis_pacer import HypothesisPacer

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "docs/start/program.md",
    "docs/contract.md",
    "docs/openai.md",
    "docs/openai/sessions.md",
)
ADDRESS = "127.0.0.1:50051"
HTTP_ADDRESS = "http://127.0.0.1:8080"

_EXAMPLE = re.compile(r"```python\n(?P<code>.*?)```(?:\n\n```text\n(?P<printed>.*?)```)?", re.DOTALL)
_DEMO = re.compile(r"(?<=```\n)demo_\w+\.flac: .*?(?=```)", re.DOTALL)


def examples(page: str) -> list[tuple[str, str | None]]:
    """Code, and what the page says that it prints, if it does."""
    text = (ROOT / page).read_text("utf-8")
    return [(match["code"], match["printed"]) for match in _EXAMPLE.finditer(text)]


@asynccontextmanager
async def serving() -> AsyncIterator[dict[str, str]]:
    """The addresses of a server on the starter checkpoint, by those that the pages name.

    It leaves out no draft: what an example prints must not depend on how busy the machine is.
    """
    settings = Settings(model=str(ROOT / "model_cache" / "starter"), port=0)
    async with (
        Service.start(settings) as service,
        RpcServer(service, RpcOptions(address=settings.address)) as server,
        GatewayServer(service) as gateway,
    ):
        with mock.patch.object(HypothesisPacer, "is_late", return_value=False):
            yield {ADDRESS: server.target, HTTP_ADDRESS: gateway.target}


async def run(code: str, addresses: dict[str, str]) -> str:
    """What an example prints in an empty folder.

    Raises RuntimeError with its complaint when it fails.
    """
    for named, address in addresses.items():
        code = code.replace(named, address)
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, complaint = await process.communicate()
    if process.returncode:
        raise RuntimeError(complaint.decode())
    return out.decode()


async def rewrite() -> None:
    """Replaces the printed output with that of now."""
    async with serving() as addresses:
        for page in PAGES:
            text = (ROOT / page).read_text("utf-8")
            for code, printed in examples(page):
                if printed is not None:
                    shown = f"```python\n{code}```\n\n```text\n"
                    text = text.replace(f"{shown}{printed}```", f"{shown}{await run(code, addresses)}```")
            (ROOT / page).write_text(text, encoding="utf-8")
    install = ROOT / "docs" / "start" / "install.md"
    shown = _demo()
    install.write_text(_DEMO.sub(lambda _: shown, install.read_text("utf-8")), encoding="utf-8")


def _demo() -> str:
    """Without what goes before and the folder of this run."""
    with tempfile.TemporaryDirectory() as folder:
        command = (sys.executable, "-m", "translate_svc", "demo", "--output", folder)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.partition("\n\n")[2].replace(f"{folder}/", "")


if __name__ == "__main__":
    asyncio.run(rewrite())
