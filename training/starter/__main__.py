"""All stages of the starter checkpoint: `python -m training.starter` (or `make starter`).

Each stage keeps its result in build/starter/ and is skipped or resumed when run again. On two cores the whole
takes about an hour and a half, most of it in the text stage.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np

from training.starter import curves, tokenizer
from training.starter.corpus import TextSource
from training.starter.grammar import Grammar

_SHARDS, _EASY_SHARDS = 56, 16
_TOKENIZER_SENTENCES = 20_000


def make_tokenizer(work: Path) -> None:
    """Trains the tokenizer on a seeded draw of training sentences, unless it is there."""
    if (work / "tokenizer" / tokenizer.MODEL_FILE_NAME).exists():
        return
    source, rng = TextSource(Grammar.load(), held_out=False), np.random.default_rng(0)
    pairs = [source.draw(rng, 1, "eng") for _ in range(_TOKENIZER_SENTENCES)]
    tokenizer.train(
        [text for pair in pairs for text in (pair.source_text, pair.target_text)], work / "tokenizer"
    )


def run_stage(module: str, *options: str) -> subprocess.Popen[bytes]:
    print(f"starter: {module} {' '.join(options)}", flush=True)
    return subprocess.Popen([sys.executable, "-m", f"training.starter.{module}", *options])


def wait(*stages: subprocess.Popen[bytes]) -> None:
    failed = [stage.args for stage in stages if stage.wait() != 0]
    if failed:
        raise SystemExit(f"starter: failed: {failed}; run again to resume")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--workers", type=int, default=2, help="cores to use")
    parser.add_argument("--text-minutes", type=float, default=60.0)
    parser.add_argument("--vocoder-minutes", type=float, default=30.0)
    parser.add_argument("--t2u-minutes", type=float, default=15.0, help="and of refining the speech encoder")
    arguments = parser.parse_args()
    make_tokenizer(arguments.work)
    work, workers = ("--work", str(arguments.work)), arguments.workers
    for options in (("--shards", str(_SHARDS)), ("--easy", "--shards", str(_EASY_SHARDS))):
        wait(*(run_stage("corpus", *work, *options, "--worker", f"{i}/{workers}") for i in range(workers)))
    wait(run_stage("units", "--out", str(arguments.work / "units.npz")))
    parallel = ("--workers", str(workers))
    easy = ("--easy-minutes", str(arguments.text_minutes / 4))
    wait(run_stage("train_text", *work, *parallel, *easy, "--minutes", str(arguments.text_minutes)))
    wait(
        run_stage("train_t2u", *work, "--minutes", str(arguments.t2u_minutes)),
        run_stage("train_text", *work, "--refine", "--minutes", str(arguments.t2u_minutes)),
    )
    wait(run_stage("train_vocoder", *work, "--minutes", str(arguments.vocoder_minutes)))
    wait(run_stage("assemble", *work))
    curves.plot(arguments.work, Path(__file__).parent / "curves")


if __name__ == "__main__":
    main()
