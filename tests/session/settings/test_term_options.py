"""What terms may be, and what the engine is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from translate_svc.access.resume_tokens import MAX_TOKEN_BYTES, ResumeTokens, TokenBinding
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.languages import packaged
from translate_svc.session.negotiation import Negotiator
from translate_svc.session.resume_point import ResumePoint, first_point, from_plain
from translate_svc.types import BeamSearchSettings, Inspect, StreamSettings, TargetSettings, Term
from translate_svc.vad.options import VadOptions

NEGOTIATOR = Negotiator(
    packaged(), 8, VadOptions(), max_slots=16, characters=frozenset("abcdefghijklmnopqrstuvwxyzñáKB")
)
BAKERY = Term("bakery", "tahona", "es")


def settings(*terms: Term, include: frozenset[Inspect] = frozenset()) -> StreamSettings:
    return StreamSettings((TargetSettings("spa"), TargetSettings("fra")), "eng", include, terms=terms)


def test_terms_bring_a_transcript_that_nobody_gets() -> None:
    made = NEGOTIATOR.negotiate_settings(settings(BAKERY, Term("Kubernetes")), "")
    assert made.settings.terms == (Term("bakery", "tahona", "spa"), Term("Kubernetes"))
    *targets, hidden = made.sequences
    assert made.transcript == 2
    assert (hidden.spec.language, hidden.lanes, hidden.is_transcript) == ("eng", (), True)
    assert all(each.lanes and not each.is_transcript for each in targets)
    asked = NEGOTIATOR.negotiate_settings(settings(BAKERY, include=frozenset({Inspect.TRANSCRIPT})), "")
    assert (len(asked.sequences), asked.transcript, bool(asked.sequences[2].lanes)) == (3, 2, True)
    assert NEGOTIATOR.negotiate_settings(settings(), "").transcript is None
    beams = replace(settings(BAKERY), beam_search=BeamSearchSettings(7))
    assert [each.spec.num_beams for each in NEGOTIATOR.negotiate_settings(beams, "").sequences] == [7, 7, 1]


@pytest.mark.parametrize(
    ("terms", "field", "kind"),
    [
        ((Term("a"),) * 501, "at.terms", OutOfRange),
        ((BAKERY, Term("x" * 65)), "at.terms[1].source", OutOfRange),
        ((BAKERY, Term("x", "y" * 65)), "at.terms[1].target", OutOfRange),
        ((Term(" - "),), "at.terms[0].source", InvalidArgument),
        ((Term("bakery", " "),), "at.terms[0].target", InvalidArgument),
        ((Term("bakery", "ta\nhona"),), "at.terms[0].target", InvalidArgument),
        ((Term("bakery", "пекарня"),), "at.terms[0].target", InvalidArgument),
        ((Term("łódź"),), "at.terms[0].source", InvalidArgument),
        ((Term("bakery", "tahona", "tlh"),), "at.terms[0].language", InvalidArgument),
        ((BAKERY, Term("Bakery", "horno", "spa")), "at.terms[1].source", InvalidArgument),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    terms: tuple[Term, ...], field: str, kind: type[InvalidArgument]
) -> None:
    with pytest.raises(kind) as caught:
        NEGOTIATOR.negotiate_settings(settings(*terms), "at")
    assert caught.value.field == field


def test_terms_need_the_source_language() -> None:
    with pytest.raises(InvalidArgument) as caught:
        NEGOTIATOR.negotiate_settings(replace(settings(BAKERY), source_language=None), "at")
    assert caught.value.field == "at.source_language"


def test_a_resume_token_holds_the_most_and_longest_terms_of_any_script() -> None:
    """Random characters of a script of thousands: nothing that could be compressed."""
    letters = [chr(0x4E00 + 7919 * index % 20_000) for index in range(64 * 1_000)]
    sides = ["".join(letters[start : start + 64]) for start in range(0, len(letters), 64)]
    terms = tuple(Term(*pair, "spa") for pair in zip(sides[::2], sides[1::2], strict=True))
    tokens, binding = ResumeTokens(None, 60), TokenBinding("caller", "formats")
    token = tokens.seal(first_point("s", settings(*terms)).state(), binding)
    assert len(terms) == 500
    assert len(token) <= MAX_TOKEN_BYTES
    assert from_plain(ResumePoint, tokens.open(token, binding)).commit.settings.terms == terms
