"""The grammar's machinery on a small grammar of its own: clauses, parts, and errors that name the entry."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from training.starter.grammar import Grammar, GrammarError
from training.starter.grammar.check import violations


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the small grammar, to be broken."""
    return Path(shutil.copytree(Path(__file__).parent / "small_grammar", tmp_path / "data"))


def said(grammar: Grammar) -> dict[str, tuple[str, ...]]:
    """Every sentence: from the English one to the others."""
    return {
        sentence.text["eng"]: tuple(sentence.text.values())[1:]
        for template in grammar.templates
        for bindings in template.all_bindings()
        if (sentence := template.sentence(bindings)) is not None
    }


def test_every_sentence_of_a_small_grammar(folder: Path) -> None:
    grammar = Grammar.load(folder)
    assert said(grammar) == {
        "I open the car.": ("Abro el coche.", "J'ouvre la voiture.", "Ich mache das Auto auf."),
        "I open the key.": ("Abro la llave.", "J'ouvre la clé.", "Ich mache den Schlüssel auf."),
        "Anna opens the car.": ("Anna abre el coche.", "Anna ouvre la voiture.", "Anna macht das Auto auf."),
        "Anna opens the key.": ("Anna abre la llave.", "Anna ouvre la clé.", "Anna macht den Schlüssel auf."),
        "I do not buy a car.": (
            "No compro un coche.",
            "Je n'achète pas de voiture.",
            "Ich kaufe kein Auto ein.",
        ),
        "I do not buy a key.": (
            "No compro una llave.",
            "Je n'achète pas de clé.",
            "Ich kaufe keinen Schlüssel ein.",
        ),
        "Anna does not buy a car.": (
            "Anna no compra un coche.",
            "Anna n'achète pas de voiture.",
            "Anna kauft kein Auto ein.",
        ),
        "Anna does not buy a key.": (
            "Anna no compra una llave.",
            "Anna n'achète pas de clé.",
            "Anna kauft keinen Schlüssel ein.",
        ),
        "I bought a car.": ("Compré un coche.", "J'ai acheté une voiture.", "Ich habe ein Auto eingekauft."),
        "I bought a key.": (
            "Compré una llave.",
            "J'ai acheté une clé.",
            "Ich habe einen Schlüssel eingekauft.",
        ),
        "Anna bought a car.": (
            "Anna compró un coche.",
            "Anna a acheté une voiture.",
            "Anna hat ein Auto eingekauft.",
        ),
        "Anna bought a key.": (
            "Anna compró una llave.",
            "Anna a acheté une clé.",
            "Anna hat einen Schlüssel eingekauft.",
        ),
        "I do not wash.": ("No me lavo.", "Je ne me lave pas.", "Ich wasche mich nicht."),
        "Anna does not wash.": ("Anna no se lava.", "Anna ne se lave pas.", "Anna wäscht sich nicht."),
        "I washed.": ("Me lavé.", "Je me suis lavé.", "Ich habe mich gewaschen."),
        "Anna washed.": ("Anna se lavó.", "Anna s'est lavée.", "Anna hat sich gewaschen."),
        "Hello.": ("Hola.", "Bonjour.", "Hallo."),
        "Good morning.": ("Buenos días.", "Bonjour.", "Guten Morgen."),
    }


def test_check_tells_which_words_only_held_out_templates_say(folder: Path) -> None:
    assert list(violations(Grammar.load(folder), per_template=50)) == [
        "wash/past: held out, with words unknown to training: deu gewaschen, eng washed, fra lavé, fra lavée,"
        " fra s'est, fra suis, spa lavé, spa lavó"
    ]


def test_moods_may_be_held_out(folder: Path) -> None:
    grammar = Grammar.load(folder)
    assert [template.name for template in grammar.templates if template.held_out] == ["wash/past"]
    sampler, rng = grammar.sampler("template"), np.random.default_rng(0)
    assert {sampler.draw(rng).template for _ in range(20)} == {"wash/past"}
    with pytest.raises(GrammarError, match="combination"):  # no template has twelve combinations
        grammar.sampler("combination")


def test_slots_by_tag_and_numbers(folder: Path) -> None:
    lexicon = Grammar.load(folder).lexicon
    assert [entry.key for entry in lexicon.slot("thing+big", "test").entries] == ["car"]
    assert [entry.key for entry in lexicon.slot("thing-big", "test").entries] == ["key"]
    optional = lexicon.slot("thing?", "test")
    assert [entry.key for entry in optional.choices()] == ["", "car", "key"]
    assert [optional.pick(fraction).key for fraction in (0.0, 0.49, 0.5, 0.74, 0.75, 0.99)] == [
        *["", ""],
        *["car", "car"],
        *["key", "key"],
    ]
    last = lexicon.slot("count", "test").entries[-1].words
    assert [word.text for word in last.values()] == [
        "twenty-five",
        "veinticinco",
        "vingt-cinq",
        "fünfundzwanzig",
    ]


def _edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("words/all.yaml", "fra: une clé, ", "", "thing: key: needs a text for each of"),
        ("words/all.yaml", "  key:", "  car:", "'car' is given twice"),
        ("words/all.yaml", "une voiture", "une voiture (m f)", "contradict each other"),
        (
            "templates/all.yaml",
            "{open@s}",
            "{shut@s}",
            r"is_open: eng: \{shut@s\}: 'shut' is no slot, nor a word",
        ),
        ("templates/all.yaml", "{el@o}", "{el@x}", r"is_open: spa: \{el@x\}: no slot 'x'"),
        ("templates/all.yaml", "  slots:", "  plots:", "is_open: needs eng, spa, fra, deu"),
        ("predicates/all.yaml", ', negated: "{kein:acc@o} {o:acc}"', "", "buy: deu: needs negated"),
        (
            "clauses.yaml",
            "{s} {VERB:past@s} {OBJECT}.",
            "{s} {VORB:past@s}.",
            "buy: eng: clauses.yaml: past: .* no VORB",
        ),
        ("stock_phrases.yaml", "said_in: [eng, deu]", "said_in: [eng, ita]", "hello: said_in names some of"),
        ("stock_phrases.yaml", "said_in: [eng, deu]", "part: train", "hello: part is one of"),
        ("morphology/deu.yaml", "[kaufen, machen]", "[kaufen, haben]", "both regular and irregular"),
    ],
)
def test_errors_name_the_entry(folder: Path, file: str, old: str, new: str, named: str) -> None:
    _edit(folder, file, old, new)
    with pytest.raises(GrammarError, match=named) as raised:
        Grammar.load(folder)
    assert Path(file).name in str(raised.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("templates/all.yaml", "{el@o} {o}", "la cosa", "is_open and is_open: spa 'Abro la cosa.' is in eng"),
        ("templates/all.yaml", "{o:acc} auf.", "{o:acc} auf?", "is_open: a question in some languages only"),
        (
            "templates/all.yaml",
            "{s} {open@s} the {o}.",
            "{s} {buy:past@s} a {o}.",
            "buy/past and is_open: eng",
        ),
    ],
)
def test_check_finds_what_loading_cannot(folder: Path, file: str, old: str, new: str, found: str) -> None:
    _edit(folder, file, old, new)
    lines = "\n".join(violations(Grammar.load(folder), per_template=50))
    assert re.search(found, lines), lines
