"""``translate-svc doctor``: what this machine can do, and which of the installed models it can serve."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from translate_svc.cli.commands.completion import complete_model
from translate_svc.cli.options import named_as_given
from translate_svc.config import Settings
from translate_svc.errors import CheckpointError, InvalidArgument
from translate_svc.memory_limits import memory_to_hold

if TYPE_CHECKING:
    from translate_svc.engine.options import EngineLimits
    from translate_svc.models.machine.memory_estimate import MemoryEstimate
    from translate_svc.models.placement import Placement

_GB = 1e9
_CLIP = "eng"
_ROWS = 8
_SMALL_WEIGHTS = 500_000_000
"""Bytes. A model up to this size is loaded and translates a clip; of a larger one only products are timed."""


def doctor(
    model: Annotated[
        str | None,
        typer.Option(help="Only this one: directory, hub id, or name.", autocompletion=complete_model),
    ] = None,
    model_cache: Annotated[str | None, typer.Option(help="Directory of named models.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = None,
    dtype: Annotated[str | None, typer.Option(help="auto, float32, bfloat16, float16 or int8.")] = None,
    max_slots: Annotated[int | None, typer.Option(help="As serve takes it.")] = None,
) -> None:
    """Tell what this machine can do: processor, memory, and for each model whether it fits and its speed.

    A small model translates a clip. Of a large one the matrix products are timed, which takes half a minute;
    the figures then say what is possible at best. Works without a model too. Exits with 1 if the
    model of --model cannot be served; that it does not fit is an answer.
    """
    from translate_svc.models.checkpoint.identity import find_checkpoint

    flags = {
        "model": model,
        "model_cache": model_cache,
        "device": device,
        "dtype": dtype,
        "max_slots": max_slots,
    }
    settings = Settings.load(flags)
    console = Console(highlight=False)
    _print_machine(console, Path(settings.model_cache))
    with named_as_given(flags):
        if model:
            _print_model(console, find_checkpoint(model, Path(settings.model_cache)), settings)
        else:
            _print_installed(console, settings)


def _print_machine(console: Console, model_cache: Path) -> None:
    from translate_svc.models.machine.description import compute_threads, gpus, processor_features

    features = ", ".join(processor_features()) or "none that matter"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    console.print(
        f"processor: {platform.machine()}; cores: {cores}, threads: {compute_threads()}; {features}"
    )
    held = memory_to_hold()
    if held is not None:
        free = (held.limit_bytes - held.used_bytes) / _GB
        console.print(f"memory: {free:.1f} GB free, bounded by {held.limit}")
    disk = next(each for each in (model_cache, *model_cache.absolute().parents) if each.is_dir())
    console.print(f"disk: {shutil.disk_usage(disk).free / _GB:.0f} GB free for models in {model_cache}")
    for gpu in gpus() or ["none that PyTorch can use"]:
        console.print(f"GPU: {gpu}")


def _print_installed(console: Console, settings: Settings) -> None:
    """Tells of every model. One that cannot be served says why, and stops no other."""
    from translate_svc.models.checkpoint.identity import find_checkpoint
    from translate_svc.models.store.catalog import read_catalog

    cache = Path(settings.model_cache)
    entries = read_catalog(cache)
    if not entries:
        console.print("No model is installed: translate-svc pull facebook/seamless-m4t-v2-large")
    for entry in entries:
        reason = entry.error
        if not reason:
            try:
                _print_model(console, find_checkpoint(entry.name, cache), settings)
            except CheckpointError as error:
                reason = str(error)
        if reason:
            console.print(f"\n{entry.name}: {reason}", soft_wrap=True, markup=False)


def _print_model(console: Console, folder: Path, settings: Settings) -> None:
    from translate_svc.models.checkpoint.weight_index import stored_weights
    from translate_svc.models.placement import resolve_placement
    from translate_svc.models.registry import open_checkpoint

    family = open_checkpoint(folder)
    placement = resolve_placement(settings.device, settings.dtype, stored_weights(folder))
    limits = settings.engine_limits(
        model_tokens=family.capabilities.max_text_positions, device=placement.device
    )
    estimate = family.memory_estimate(limits.model_limits, placement)
    chosen = f"{placement.dtype_name} on {placement.device}: {placement.reason}"
    console.print(Text.assemble("\n", (folder.name, "bold"), f": {chosen}"), soft_wrap=True)
    fits = _fits(estimate, placement, limits)
    verdict = "fits" if fits else "does not fit: fewer --max-slots or a smaller --dtype"
    console.print(f"  {verdict}. With {limits.max_slots} slots it needs {estimate}", soft_wrap=True)
    if not fits:
        return
    if placement.device != "cpu":
        console.print("  Its speed on a GPU is not estimated: make gpu measures it")
    elif estimate.weights <= _SMALL_WEIGHTS:
        _print_speeds(console, "translating a clip", *asyncio.run(_translated(folder, settings)), settings)
    else:
        console.print("  timing products of its sizes, half a minute ...")
        estimate_s = family.speed_estimate(placement, min(limits.max_slots, _ROWS))
        text, speech = (estimate_s.part_of_real_time(speech=speech) for speech in (False, True))
        speaks = bool(family.capabilities.speech_languages)
        how = "at best, by its matrix products"
        _print_speeds(console, how, text, speech if speaks else None, settings)


def _fits(estimate: MemoryEstimate, placement: Placement, limits: EngineLimits) -> bool:
    """What ``serve`` would say."""
    from translate_svc.assembly import check_memory

    try:
        check_memory(estimate, placement, limits)
    except InvalidArgument:
        return False
    return True


def _print_speeds(console: Console, how: str, text: float, speech: float | None, settings: Settings) -> None:
    """``speech`` None: the model does not speak."""
    share = settings.capacity_options().target_load
    parts = [(text, "for text", "in text")]
    if speech is not None:
        parts.append((speech, "with speech", "with speech"))
    times = ", ".join(
        f"{part:.2f} {of}" if index else f"{part:.2f} of real time {of}"
        for index, (part, of, _) in enumerate(parts)
    )
    streams = ", ".join(f"{int(share / part)} {of}" for part, _, of in parts)
    console.print(f"  {how}: {times}")
    console.print(
        f"  live streams that speak without a pause, at a load of {share:.0%}: {streams}", soft_wrap=True
    )


async def _translated(folder: Path, settings: Settings) -> tuple[float, float | None]:
    """Parts of real time of the shipped clip: text, and with speech. The second run of each counts."""
    from translate_svc.audio.files import read_audio
    from translate_svc.cli.backends.local_backend import LocalBackend
    from translate_svc.types import StreamSettings, TargetSettings

    with resources.as_file(resources.files("translate_svc") / f"data/selftest/{_CLIP}.flac") as clip:
        samples, rate_hz = read_audio(clip)
    chosen = {name: getattr(settings, name) for name in ("model_cache", "device", "dtype", "max_slots")}
    backend = LocalBackend(chosen | {"model": str(folder)})
    targets = [each.code for each in await backend.languages() if each.speech_out]
    target = next((code for code in targets if code != _CLIP), _CLIP)
    parts: list[float] = []
    async with backend.open() as translator:
        for speech in (False, True) if targets else (False,):
            wanted = StreamSettings(targets=(TargetSettings(target, speech=speech),))
            for _ in range(2):
                started = time.perf_counter()
                async with translator.stream(wanted, rate_hz) as stream:
                    stream.feed([samples])
                    async for _event in stream:
                        pass
            parts.append((time.perf_counter() - started) / (len(samples) / rate_hz))
    return parts[0], parts[1] if targets else None
