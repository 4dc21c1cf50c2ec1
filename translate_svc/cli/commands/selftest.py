"""``translate-svc selftest``: compares the service's computation with that of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from translate_svc.audio.files import read_audio
from translate_svc.cli import options
from translate_svc.cli.commands.completion import complete_model
from translate_svc.cli.exit_codes import EXIT_ERROR, UsageError
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument
from translate_svc.languages import Language, LanguageTable
from translate_svc.server_info import language_table
from translate_svc.types import Samples

if TYPE_CHECKING:
    from translate_svc.models.placement import Placement
    from translate_svc.models.selftest.comparison import Case, Comparison
    from translate_svc.models.selftest.tolerance import Tolerance
    from translate_svc.models.speech_model import ModelFamily
    from translate_svc.models.tokenizer import Tokenizer

_CLIPS = ("eng", "spa")
_TEXTS = (
    ("eng", "Where is the station?"),
    ("spa", "¿Dónde está la estación?"),
)
_TARGETS = ("eng", "spa", "cmn", "fra", "deu")
"""Preferred targets: the languages of the clips, and one in another script."""
_MAX_TARGETS = 3


def selftest(
    model: Annotated[
        str | None,
        typer.Option(
            help="Directory, hub id, or a name inside --model-cache.", autocompletion=complete_model
        ),
    ] = None,
    model_cache: Annotated[str | None, typer.Option(help="Directory of named models.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = None,
    dtype: Annotated[str | None, typer.Option(help="auto, float32, bfloat16, float16 or int8.")] = None,
) -> None:
    """Compare this service's computation with that of transformers, on packaged clips and texts.

    Exits with 0 if all stages are equal within the tolerance shown, with 1 if a stage differs. A model that
    was pulled in int8 alone has no original to compare with: its stages run, and its texts are shown.
    """
    flags = {"model": model, "model_cache": model_cache, "device": device, "dtype": dtype}
    settings = Settings.load(flags)
    # imported here because they load torch and transformers
    from translate_svc.models.checkpoint.identity import find_checkpoint
    from translate_svc.models.checkpoint.weight_index import stored_weights
    from translate_svc.models.reference import quiet
    from translate_svc.models.registry import open_checkpoint
    from translate_svc.models.selftest.tolerance import tolerance

    quiet()
    console = Console(highlight=False)
    with options.named_as_given(flags):
        folder = find_checkpoint(settings.model, Path(settings.model_cache))
    placement = _placement(settings, folder)
    family = open_checkpoint(folder)
    tokenizer = family.tokenizer()
    languages = language_table(family.capabilities)
    _print_model(console, family, languages, placement)
    if stored_weights(folder).int8_alone:
        _translate_alone(console, family, _cases(family, languages), placement)
        return
    allowed = tolerance(placement)
    found = _compare(console, family, _cases(family, languages), allowed, placement)
    console.print(_table(found))
    _print_texts(console, found, tokenizer)
    _print_summary(console, found, allowed)
    if any(each.difference for each in found):
        raise typer.Exit(EXIT_ERROR)


def _placement(settings: Settings, folder: Path) -> Placement:
    from translate_svc.models.checkpoint.weight_index import stored_weights
    from translate_svc.models.placement import resolve_placement

    try:
        return resolve_placement(settings.device, settings.dtype, stored_weights(folder))
    except InvalidArgument as error:
        raise UsageError(error.description, field=f"--{error.field}") from error


def _compare(
    console: Console,
    family: ModelFamily,
    cases: Sequence[Case],
    allowed: Tolerance,
    placement: Placement,
) -> list[Comparison]:
    from translate_svc.models.selftest.comparison import compare, expectations, new_model

    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("transformers", total=2 * len(cases))
        expected = expectations(family, cases, placement, lambda: progress.advance(task))
        progress.update(task, description="this service")
        ours = new_model(family, cases, placement)
        found: list[Comparison] = []
        for case, wanted in zip(cases, expected, strict=True):
            found.append(compare(family, ours, case, wanted, allowed))
            progress.advance(task)
    return found


def _translate_alone(
    console: Console,
    family: ModelFamily,
    cases: Sequence[Case],
    placement: Placement,
) -> None:
    from translate_svc.models.selftest import uncompared
    from translate_svc.models.selftest.comparison import new_model

    console.print(
        "[bold]Nothing is compared:[/bold] the model was pulled in int8 alone, and transformers needs the "
        "original weights. To compare, pull it without --dtype int8.",
        soft_wrap=True,
    )
    model, tokenizer = new_model(family, cases, placement), family.tokenizer()
    found = [uncompared.translate(tokenizer, model, case) for case in cases]
    for each in found:
        said = each.problem or f"{_text(each.token_ids, tokenizer)} [dim]{each.samples} samples[/dim]"
        console.print(f"{each.case.language} from {each.case.name}: {said}", soft_wrap=True)
    broken = sum(bool(each.problem) for each in found)
    console.print(f"{len(found) - broken} of {len(found)} were translated, with finite numbers throughout.")
    if broken:
        raise typer.Exit(EXIT_ERROR)


def _cases(family: ModelFamily, languages: LanguageTable) -> list[Case]:
    """All clips, and the texts whose language the model reads, into up to three languages each."""
    from translate_svc.models.selftest.comparison import Case

    targets, tokenizer = _targets(languages), family.tokenizer()
    cases = []
    for name in _CLIPS:
        samples = _read_clip(name)
        cases += [
            Case(f"{name} speech", samples, each.code, _speaker(each), name)
            for each in targets
            if each.translated or each.code == name
        ]
    for code, text in _TEXTS:
        if languages.find(code) is None or not family.capabilities.reads_text:
            continue
        tokens = tokenizer.source_tokens(text, code)
        cases += [
            Case(f"{code} text", tokens, each.code, _speaker(each)) for each in targets if each.code != code
        ]
    return cases


def _targets(languages: LanguageTable) -> list[Language]:
    """The first target languages: those with speech first, then in the order of ``_TARGETS``."""
    known = [each for each in languages if each.text]
    preferred = {code: index for index, code in enumerate(_TARGETS)}
    known.sort(key=lambda each: (not each.speech_out, preferred.get(each.code, len(preferred)), each.code))
    return known[:_MAX_TARGETS]


def _speaker(language: Language) -> int | None:
    return language.speaker_ids[0] if language.speech_out else None


def _read_clip(name: str) -> Samples:
    clip = resources.files("translate_svc").joinpath(f"data/selftest/{name}.flac")
    with resources.as_file(clip) as path:
        samples, _ = read_audio(path)  # 16 kHz, as the model needs it
        return samples


def _print_model(
    console: Console, family: ModelFamily, languages: LanguageTable, placement: Placement
) -> None:
    from translate_svc.models.checkpoint.identity import read_identity
    from translate_svc.models.checkpoint.weight_index import stored_weights

    identity = read_identity(family.path)
    speaking = [each for each in languages if each.speech_out]
    voices = sum(len(each.speaker_ids) for each in speaking)
    parameters = stored_weights(family.path).parameters / 1e6
    console.print(
        f"{identity.name} {identity.revision[:12]}, licence {identity.license or 'not stated'}: "
        f"{parameters:.1f} M parameters; {len(family.capabilities.text_languages)} languages in text, "
        f"{len(speaking)} in speech, {voices} voices. "
        f"Computing in {placement.dtype_name} on {placement.device}.",
        soft_wrap=True,
    )


def _table(found: Sequence[Comparison]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in (
        "source",
        "into",
        "tokens",
        "log p",
        "units",
        "samples",
        "waveform",
        "ours ms",
        "theirs ms",
        "",
    ):
        table.add_column(heading, justify="left" if heading in ("source", "into", "") else "right")
    for each in found:
        speaks = each.samples > 0
        table.add_row(
            each.case.name,
            each.case.language,
            f"{len(each.token_ids)}",
            f"{each.log_probability_difference:.0e}",
            f"{each.units}" if each.units else "-",
            f"{each.samples}" if speaks else "-",
            f"{each.waveform_difference:.0e}" if speaks else "-",
            f"{sum(each.stage_ms.values()):.0f}",
            f"{each.reference_ms:.0f}",
            _remark(each),
        )
    return table


def _print_texts(console: Console, found: Sequence[Comparison], tokenizer: Tokenizer) -> None:
    for each in found:
        text = _text(each.token_ids, tokenizer)
        console.print(f"[dim]{each.case.language} from {each.case.name}:[/dim] {text}", soft_wrap=True)


def _text(token_ids: Sequence[int], tokenizer: Tokenizer) -> str:
    return "".join(map(tokenizer.id_to_piece, token_ids)).replace(chr(0x2581), " ").strip()


def _remark(comparison: Comparison) -> str:
    if comparison.difference:
        return f"[red]{comparison.difference}[/red]"
    remarks = ["equal"]
    if comparison.ties:
        remarks.append(f"{comparison.ties} near ties")
    if not comparison.finished:
        remarks.append("cut at the token limit: text alone")
    elif comparison.unit_similarity < 1:
        remarks.append(f"units {comparison.unit_similarity:.1%} alike")
    return ", ".join(remarks)


def _print_summary(console: Console, found: Sequence[Comparison], allowed: Tolerance) -> None:
    stages: dict[str, float] = {}
    for each in found:
        for stage, duration_ms in each.stage_ms.items():
            stages[stage] = stages.get(stage, 0.0) + duration_ms
    console.print("Ours by stage: " + ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in stages.items()))
    console.print(
        f"Allowed: log-probabilities of tokens within {allowed.log_probability:g}, units "
        f"{allowed.unit_similarity:.0%} alike, samples within {allowed.waveform:g}.",
        soft_wrap=True,
    )
    steps, ties = sum(each.steps for each in found), sum(each.ties for each in found)
    agreeing = f"{steps - ties} of {steps} next tokens are those of transformers"
    if ties:
        agreeing += (
            f", which preferred its own by {max(each.tie_margin for each in found):.2f} at most elsewhere"
        )
    console.print(agreeing + ".", soft_wrap=True)
    different = sum(bool(each.difference) for each in found)
    spoken = sum(each.samples > 0 for each in found)
    if different:
        console.print(f"[bold red]{different} of {len(found)} differ.[/bold red]")
    else:
        aloud = f", {spoken} of them in speech" if spoken else ""
        console.print(f"[bold green]All {len(found)} are equal{aloud}.[/bold green]")
