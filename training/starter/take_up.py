"""Continues from a finished checkpoint: `python -m training.starter.take_up --model model_cache/starter`.

Writes into build/starter/ what the stages need: the tokenizer, the weights of each stage, and the units
that its vocoder speaks. A stage that finds its weights there, but no state of its own, begins with them in
a later part of its schedule. So a checkpoint is trained for longer, or on a grammar that was extended with
words of the same letters, without the state of its training.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from training.starter import train_t2u, train_text, train_vocoder
from training.starter.learning.text_stage import STAGE_PREFIXES

WEIGHTS_OF_STAGES = {
    train_text.WEIGHTS_FILE_NAME: STAGE_PREFIXES,
    train_t2u.WEIGHTS_FILE_NAME: ("t2u_model.",),
    train_vocoder.WEIGHTS_FILE_NAME: ("vocoder.",),
}
TOKENIZER_FILES = ("sentencepiece.bpe.model", "tokenizer.json", "tokenizer_config.json")
UNITS = Path(__file__).parent / "units.npz"


def take_up(model: Path, work: Path) -> None:
    """Raises FileExistsError where training has begun in `work`."""
    present = [name for name in (*WEIGHTS_OF_STAGES, "units.npz", "tokenizer") if (work / name).exists()]
    if present:
        raise FileExistsError(f"{work}: has {', '.join(present)} already")
    (work / "tokenizer").mkdir(parents=True)
    for name in TOKENIZER_FILES:
        shutil.copyfile(model / name, work / "tokenizer" / name)
    weights = load_file(model / "model.safetensors")
    for name, prefixes in WEIGHTS_OF_STAGES.items():
        own = {key: tensor.float() for key, tensor in weights.items() if key.startswith(prefixes)}
        save_file(own, work / name)
    shutil.copyfile(UNITS, work / "units.npz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=Path("model_cache/starter"))
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    arguments = parser.parse_args()
    take_up(arguments.model, arguments.work)
    print(f"{arguments.work}: goes on from {arguments.model}")


if __name__ == "__main__":
    main()
