"""``translate-svc calibrate``: which heads of a model follow the source, and how sure it is of its texts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from translate_svc.cli import options
from translate_svc.cli.calibration.alignment_clips import read_clips, shipped_folder
from translate_svc.cli.calibration.progress import CalibrationProgress
from translate_svc.cli.commands.completion import complete_model
from translate_svc.cli.exit_codes import UsageError
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument

if TYPE_CHECKING:
    from translate_svc.confidence import ConfidenceRule
    from translate_svc.models.alignment.alignment_file import Alignment
    from translate_svc.models.checkpoint.cascade_options import CascadeOptions
    from translate_svc.models.checkpoint.utterance_lengths import UtteranceLengths
    from translate_svc.models.placement import Placement
    from translate_svc.models.speech_model import ModelFamily


def calibrate(
    model: Annotated[
        str | None,
        typer.Option(
            help="Directory, hub id, or a name inside --model-cache.", autocompletion=complete_model
        ),
    ] = None,
    model_cache: Annotated[str | None, typer.Option(help="Where named models lie.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = None,
    dtype: Annotated[str | None, typer.Option(help="auto, float32, bfloat16, float16 or int8.")] = None,
    clips: Annotated[
        Path | None,
        typer.Option(help="Directory of WAV or FLAC files, instead of the shipped clips."),
    ] = None,
    labelled: Annotated[
        Path | None,
        typer.Option(help="Directory of clips with their texts (clips.json), instead of the shipped ones."),
    ] = None,
    languages: Annotated[
        str | None,
        typer.Option(
            help="Directory of recordings, one directory a language; or 'voices': what the model says itself."
            " Learns to tell the spoken language, and does nothing else."
        ),
    ] = None,
) -> None:
    """Find out how a model translates best: simultaneously, how sure it is, how long utterances may be.

    Translates clips from ever longer beginnings and compares with the whole: which attention heads tell what
    of a translation will last, and how far it must lie before the end of what was heard. Writes
    alignment.json into the model's directory. Then translates clips of which the right texts are known and
    finds out how the probabilities of tokens tell whether a text is right. Writes confidence.json. At last
    cuts them off behind their last sound, and joins them to long recordings: how much must follow the last
    word, and how recordings are best cut. Writes utterances.json. It also finds out whether translations of
    the transcript make translations of speech better, and whether unsure speech is better heard again at
    other speeds. Writes cascade.json.

    With --languages it only learns how the spoken language is told, and writes languages.json.
    """
    flags = {"model": model, "model_cache": model_cache, "device": device, "dtype": dtype}
    settings = Settings.load(flags)
    # imported here because they load torch
    from translate_svc.cli.cascade_trials import said_of_cascade
    from translate_svc.cli.labelled_clips import read_labelled
    from translate_svc.models.alignment.alignment_file import ALIGNMENT_FILE, write_alignment
    from translate_svc.models.checkpoint.cascade_options import CASCADE_FILE, write_cascade_options
    from translate_svc.models.checkpoint.identity import find_checkpoint
    from translate_svc.models.checkpoint.keyed_file import check_same_weights, weights_key
    from translate_svc.models.checkpoint.utterance_lengths import UTTERANCES_FILE, write_lengths
    from translate_svc.models.checkpoint.weight_index import stored_weights
    from translate_svc.models.confidence.confidence_file import CONFIDENCE_FILE, write_confidence
    from translate_svc.models.placement import resolve_placement
    from translate_svc.models.registry import open_checkpoint

    with options.named_as_given(flags):
        folder = find_checkpoint(settings.model, Path(settings.model_cache))
    try:
        placement = resolve_placement(settings.device, settings.dtype, stored_weights(folder))
    except InvalidArgument as error:
        raise UsageError(error.description, field=f"--{error.field}") from error
    # now, and not after hours of work
    if labelled is not None:
        if not labelled.is_dir():
            raise UsageError("is not a directory", field="--labelled")
        read_labelled(labelled)
    if not os.access(folder, os.W_OK):
        raise InvalidArgument("is not writable, and the calibration is kept there", field=str(folder))
    console = Console(highlight=False)
    if languages is not None:
        _learn_languages(folder, placement, languages, console)
        return
    weights = weights_key(folder)
    checkpoint = open_checkpoint(folder)
    alignment = calibrate_checkpoint(checkpoint, placement, clips=clips, console=console)
    check_same_weights(folder, weights)
    write_alignment(checkpoint.path, alignment)
    console.print(_said(alignment), soft_wrap=True)
    console.print(f"Written to {checkpoint.path / ALIGNMENT_FILE}.", soft_wrap=True, markup=False)
    if not checkpoint.capabilities.reads_text:
        console.print(
            f"{CONFIDENCE_FILE}, {UTTERANCES_FILE} and {CASCADE_FILE} are not made: the labelled clips are "
            "for models that translate between several languages.",
            soft_wrap=True,
        )
        return
    rule, lengths, cascade = calibrate_by_labels(
        checkpoint.path, placement, labelled=labelled, console=console
    )
    check_same_weights(folder, weights)
    write_cascade_options(checkpoint.path, cascade)
    console.print(said_of_cascade(cascade), soft_wrap=True)
    console.print(f"Written to {checkpoint.path / CASCADE_FILE}.", soft_wrap=True, markup=False)
    write_confidence(checkpoint.path, rule)
    console.print(_said_of_confidence(rule), soft_wrap=True)
    console.print(f"Written to {checkpoint.path / CONFIDENCE_FILE}.", soft_wrap=True, markup=False)
    write_lengths(checkpoint.path, lengths)
    console.print(
        f"Recordings are cut into utterances of about {lengths.good_ms / 1000:g} s, live speech after "
        f"{lengths.max_ms / 1000:g} s; {lengths.tail_padding_ms} ms of background follow the last sound.",
        soft_wrap=True,
    )
    console.print(f"Written to {checkpoint.path / UTTERANCES_FILE}.", soft_wrap=True, markup=False)


def calibrate_checkpoint(
    checkpoint: ModelFamily, placement: Placement, *, clips: Path | None, console: Console
) -> Alignment:
    """Computes it, and shows on ``console`` how far it is. ``clips`` None: the shipped ones.

    Raises:
        UsageError: the clips cannot be used.
        EngineError: a clip cannot be computed.
    """
    from translate_svc.models.alignment.beginnings import Observer
    from translate_svc.models.alignment.calibration import calibrate as calibrated
    from translate_svc.models.checkpoint.keyed_file import check_same_weights, weights_key
    from translate_svc.models.registry import own_calibration

    weights = weights_key(checkpoint.path)
    known = checkpoint.capabilities
    found = read_clips(clips, known.translation_languages or known.text_languages, known.text_languages)
    observer = Observer(checkpoint, max(len(clip.samples) for clip in found), placement)
    total = sum(observer.translations(clip.samples) for clip in found)
    with CalibrationProgress(console, "translating", total) as progress:
        translations = [
            observer.beginnings(clip.samples, clip.language, progress.advance, clip.source) for clip in found
        ]
        if (own := own_calibration(checkpoint.path)) is not None:
            check_same_weights(checkpoint.path, weights)  # it writes a file, too
            progress.begin("windows", None)
            console.print(
                own(
                    checkpoint,
                    observer,
                    [(each.samples, each.source, each.language) for each in found],
                    progress.advance,
                )
            )
        progress.begin("comparing", 2)
        try:
            return calibrated(translations, progress.advance)
        except ValueError as error:
            raise UsageError(str(error), field="--clips") from error


def calibrate_by_labels(
    model: Path, placement: Placement, *, labelled: Path | None, console: Console
) -> tuple[ConfidenceRule, UtteranceLengths, CascadeOptions]:
    """Computes them through a service of its own, and shows on ``console`` how far it is.

    ``model``: a checkpoint's directory. ``labelled`` None: the shipped clips.

    Raises:
        UsageError: the clips cannot be used, or too few texts are right or wrong.
    """
    from translate_svc.cli.calibration.typed_texts import judged_typed, read_typed, translate_typed
    from translate_svc.cli.cascade_trials import TRIALS, chosen_cascade, measure_words, with_cascade
    from translate_svc.cli.labelled_clips import read_labelled, translate_labelled
    from translate_svc.cli.length_trials import TRIALS as LENGTH_TRIALS
    from translate_svc.cli.length_trials import measure_lengths, measure_tail_padding
    from translate_svc.cli.logs import configure_logs
    from translate_svc.models.confidence.fit import LabelledText, fit_rule, fit_typed
    from translate_svc.service import Service
    from translate_svc.vad.silero import SileroVad

    with shipped_folder() as shipped:
        typed = read_typed(shipped / "typed.json")
        clips = read_labelled(shipped / "labelled" if labelled is None else labelled)
    settings = Settings(
        model=os.path.abspath(model),
        device=placement.device,
        dtype=placement.dtype_name,
        max_utterance_ms=30_000,
        measure_capacity=False,
    )

    configure_logs("error")  # that a calibration is missing is known here

    async def measure(
        advance: Callable[[], None],
    ) -> tuple[list[LabelledText], list[LabelledText], UtteranceLengths, CascadeOptions]:
        bare = replace(settings, tail_padding_ms=0, cascade_weight=0.0, transcript_retries=0)
        async with Service.start(bare) as service:
            tail = await measure_tail_padding(service, clips, advance)
        padded, found = replace(settings, tail_padding_ms=tail.tail_padding_ms), []
        for trial in TRIALS:
            async with Service.start(with_cascade(padded, trial)) as service:
                found.append(await measure_words(service, clips, advance))
        cascade = chosen_cascade(found)
        async with Service.start(with_cascade(padded, cascade)) as service:
            texts = await translate_labelled(service, clips, advance)
            written = await judged_typed(service, await translate_typed(service, typed, advance))
            lengths = await measure_lengths(service, SileroVad(), clips, advance)
            figures = {**tail.figures, **lengths.figures}
            lengths = replace(lengths, tail_padding_ms=tail.tail_padding_ms, figures=figures)
            return texts, written, lengths, cascade

    with CalibrationProgress(
        console, "labelled clips", len(clips) + len(typed) + LENGTH_TRIALS + len(TRIALS)
    ) as progress:
        try:
            texts, written, lengths, cascade = asyncio.run(measure(progress.advance))
            return fit_typed(fit_rule(texts), written), lengths, cascade
        except ValueError as error:
            raise UsageError(str(error), field="--labelled") from error


def _learn_languages(model: Path, placement: Placement, source: str, console: Console) -> None:
    """Writes ``languages.json``. ``source``: a directory, or ``VOICES``. Raises as ``learn_rule``."""
    from translate_svc.cli.calibration import spoken_languages
    from translate_svc.cli.calibration.typed_texts import read_typed
    from translate_svc.models.checkpoint.keyed_file import check_same_weights, weights_key
    from translate_svc.models.registry import open_checkpoint
    from translate_svc.models.spoken_languages.languages_file import LANGUAGES_FILE, write_language_rule
    from translate_svc.server_info import language_table

    weights = weights_key(model)
    with CalibrationProgress(console, "recordings", None) as progress:
        advance = progress.advance
        if source == spoken_languages.VOICES:
            with shipped_folder() as shipped:
                typed = read_typed(shipped / "typed.json")
            clips = spoken_languages.varied(spoken_languages.speak_texts(model, placement, typed, advance))
            learnt_from = "what the model says in its own voices"
        else:
            progress.begin("recordings", spoken_languages.count_files(Path(source)))
            table = language_table(open_checkpoint(model).capabilities)
            clips = spoken_languages.read_folder(Path(source), table)
            learnt_from = "recordings"
        rule = spoken_languages.learn_rule(model, placement, clips, learnt_from, advance)
    check_same_weights(model, weights)
    write_language_rule(model, rule)
    figures = rule.detection.figures
    console.print(
        f"{figures['recordings']:.0f} recordings in {', '.join(rule.detection.languages)}: of those that it "
        f"was not fitted to, {figures['right']:.1%} were told rightly, where "
        f"{figures['said_probability']:.1%} were to be expected. Written to {model / LANGUAGES_FILE}.",
        soft_wrap=True,
    )


def _said(alignment: Alignment) -> str:
    figures = alignment.figures
    judged = f"{figures['drafts']:.0f} drafts, {figures['tokens']:.0f} tokens"
    if not alignment.heads:
        return f"{judged}: no head follows the source. Words are committed when two drafts agree."
    heads = ", ".join(f"{layer}.{head}" for layer, head in alignment.heads)
    return (
        f"{judged}: heads (layer.head) {heads}; patience {alignment.cutoff_frames} frames; "
        f"policy {alignment.policy.value}. {figures['survival']:.1%} of what is committed survives, "
        f"{figures['committed']:.0%} of what survives is committed at once."
    )


def _said_of_confidence(rule: ConfidenceRule) -> str:
    figures, threshold = rule.figures, rule.threshold
    assert threshold is not None, "a calibrated rule has one"
    kind = "with_transcript" if rule.with_transcript is not None else "alone"
    if rule.with_agreement is not None:
        kind = "with_agreement"
    wrong, right = (figures[f"{each}_flagged_{kind}"] for each in ("wrong", "right"))
    return (
        f"{figures['texts']:.0f} texts, {figures['right']:.0f} right: the confidence tells right from wrong "
        f"with an area under the curve of {figures[f'area_{kind}']:.1%}. A text is flagged below "
        f"{threshold.at(10):.2f} if it has 10 tokens, below {threshold.at(30):.2f} if it has 30: "
        f"{wrong:.0%} of the wrong ones, {right:.0%} of the right ones."
    )
