"""All stages of the starter checkpoint: `python -m training.starter` (or `make starter`).

It begins with nothing, or with a finished checkpoint (`--from model_cache/starter`), whose vocoder and units
are kept. Then the weights of the text stage become the average of that checkpoint's and the trained ones.

Each stage keeps its result in build/starter/ and is skipped or resumed when run again, so the work may be
spread over days. On two cores the whole takes about four hours, most of it in the text stage; on a GPU
(`--device cuda`) it should take minutes: on an H100 a step of the text stage takes 0.1 s, with eleven times
the speech of a CPU's. That stage needs no synthesizer where tokenizer, shards and held-out sets of
build/starter/ have been carried over.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np

from training.starter import take_up, tokenizer, train_text
from training.starter.examples.texts import TextSource
from training.starter.grammar import Grammar

_TOKENIZER_TEXTS = 20_000


def make_tokenizer(work: Path) -> None:
    """Trains the tokenizer on a seeded draw of training sentences, unless it is there."""
    if (work / "tokenizer" / tokenizer.MODEL_FILE_NAME).exists():
        return
    source, rng = TextSource(Grammar.load()), np.random.default_rng(0)
    texts = [source.draw(rng, 1).texts() for _ in range(_TOKENIZER_TEXTS)]
    tokenizer.train([text for by_language in texts for text in by_language.values()], work / "tokenizer")


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
    parser.add_argument("--from", dest="model", type=Path, help="a finished checkpoint to go on from")
    parser.add_argument("--workers", type=int, default=2, help="cores to use")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--text-minutes", type=float, default=160.0)
    parser.add_argument("--vocoder-minutes", type=float, default=60.0)
    parser.add_argument("--t2u-minutes", type=float, default=20.0, help="and of refining a new encoder")
    parser.add_argument("--tokenizer-only", action="store_true", help="stop when the tokenizer is there")
    arguments = parser.parse_args()
    if arguments.model is not None and not (arguments.work / train_text.WEIGHTS_FILE_NAME).exists():
        take_up.take_up(arguments.model, arguments.work)
    make_tokenizer(arguments.work)
    if arguments.tokenizer_only:
        return
    wait(run_stage("units", "--out", str(arguments.work / "units.npz")))
    work = ("--work", str(arguments.work), "--device", arguments.device)
    corpus_workers = arguments.workers if arguments.model else max(1, arguments.workers - 1)
    corpus = ("--work", str(arguments.work), *(("--easy-shards", "0") if arguments.model else ()))
    stages = [
        run_stage("corpus", *corpus, "--worker", f"{index}/{corpus_workers}")
        for index in range(corpus_workers)
    ]
    if arguments.model is None:
        stages.append(run_stage("train_vocoder", *work, "--minutes", str(arguments.vocoder_minutes)))
    wait(*stages)
    parallel = ("--workers", str(arguments.workers if arguments.device == "cpu" else 1))
    loaders = () if arguments.device == "cpu" else ("--loaders", str(max(1, arguments.workers - 1)))
    wait(run_stage("train_text", *work, *parallel, *loaders, "--minutes", str(arguments.text_minutes)))
    t2u = ("train_t2u", *work, "--minutes", str(arguments.t2u_minutes))
    if arguments.model is None:
        refining = ("train_text", *work, "--run", "refine", "--minutes", str(arguments.t2u_minutes))
        wait(run_stage(*t2u), run_stage(*refining))
    else:
        wait(run_stage("average", "--work", str(arguments.work), "--from", str(arguments.model)))
        wait(run_stage(*t2u, *parallel))
    wait(run_stage("evaluate_text", "--work", str(arguments.work)))
    wait(run_stage("assemble", "--work", str(arguments.work)))


if __name__ == "__main__":
    main()
