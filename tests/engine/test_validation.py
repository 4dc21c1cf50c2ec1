from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.validation import validate
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.heard_language import LanguageQuestion
from translate_svc.types import Term

LIMITS = EngineLimits(max_source_tokens=5)


@dataclasses.dataclass(frozen=True)
class FakeCapabilities:
    text_languages: tuple[str, ...] = ("eng", "spa", "amh")
    speech_languages: tuple[str, ...] = ("eng", "spa")
    speaker_count: int = 4


GOOD = Request(
    "a",
    np.zeros(1_600, np.float32),
    (SequenceSpec("amh", speaker_id=-1), SequenceSpec("spa", speech=True, speaker_id=3, duration_factor=2.0)),
)

BEAMS = SequenceSpec("eng", num_beams=6)


def replace(**changes: object) -> Request:
    return dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]


def replace_samples(samples: object) -> Request:
    return replace(source=samples)


def replace_second(**changes: object) -> Request:
    second = dataclasses.replace(GOOD.sequences[1], **changes)  # type: ignore[arg-type]
    return dataclasses.replace(GOOD, sequences=(GOOD.sequences[0], second))


def with_sample(value: float) -> Request:
    samples = np.zeros(1_600, np.float32)
    samples[800] = value
    return replace_samples(samples)


def replace_text(text: object, language: object = "eng") -> Request:
    return replace(source=SourceText(text, language))  # type: ignore[arg-type]


def check(request: Request) -> None:
    validate(request, LIMITS, FakeCapabilities(), FakeTokenizer(("eng", "spa", "amh")))


def test_a_good_request_passes() -> None:
    check(GOOD)
    check(replace_samples(np.zeros(480_000, np.float32)))
    check(replace_text("one two two"))
    check(replace_text("one" + " " * 77))
    longest = LIMITS.max_slot_tokens - 3  # prompt and end
    check(replace_second(speech=False, given_token_ids=(5,) * longest))
    check(replace_second(speech=False, given_text="one two"))
    check(replace_second(given_text="one two"))


@pytest.mark.parametrize(
    ("request_", "field", "error"),
    [
        (dataclasses.replace(GOOD, request_id=""), "request_id", InvalidArgument),
        (dataclasses.replace(GOOD, sequences=()), "sequences", InvalidArgument),
        (dataclasses.replace(GOOD, sequences=GOOD.sequences * 9), "sequences", OutOfRange),
        (
            dataclasses.replace(GOOD, sequences=(SequenceSpec("eng", num_beams=6),) * 3),
            "sequences",
            OutOfRange,
        ),
        (replace_second(num_beams=0), "sequences[1].num_beams", OutOfRange),
        (replace_second(num_beams=9), "sequences[1].num_beams", OutOfRange),
        (replace_second(length_penalty=float("nan")), "sequences[1].length_penalty", OutOfRange),
        (replace_second(alternatives=True), "sequences[1].alternatives", InvalidArgument),
        (replace_samples(np.zeros((2, 1_600), np.float32)), "source", InvalidArgument),
        (replace_samples([0.0] * 1_600), "source", InvalidArgument),
        (replace_samples(None), "source", InvalidArgument),
        (replace_samples(np.zeros(1_600, np.float64)), "source", InvalidArgument),
        (replace_samples(np.zeros(1_599, np.float32)), "source", OutOfRange),
        (replace_samples(np.zeros(480_001, np.float32)), "source", OutOfRange),
        (with_sample(np.nan), "source", InvalidArgument),
        (with_sample(-np.inf), "source", InvalidArgument),
        (replace_text("one two two two"), "source", OutOfRange),
        (replace_text("one" + " " * 78), "source", OutOfRange),
        (replace_text(""), "source", InvalidArgument),
        (replace_text(" \n\t"), "source", InvalidArgument),
        (replace_text("one \udc80"), "source", InvalidArgument),
        (replace_text("one", "xxx"), "source.language", InvalidArgument),
        (replace_text("one", ""), "source.language", InvalidArgument),
        (replace_second(language="xxx"), "sequences[1].language", InvalidArgument),
        (replace_second(language="amh"), "sequences[1].language", InvalidArgument),
        (replace_second(speaker_id=4), "sequences[1].speaker_id", OutOfRange),
        (replace_second(speaker_id=-1), "sequences[1].speaker_id", OutOfRange),
        (replace_second(duration_factor=0.4), "sequences[1].duration_factor", OutOfRange),
        (
            replace_second(speech=False, given_text="one " * LIMITS.max_slot_tokens),
            "sequences[1].given_text",
            OutOfRange,
        ),
        (
            replace_second(speech=False, given_token_ids=(5,) * (LIMITS.max_slot_tokens - 2)),
            "sequences[1].given_token_ids",
            OutOfRange,
        ),
        (replace_second(duration_factor=float("nan")), "sequences[1].duration_factor", OutOfRange),
        (replace(request_id=5), "request_id", InvalidArgument),
        (replace(caller=["a"]), "caller", InvalidArgument),
        (replace(sequences=None), "sequences", InvalidArgument),
        (replace(sequences="eng"), "sequences", InvalidArgument),
        (replace(sequences=(None,)), "sequences[0]", InvalidArgument),
        (replace(terms=(None,)), "terms[0]", InvalidArgument),
        (replace(terms=(Term(None),)), "terms[0].source", InvalidArgument),  # type: ignore[arg-type]
        (replace(transcript="0"), "transcript", InvalidArgument),
        (replace(question=5), "question", InvalidArgument),
        (replace(question=LanguageQuestion({"eng": "1"})), "question.prior", InvalidArgument),  # type: ignore[dict-item]
        (replace_text(None), "source.text", InvalidArgument),
        (replace_text(b"one"), "source.text", InvalidArgument),
        (replace_text("one", None), "source.language", InvalidArgument),
        (replace_second(language=None), "sequences[1].language", InvalidArgument),
        (replace_second(speaker_id="0"), "sequences[1].speaker_id", InvalidArgument),
        (replace_second(duration_factor=None), "sequences[1].duration_factor", InvalidArgument),
        (replace_second(guards=None), "sequences[1].guards", InvalidArgument),
        (replace_second(num_beams=2.5), "sequences[1].num_beams", InvalidArgument),
        (replace_second(given_token_ids=(1, "x")), "sequences[1].given_token_ids[1]", InvalidArgument),
        (replace_second(given_text="one \udc80"), "sequences[1].given_text", InvalidArgument),
        (replace_second(not_from=5), "sequences[1].not_from", InvalidArgument),
    ],
)
def test_a_bad_one_is_refused_by_the_name_of_its_field(
    request_: Request, field: str, error: type[InvalidArgument]
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check(request_)
    assert caught.value.field == field
    assert type(caught.value) is error


def test_what_a_caller_said_is_in_no_message() -> None:
    for text in ("tres" * 30, "tres tres tres tres", "tres \udc80"):
        with pytest.raises(InvalidArgument) as caught:
            check(replace_text(text))
        assert "tres" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
