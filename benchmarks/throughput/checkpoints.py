"""The checkpoints that benchmarks run on."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import transformers

from benchmarks.throughput.random_checkpoint import build_random_checkpoint

CHECKPOINTS = ("starter", "random")
STARTER = Path(__file__).parents[2] / "model_cache" / "starter"


@contextlib.contextmanager
def checkpoint_folder(name: str, kept: Path | None) -> Iterator[Path]:
    """The starter's, or a random one, which is kept in ``kept`` if that is given and is temporary
    otherwise.
    """
    if name == "starter":
        yield STARTER
    elif kept is not None:
        yield kept if (kept / "config.json").exists() else build_random_checkpoint(kept)
    else:
        with tempfile.TemporaryDirectory(prefix="random-checkpoint-") as folder:
            yield build_random_checkpoint(Path(folder) / "random")


def quiet() -> None:
    """Silences transformers' remarks and progress bars."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
