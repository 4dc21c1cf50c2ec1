"""What a grammarian would mark in a sentence: agreement and spelling, by lists and patterns of their own.

Nothing here knows how the sentences are made. Each rule is a pattern of what is wrong and one of where it
could be wrong, so that a test can tell that the rule was put to use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from training.starter.grammar import Language


@dataclass(frozen=True, slots=True)
class Rule:
    """`wrong` matches a mistake, `place` a sentence where the mistake could be."""

    language: Language
    wrong: re.Pattern[str]
    place: re.Pattern[str]


def _rule(language: Language, wrong: str, place: str) -> Rule:
    return Rule(language, re.compile(wrong, re.IGNORECASE), re.compile(place, re.IGNORECASE))


def _any(words: str) -> str:
    return f"(?:{'|'.join(words.split())})"


_GERMAN = {
    "m": _any("""Bahnhof Flughafen Koffer Schlüssel Zug Bus Strand Park Supermarkt Mantel Pullover Rucksack
        Regenschirm Schal Hut Rock Kaffee Tee Salat Tisch Stuhl Termin Vertrag Bericht Aufzug"""),
    "f": _any("""Apotheke Bank Bibliothek Kirche Brücke Bäckerei Toilette Tasche Brille Brieftasche Jacke Hose
        Suppe Pizza Dusche Rechnung Kreditkarte Party Besprechung Kamera Heizung Küche U-Bahn"""),
    "n": _any("""Hotel Museum Restaurant Krankenhaus Theater Schloss Postamt Hemd Kleid Handy Ticket Bier
        Sandwich Steak Zimmer Bett Buch Flugzeug Angebot Doppelzimmer Medikament"""),
}
_FRENCH = {
    "m": _any("""train billet passeport musée parc marché restaurant supermarché manteau sac pantalon lit
        vol métro café thé sandwich fromage pain poulet poisson téléphone livre rendez-vous bus"""),
    "f": _any("""gare banque pharmacie bibliothèque plage valise clé chemise jupe robe veste bière soupe
        viande voiture chambre douche réunion carte table chaise fête montre glace tête gorge jambe place"""),
}
_SPANISH = {
    "m": _any("""hotel banco museo aeropuerto mercado parque restaurante pasaporte billete reloj abrigo
        bolso paraguas café té bocadillo pescado pollo queso tren autobús avión vuelo teatro"""),
    "f": _any("""estación farmacia biblioteca playa iglesia plaza maleta llave cartera cámara camisa falda
        bufanda cerveza ensalada sopa carne habitación cama ducha mesa silla cuenta reunión cita cabeza"""),
}
_GERMAN_NOUN = f"(?:{'|'.join(_GERMAN.values())})"
_GERMAN_I = r"(?:\w+e|bin|kann|will|muss|mag|weiß|darf|soll|war)\b"
_ENGLISH_BASE = _any(
    "am are have do go want like need live work speak know take play feel drink eat pay read see"
)
_ENGLISH_THIRD = _any(
    "is has does goes wants likes needs lives works speaks knows takes plays feels drinks eats"
)
_VOWEL = r"(?:[aeiouàâéèêëîïôûœ]|h(?!amburger|uit))"

# Words that cannot stand before a singular noun of a gender, in any case.
_BEFORE_NOUNS = (
    _rule(
        "deu",
        rf"\b{_any('die das eine einer zur ins meine meiner keine Ihre')} {_GERMAN['m']}\b",
        _GERMAN["m"],
    ),
    _rule(
        "deu",
        rf"\b{_any('den dem das ein einen zum vom im am ins mein kein Ihr')} {_GERMAN['f']}\b",
        _GERMAN["f"],
    ),
    _rule(
        "deu",
        rf"\b{_any('der den die eine einen zur meine keine keinen Ihre')} {_GERMAN['n']}\b",
        _GERMAN["n"],
    ),
    _rule("fra", rf"\b{_any('la une cette ma ')} {_FRENCH['m']}(?![\w-])", _FRENCH["m"]),
    _rule("fra", rf"\b{_any('le un ce mon du au')} {_FRENCH['f']}(?![\w-])", _FRENCH["f"]),
    _rule("spa", rf"\b{_any('la una esta nuestra otra')} {_SPANISH['m']}\b", _SPANISH["m"]),
    _rule("spa", rf"\b{_any('el un este nuestro otro al del')} {_SPANISH['f']}\b", _SPANISH["f"]),
)
_ENGLISH_RULES = (
    _rule("eng", r"\ba (?=[aeiou])(?!uni|use|euro|one\b)|\ban (?![aeiou]|hour)", r"\ban? \w"),
    _rule(
        "eng", rf"^(?:he|she|laura|david|my (?:father|sister|wife|son)) {_ENGLISH_BASE}\b", r"^(?:he|she) "
    ),
    _rule("eng", rf"^(?:I|you|we|my parents|my children) {_ENGLISH_THIRD}\b", r"^(?:we|you|my parents) "),
    _rule(
        "eng", rf"\b(?:this|a) {_any('shoes pants glasses boots')}\b|\bthese (?:coat|shirt)\b", r"\bthese "
    ),
    _rule(
        "eng", r"\b(?:do|does|did|will|can) not (?:\w+[^s\W]s|had|went|bought)\b", r"\b(?:do|does|did) not\b"
    ),
)
_SPANISH_RULES = (
    _rule("spa", r"\b(?:de|a) el\b|\by h?i(?!e)\w|\bo h?o", r"\b(?:del|al)\b"),
    _rule("spa", r"^mis (?:padres|hijos) (?:no )?+(?:se )?+\w*[^n\s] ", r"^mis (?:padres|hijos) "),
    _rule("spa", r"^(?:mi \w+|él|ella|usted|laura) (?:no )?+(?:se )?+\w+n ", r"^(?:mi \w+|usted|él|ella) "),
    _rule(
        "spa", r"\b(?:gafas|botas) \w+os\b|\b(?:zapatos|pantalones) \w*(?:as|j[oa]|anc[oa])\b", r"\bzapatos "
    ),
)
_FRENCH_RULES = (
    _rule("fra", rf"\b(?:le|la|je|me|te|se|de|ne|que) (?!oui\b){_VOWEL}", r"\b(?:[ljmtdn]|qu)'"),
    _rule("fra", r"\b(?:[ljmtsdn]|qu)'(?:[bcdfgjklmnpqrstvwxz]|hamburger|huit|onze)", r"\b(?:[ljdn]|qu)'"),
    _rule("fra", r"\bde les?\b|(?<!-)\bà les?\b|\bsi ils?\b", r"\b(?:du|des|au|aux)\b"),
    _rule("fra", rf"\b(?:ce|ma|ta|sa|nouveau|vieux) {_VOWEL}", r"\b(?:ce|ma) "),
    _rule(
        "fra", r"^mes (?:parents|enfants) (?:ne |n')?+(?:se |s')?+\w++(?<!nt)", r"^mes (?:parents|enfants) "
    ),
    _rule("fra", r"^vous (?:ne |n')?+(?:vous )?+(?!êtes|dites|faites)\w++(?<!ez)", r"^vous "),
    _rule("fra", r"^nous (?:ne |n')?+(?:nous )?+(?!sommes)\w++(?<!ons)", r"^nous "),
    _rule("fra", r"^(?:je |j')(?:ne |n')?+(?:me )?+\w+(?:ons|ez|ent) ", r"^(?:je |j')"),
)
_GERMAN_RULES = (
    _rule("deu", rf"^ich (?!auch\b|{_GERMAN_I})", r"^ich "),
    _rule("deu", r"^(?:wir|meine (?:eltern|kinder)) (?!\w+n\b|sind\b)", r"^(?:wir|meine (?:eltern|kinder)) "),
    _rule(
        "deu",
        r"^(?:er|laura|david|mein \w+|meine (?:frau|mutter|schwester)) (?!kann)\w+n ",
        r"^(?:er|mein \w+) ",
    ),
    _rule(
        "deu",
        rf"\b{_any('mit aus von zu bei seit nach')} {_any('den das die einen eine mein')} {_GERMAN_NOUN}\b",
        r"\b(?:mit|aus|von|zur|zum|bei) ",
    ),
    _rule(
        "deu",
        rf"\b{_any('für ohne gegen durch')} {_any('der dem einem einer meinem')} {_GERMAN_NOUN}\b",
        r"\b(?:für|ohne|gegen) ",
    ),
    _rule("deu", r"\bden (?:kinder|nüsse|schuhe)\b", r"\b(?:kinder|schuhe|nüsse)"),
)

RULES = (*_BEFORE_NOUNS, *_ENGLISH_RULES, *_SPANISH_RULES, *_FRENCH_RULES, *_GERMAN_RULES)
