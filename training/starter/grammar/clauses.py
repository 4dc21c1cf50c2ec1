"""Predicates of data/predicates/ made into templates by the frames of data/clauses.yaml.

A frame is a pattern with names in capitals, which stand for parts of the predicate:
    VERB         the verb as a lemma, so that {VERB@s} is its present and {VERB:inf} its infinitive
    OBJECT       the complement; NEGATED: the complement in a negation
    REFLEXIVE    the reflexive pronoun agreeing with the subject, or nothing
    PERFECT      French, German: the auxiliary of the perfect; PARTICIPLE: the participle. German verbs whose
                 entry has a `past` (haben, sein, modals) are said in that instead: "ich hatte Fieber"
    PARTICLE     German: the separable prefix, or nothing
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from training.starter.grammar.data_files import mapping
from training.starter.grammar.inflection import Inflector
from training.starter.grammar.languages.english import English
from training.starter.grammar.model import LANGUAGES, GrammarError, Language

_PREDICATE_KEYS = {*LANGUAGES, "slots", "moods", "subject", "time", "near", "held_out", "weight"}
_MOOD_KEYS = {*LANGUAGES, "subject", "time", "weight", "also"}
_COMPLEMENT_KEYS = {"verb", "object", "negated"}
_NAME = re.compile(r"\{([A-Z]+)")
_REFLEXIVE: dict[Language, str] = {"spa": "se", "fra": "se", "deu": "sich"}
_PERFECT: dict[Language, tuple[str, str]] = {"fra": ("avoir", "être"), "deu": ("haben", "sein")}


def expand(
    name: str, predicate: Any, moods: Mapping[str, Any], inflectors: Mapping[Language, Inflector], where: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, template as data/templates/ would hold it) for every mood of the predicate."""
    predicate = mapping(predicate, where)
    if not {*LANGUAGES, "moods"} <= predicate.keys() <= _PREDICATE_KEYS:
        raise GrammarError(
            f"{where}: needs {', '.join(LANGUAGES)}, moods; may have {sorted(_PREDICATE_KEYS)}"
        )
    for mood in [*predicate["moods"], *predicate.get("held_out", ())]:
        if mood not in moods or mood not in predicate["moods"]:
            raise GrammarError(f"{where}: no mood {mood!r}")
    values = {
        language: _values(mapping(predicate[language], where), language, inflectors[language], where)
        for language in LANGUAGES
    }
    for mood in predicate["moods"]:
        yield f"{name}/{mood}", _template(predicate, mood, moods[mood], values, inflectors, where)
        if "also" in moods[mood] and "subject" not in predicate:
            frames = {**moods[mood], **moods[mood]["also"]}
            yield f"{name}/{mood}/also", _template(predicate, mood, frames, values, inflectors, where)


def _template(
    predicate: Mapping[str, Any],
    mood: str,
    frames: Mapping[str, Any],
    values: Mapping[Language, Mapping[str, str]],
    inflectors: Mapping[Language, Inflector],
    where: str,
) -> dict[str, Any]:
    if unknown := frames.keys() - _MOOD_KEYS:
        raise GrammarError(f"clauses.yaml: {mood}: unknown keys {sorted(unknown)}")
    slots = dict(predicate.get("slots", {}))
    if taken := slots.keys() & {"s", "t"}:
        raise GrammarError(f"{where}: the slots {sorted(taken)} are the clause's own")
    if time := frames.get("time") or predicate.get("time"):
        slots["t"] = time.replace("when", "when+near") if predicate.get("near") else time
    template: dict[str, Any] = {"slots": slots}
    for language in LANGUAGES:
        frame = frames[language]
        if isinstance(frame, dict):
            english = inflectors[language]
            assert isinstance(english, English)
            frame = frame["auxiliary" if english.is_auxiliary(predicate[language]["verb"]) else "verb"]
        frame = frame if time else frame.replace("{t}", "")
        template[language] = _fill(frame, values[language], f"{where}: {language}: clauses.yaml: {mood}")
    if "subject" in frames:
        slots["s"] = _restricted(frames["subject"], predicate.get("subject"))
    template["weight"] = frames.get("weight", 1.0) * predicate.get("weight", 1.0)
    if mood in predicate.get("held_out", ()):
        template["part"] = "template"
    return template


def _restricted(spec: str, own: str | None) -> str:
    """The subjects that both the mood and the predicate allow."""
    if own is None:
        return spec
    return own + spec.removeprefix(spec.split("+")[0].split("-")[0])


def _fill(frame: str, values: Mapping[str, str], where: str) -> str:
    """The frame with its names in capitals replaced by parts of the predicate."""
    for name in _NAME.findall(frame):
        if name not in values:
            raise GrammarError(f"{where}: the predicate has no {name}")
    whole = re.sub(r"\{([A-Z]+)\}", lambda match: values[match[1]], frame)
    return _NAME.sub(lambda match: "{" + values[match[1]], whole)


def _values(item: Mapping[str, Any], language: Language, inflector: Inflector, where: str) -> dict[str, str]:
    """What stands for the names in capitals."""
    if not {"verb"} <= item.keys() <= _COMPLEMENT_KEYS:
        raise GrammarError(f"{where}: {language}: needs verb; may have object, negated; has {list(item)}")
    if language == "deu" and "negated" not in item:
        raise GrammarError(f"{where}: deu: needs negated, the complement with its negation")
    lemma, reflexive = _plain_verb(item["verb"], language)
    complement = item.get("object", "")
    values = {
        "VERB": lemma,
        "OBJECT": complement,
        "NEGATED": item.get("negated", complement),
        "REFLEXIVE": f"{{{_REFLEXIVE[language]}@s}}" if reflexive else "",
        "PARTICLE": lemma.rpartition("|")[0],
    }
    if language in _PERFECT:
        have, be = _PERFECT[language]
        moves = inflector.verb_entry(lemma).get("aux") == be or (language == "fra" and reflexive)
        values["PERFECT"] = be if moves else have
        agrees = moves and language == "fra"
        values["PARTICIPLE"] = f"{{{lemma}:pp@s}}" if agrees else f"{{{lemma}:pp}}"
        if language == "deu" and "past" in inflector.verb_entry(lemma):
            values |= {"PERFECT": f"{lemma}:past", "PARTICIPLE": values["PARTICLE"]}
    return values


def _plain_verb(verb: str, language: Language) -> tuple[str, bool]:
    """The verb without its reflexive pronoun, and whether it had one."""
    if language == "spa":
        head, space, rest = verb.partition(" ")
        return (head.removesuffix("se") + space + rest, head.endswith(("arse", "erse", "irse", "írse")))
    if language == "fra":
        plain = re.sub("^(?:se |s')", "", verb)
        return plain, plain != verb
    if language == "deu":
        return verb.removeprefix("sich "), verb.startswith("sich ")
    return verb, False
