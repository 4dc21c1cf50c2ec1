"""``translate-svc say``: translates a text, and speaks it on request."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from translate_svc.cli import interrupts, options
from translate_svc.cli.backends.backend import Backend
from translate_svc.cli.backends.connection import ModelFlags
from translate_svc.cli.backends.notice import show_notice
from translate_svc.cli.backends.patience import Patience
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.language_argument import label, match_language
from translate_svc.cli.output.dub_file import check_output
from translate_svc.cli.output.output_file import OutputFiles
from translate_svc.cli.output.sinks import SpeechSink
from translate_svc.cli.output.unsure_texts import UnsureTexts, unsure_mark, with_marks
from translate_svc.cli.source_argument import check_reads_text
from translate_svc.cli.targets import SPEECH_FORMAT, SpeechStyle, target_settings
from translate_svc.cli.term_files import read_terms
from translate_svc.errors import TranslationFailed
from translate_svc.types import (
    BeamSearchSettings,
    GuardSettings,
    StreamWarning,
    TextConfidence,
    TextDelta,
    TranslateRequest,
    UtteranceDone,
    UtteranceStatus,
)


@options.with_flags
def say(
    *,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Text to translate; - for standard input.")],
    to: options.To = (),
    from_: options.FromText = None,
    output: options.Output = None,
    style: SpeechStyle,
    beams: options.Beams = 1,
    terms: options.Terms = None,
    flag_unsure: options.FlagUnsure = True,
    model: ModelFlags,
) -> None:
    """Translate a text and print the translation; with -o, also write it as speech.

    With one target, only the text is printed; sentences that the model is unsure of end in "(unsure: 0.12)".
    With several, each line begins with the language code, and out.wav becomes out.spa.wav, out.fra.wav.

    Examples:
      translate-svc say "Where is the station?" --from en --to es,fr
      translate-svc say "Good morning." --from en --to es --voice 1 --speed 0.8 -o slow.wav
      translate-svc say - --from en --to de -o question.wav < question.txt
    """
    for name, value in (("--to", to), ("--from", from_)):
        if not value:
            raise UsageError("is needed", field=name)
    check_output(output)
    style.check_spoken(output is not None, "--output")
    text = _standard_input() if text == "-" else text
    backend = model.backend()
    saying = _say(
        text.strip(), from_ or "", to, output, style, beams, terms, flag_unsure=flag_unsure, backend=backend
    )
    interrupts.run(saying, terminable=True)


def _standard_input() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is not a text in {error.encoding.upper()}", field="TEXT") from None


async def _say(
    text: str,
    from_: str,
    to: Sequence[str],
    output: Path | None,
    style: SpeechStyle,
    beams: int,
    terms: Path | None,
    *,
    flag_unsure: bool,
    backend: Backend,
) -> None:
    table = await backend.languages()
    check_reads_text(table, "TEXT")
    source = match_language(from_, table, "--from")
    if not source.text:
        raise UsageError(f"the model does not read {label(source)}", field="--from")
    speaks = output is not None
    targets = target_settings(to, table, speech=speaks, must_speak=speaks, spoken=source.code, style=style)
    await show_notice(backend)
    request = TranslateRequest(
        text,
        targets,
        SPEECH_FORMAT,
        source.code,
        guards=GuardSettings(low_confidence=flag_unsure),
        beam_search=BeamSearchSettings(beams) if beams > 1 else None,
        terms=read_terms(terms, source.code, [target.language for target in targets]),
    )
    codes = [target.language for target in targets]
    texts: defaultdict[str, str] = defaultdict(str)
    warned, unsure = UnsureTexts(), dict[str, TextConfidence]()
    with OutputFiles() as files:
        speech = None
        if output is not None:
            speech = SpeechSink(files, output, codes, SPEECH_FORMAT.sample_rate_hz)
        async with backend.open() as translator:
            for event in await Patience().events(translator, request):
                if speech is not None:
                    speech.write(event)
                if isinstance(event, TextDelta):
                    texts[event.language] += event.delta
                elif isinstance(event, StreamWarning):
                    warned.add(event)
                    language = f"{event.language}: " if event.language else ""
                    print(f"{language}{event.code}: {event.message}", file=sys.stderr)
                elif isinstance(event, UtteranceDone):
                    if event.status is UtteranceStatus.FAILED:
                        raise TranslationFailed("the text could not be translated")
                    unsure = {language: value for (_, language), value in warned.take(event).items()}
        if speech is not None:
            speech.finish(0)
    for code in codes:
        print(_line(code if len(codes) > 1 else "", texts[code], unsure.get(code)))


def _line(language: str, text: str, unsure: TextConfidence | None) -> str:
    """``language``: empty if there is one. ``unsure``: the confidence of a text to mark."""
    marked = text if unsure is None else with_marks(text, unsure, lambda value: f"  {unsure_mark(value)}")
    return f"{language}  {marked}" if language else marked
