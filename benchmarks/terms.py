"""What terms do to translations, and what they cost: ``python -m benchmarks.terms``.

Held-out sentences of the starter, typed and spoken, in all directions. A term asks for another noun of the
same class and gender in the place of one that the source says.

* Said: the share of translations that contain the asked word.
* Rest: BLEU with the asked word in the reference, beside BLEU of the translation without terms.
* Transcribed: the share of clips whose transcript says the term; no other one can be said.
* Changed: the share of texts that a glossary changes of which the source says no word.
* Heard: the share of speeches in whose transcript, by the model itself, the asked word is; beside that of its
  own word without terms.
* Cost: process time with a glossary beside that without, in turns.

Writes benchmarks/results/terms.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from benchmarks.quality.clip import load_clips
from benchmarks.quality.measures.scores import text_scores
from benchmarks.quality.pipeline import PipelineOutput, settings_for, translate_all, translate_text
from benchmarks.quality.report import ROOT
from benchmarks.quality.sets import grammar, written_texts
from training.starter.grammar import LANGUAGES, Language
from translate_svc.config import Settings
from translate_svc.service import Service
from translate_svc.types import SimultaneousSettings, TargetSettings, Term

_CLIPS = ROOT / "tests" / "data" / "quality"
_RESULTS = ROOT / "benchmarks" / "results" / "terms.json"
_UNSAID = tuple(Term(f"{letter}{end}ium", "tahona") for letter in "bcdfgklmnp" for end in ("al", "en", "ir"))
"""A glossary of words that no sentence says."""


@dataclass(frozen=True, slots=True)
class Case:
    """``own``: what the reference has. ``asked``: what the term has in its place."""

    source: str
    target: str
    content: Any
    reference: str
    own: str
    asked: str
    term: Term

    @property
    def expected(self) -> str:
        """The reference with the asked word."""
        return re.sub(rf"\b{re.escape(self.own)}\b", self.asked, self.reference, count=1)


def says(text: str, word: str) -> bool:
    """Whether a text has a word."""
    return re.search(rf"\b{re.escape(word)}\b", text) is not None


def cases(
    content: Any, texts: dict[str, str], source: Language, rng: random.Random, most: int = 1
) -> Iterator[Case]:
    """At most ``most`` for each other language."""
    nouns = [
        entry
        for entry in grammar().lexicon.entries()
        if all(entry.words[code].is_noun and entry.words[code].features.number == "s" for code in LANGUAGES)
    ]
    for target in (code for code in LANGUAGES if code != source):
        said = [
            entry
            for entry in nouns
            if says(texts[source], entry.words[source].text) and says(texts[target], entry.words[target].text)
        ]
        for entry in rng.sample(said, min(most, len(said))):
            own = entry.words[target]
            others = [
                other.words[target].text
                for other in nouns
                if other.class_name == entry.class_name
                and other.words[target].features.gender == own.features.gender
                and other.words[target].text not in texts[target]
                and " " not in other.words[target].text
            ]
            if others:
                asked = rng.choice(others)
                term = Term(entry.words[source].text, asked, target)
                yield Case(source, target, content, texts[target], own.text, asked, term)


def typed(count: int) -> list[Case]:
    """Of ``count`` sentences in each language."""
    rng = random.Random(2026)
    return [
        case
        for source in LANGUAGES
        for texts in written_texts(source, count)
        for case in cases(texts[source], texts, source, rng)
    ]


def spoken(most: int | None) -> list[Case]:
    """Of the shipped clips, one sentence each and several."""
    rng = random.Random(2026)
    found = [
        case
        for name in ("one", "several")
        for clip in load_clips(_CLIPS, name)
        for case in cases(clip.samples, dict(clip.texts), cast("Language", clip.language), rng, most=3)
    ]
    return found if most is None else rng.sample(found, min(most, len(found)))


async def translated_texts(
    service: Service, some: Sequence[Case], *, terms: bool, speech: bool = False
) -> list[PipelineOutput]:
    """Typed cases, a call each."""
    calls = [
        translate_text(
            service,
            case.content,
            case.source,
            [TargetSettings(case.target, speech=speech)],
            terms=(case.term, *_UNSAID) if terms else (),
        )
        for case in some
    ]
    return [await call for call in calls]


async def translated_clips(
    service: Service,
    some: Sequence[Case],
    glossary: str,
    *,
    simultaneous: bool = False,
    transcript: bool = False,
) -> list[PipelineOutput]:
    """``glossary``: ``none``, ``said``, or ``unsaid``: one of which the source says nothing."""
    jobs = []
    for case in some:
        terms = {"none": (), "said": (case.term, *_UNSAID), "unsaid": _UNSAID}[glossary]
        wanted = settings_for(case.source, [case.target], transcript=transcript)
        live = SimultaneousSettings() if simultaneous else None
        jobs.append((case.content, replace(wanted, terms=terms, simultaneous=live)))
    return await translate_all(service, jobs)


def figures(some: Sequence[Case], plain: Sequence[str], made: Sequence[str]) -> dict[str, float]:
    """Of translations without and with the terms."""
    said = [says(text, case.asked) for case, text in zip(some, made, strict=True)]
    own = text_scores([case.reference for case in some], plain).bleu
    rest = text_scores([case.expected for case in some], made).bleu
    return {"count": len(some), "said": 100 * sum(said) / len(said), "bleu": own, "rest": rest}


def changed(plain: Sequence[str], other: Sequence[str]) -> float:
    """Percent of texts that differ."""
    return 100 * sum(a != b for a, b in zip(plain, other, strict=True)) / len(plain)


def texts_of(some: Sequence[Case], outputs: Sequence[PipelineOutput]) -> list[str]:
    """The translations."""
    return [each.translations.get(case.target, "") for case, each in zip(some, outputs, strict=True)]


async def heard(service: Service, some: Sequence[Case]) -> dict[str, float]:
    """Percent of speeches in which the model hears the asked word, and its own word without terms."""
    found = {}
    for name, terms in (("own", False), ("asked", True)):
        spoken_texts = await translated_texts(service, some, terms=terms, speech=True)
        jobs = [
            (each.speech[case.target], settings_for(case.target, [], transcript=True))
            for case, each in zip(some, spoken_texts, strict=True)
        ]
        transcripts = [each.transcript.casefold() for each in await translate_all(service, jobs)]
        words = [case.own if name == "own" else case.asked for case in some]
        hits = [says(text, word.casefold()) for text, word in zip(transcripts, words, strict=True)]
        found[name] = 100 * sum(hits) / len(hits)
    return found


async def cost(service: Service, some: Sequence[Case], rounds: int) -> dict[str, float]:
    """Process time of speech to text with a glossary beside that without, in turns; the median."""
    ratios: dict[str, list[float]] = {"said": [], "unsaid": []}
    for _ in range(rounds):
        taken = {}
        for glossary in ("none", "said", "unsaid"):
            began_s = time.process_time()
            await translated_clips(service, some, glossary)
            taken[glossary] = time.process_time() - began_s
        for name, each in ratios.items():
            each.append(taken[name] / taken["none"])
    return {name: sorted(each)[len(each) // 2] for name, each in ratios.items()}


async def measure(model: str, count: int, most: int | None, rounds: int) -> dict[str, dict[str, float]]:
    """All figures."""
    written, clips = typed(count), spoken(most)
    async with Service.start(Settings(model=model, max_slots=32, measure_capacity=False)) as service:
        found: dict[str, dict[str, float]] = {}
        plain, made = [
            texts_of(written, await translated_texts(service, written, terms=terms))
            for terms in (False, True)
        ]
        found["typed"] = figures(written, plain, made)
        plain, made, other = [
            texts_of(clips, await translated_clips(service, clips, glossary))
            for glossary in ("none", "said", "unsaid")
        ]
        found["spoken"] = figures(clips, plain, made) | {"changed": changed(plain, other)}
        transcribed = await translated_clips(service, clips, "said", transcript=True)
        heard_in = [
            says(each.transcript, case.term.source) for case, each in zip(clips, transcribed, strict=True)
        ]
        found["spoken"]["transcribed"] = 100 * sum(heard_in) / len(heard_in)
        plain, made, other = [
            texts_of(clips, await translated_clips(service, clips, glossary, simultaneous=True))
            for glossary in ("none", "said", "unsaid")
        ]
        found["simultaneous"] = figures(clips, plain, made) | {"changed": changed(plain, other)}
        found["heard"] = await heard(service, written[:: max(1, len(written) // 60)])
        found["cost"] = await cost(service, clips[:48], rounds)
    return found


def main() -> None:
    """Prints the tables and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default=str(ROOT / "model_cache" / "starter"))
    parser.add_argument("--count", type=int, default=40, help="typed sentences of each language")
    parser.add_argument("--clips", type=int, help="at most so many spoken cases")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments.model, arguments.count, arguments.clips, arguments.rounds))
    table = Table("what", *("count", "said", "bleu", "rest", "transcribed", "changed"))
    for name in ("typed", "spoken", "simultaneous"):
        row = found[name]
        table.add_row(name, *(f"{row[key]:.1f}" if key in row else "" for key in row_names(table)))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"heard: {found['heard']}; cost: {found['cost']}")
    _RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def row_names(table: Table) -> list[str]:
    """The columns after the first one."""
    return [str(column.header) for column in table.columns[1:]]


if __name__ == "__main__":
    main()
