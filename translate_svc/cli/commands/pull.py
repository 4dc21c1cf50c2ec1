"""``translate-svc pull``: downloads a published checkpoint after the user has accepted its licence."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from translate_svc.cli.exit_codes import EXIT_ERROR, UsageError
from translate_svc.config import Settings
from translate_svc.models.store.sizes import size_text

if TYPE_CHECKING:
    from translate_svc.models.store.hub import PullPlan


_LINE_EVERY_S = 30.0


def pull(
    hub_id: Annotated[str, typer.Argument(help="For example facebook/seamless-m4t-v2-large.")],
    model_cache: Annotated[str | None, typer.Option(help="Directory of named models.")] = None,
    revision: Annotated[str, typer.Option(help="Branch, tag or commit.")] = "main",
    dtype: Annotated[
        str | None,
        typer.Option(help="int8: keep this form alone, for a CPU; a third of the size.", metavar="int8"),
    ] = None,
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="Accept the model's licence without a question.")
    ] = False,
) -> None:
    """Download a model from a Hugging Face hub, verify it, and store it for --model.

    Only safetensors, JSON, the SentencePiece model and the card are downloaded, never a pickle. An
    interrupted pull continues where it stopped. HF_ENDPOINT sets another hub, HF_TOKEN your token. With
    --dtype int8 each file of the weights is reduced as it comes, and removed.
    """
    # imported here because they need the extra "server"
    from translate_svc.models.store.hub import Hub
    from translate_svc.models.store.pull import pull as download
    from translate_svc.models.store.pull import pulled

    if dtype not in (None, "int8"):
        raise UsageError("must be int8; without it the weights stay as they are", field="--dtype")
    if not revision.strip():
        raise UsageError("must be a branch, a tag or a commit", field="--revision")
    int8 = dtype == "int8"
    console = Console(highlight=False)
    cache = Path(Settings.load({"model_cache": model_cache}).model_cache)
    hub = Hub()
    plan = hub.plan(hub_id, revision)
    console.print(f"{hub_id} at {plan.revision[:12]}: {len(plan.files)} files, {size_text(plan.size)}")
    _print_license(console, plan)
    if not accept_license and not _accepted():
        console.print("Nothing was downloaded.")
        raise typer.Exit(EXIT_ERROR)

    if pulled(plan, cache, int8=int8):
        console.print(f"Already in {cache}, verified.")
    else:
        with _progress(console, plan.size) as advance:
            path = download(hub, plan, cache, advance, int8=int8)
        console.print(f"Verified, in {path}.", soft_wrap=True)
    console.print(f"Serve it: translate-svc serve --model {hub_id}", soft_wrap=True)
    console.print(f"Does it fit, how fast is it here: translate-svc doctor --model {hub_id}", soft_wrap=True)


def _print_license(console: Console, plan: PullPlan) -> None:
    page = f"{plan.endpoint}/{plan.hub_id}"
    if not plan.license:
        console.print(f"[bold]Its card states no licence.[/bold] Read {page} first.", soft_wrap=True)
        return
    use = "; [bold]not for commercial use[/bold]" if _is_non_commercial(plan.license) else ""
    console.print(f"Licence: [bold]{plan.license}[/bold]{use}. Publisher: {page}", soft_wrap=True)


def _is_non_commercial(license: str) -> bool:
    return "nc" in license.lower().split("-")


def _accepted() -> bool:
    if not sys.stdin.isatty():
        print("translate-svc: to accept the licence without a terminal: --accept-license", file=sys.stderr)
        return False
    try:
        return typer.confirm("Do you accept it?", default=False)
    except typer.Abort:  # the terminal was closed, or Ctrl-C
        print()
        return False


@contextmanager
def _progress(console: Console, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Yields the callback for new bytes: it draws a bar on a terminal that can, which one with
    ``TERM=dumb`` cannot, else writes a line every 30 s.
    """
    if not console.is_interactive:
        yield PullLines(total_bytes, time.monotonic).add
        return
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=console) as progress:
        task = progress.add_task("downloading", total=total_bytes)
        yield lambda count: progress.advance(task, count)


class PullLines:
    """How far a download is, for a log: a Job of many minutes must not look as if it hung."""

    def __init__(self, total_bytes: int, clock: Callable[[], float]) -> None:
        """``clock``: seconds that only go forward."""
        self._total_bytes = total_bytes
        self._done_bytes = 0
        self._clock = clock
        self._line_s = clock()

    def add(self, count: int) -> None:
        """Counts new bytes, and prints a line if it is time for one."""
        self._done_bytes += count
        if self._clock() - self._line_s >= _LINE_EVERY_S:
            self._line_s = self._clock()
            print(f"{self._done_bytes / 1e9:.2f} of {self._total_bytes / 1e9:.2f} GB", flush=True)
