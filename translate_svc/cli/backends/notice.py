"""What everybody who meets a model must know is told once on a machine, not with every command."""

from __future__ import annotations

import hashlib
import sys

from translate_svc.cli.backends.backend import Backend


async def show_notice(backend: Backend) -> None:
    """Prints on standard error how the model's notice to its users begins, if it has one that this user was
    not told before on this machine. ``models`` prints all of it.
    """
    model = await backend.model()
    said = model.notice.partition(";")[0]
    if said and _is_new(f"{model.name}: {said}"):
        print(f"translate-svc: {model.name}: {said} (more: translate-svc models)", file=sys.stderr)


def _is_new(line: str) -> bool:
    """Whether the line was not told before; from now on it was. Where nothing can be noted, it always is."""
    import platformdirs  # most commands tell nothing

    told = platformdirs.user_state_path("translate-svc") / "told"
    try:
        told.mkdir(parents=True, exist_ok=True)
        mark = told / hashlib.sha256(line.encode()).hexdigest()
        if mark.exists():
            return False
        mark.touch()
    except OSError:
        pass
    return True
