from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from translate_svc.engine.options import EngineLimits
from translate_svc.engine.request import Request, SequenceSpec
from translate_svc.engine.validation import validate
from translate_svc.errors import InvalidArgument, OutOfRange


@dataclasses.dataclass(frozen=True)
class FakeAbilities:
    text_languages: tuple[str, ...] = ("eng", "spa", "amh")
    speech_languages: tuple[str, ...] = ("eng", "spa")
    speaker_count: int = 4


GOOD = Request(
    "a",
    np.zeros(1_600, np.float32),
    (SequenceSpec("amh", speaker_id=-1), SequenceSpec("spa", speech=True, speaker_id=3, duration_factor=2.0)),
)


def replace_samples(samples: object) -> Request:
    return dataclasses.replace(GOOD, source=samples)  # type: ignore[arg-type]


def replace_second(**changes: object) -> Request:
    second = dataclasses.replace(GOOD.sequences[1], **changes)  # type: ignore[arg-type]
    return dataclasses.replace(GOOD, sequences=(GOOD.sequences[0], second))


def with_sample(value: float) -> Request:
    samples = np.zeros(1_600, np.float32)
    samples[800] = value
    return replace_samples(samples)


def test_a_good_request_passes() -> None:
    validate(GOOD, EngineLimits(), FakeAbilities())
    validate(replace_samples(np.zeros(480_000, np.float32)), EngineLimits(), FakeAbilities())


@pytest.mark.parametrize(
    ("request_", "field", "error"),
    [
        (dataclasses.replace(GOOD, request_id=""), "request_id", InvalidArgument),
        (dataclasses.replace(GOOD, sequences=()), "sequences", InvalidArgument),
        (dataclasses.replace(GOOD, sequences=GOOD.sequences * 9), "sequences", OutOfRange),
        (replace_samples(np.zeros((2, 1_600), np.float32)), "source", InvalidArgument),
        (replace_samples(np.zeros(1_600, np.float64)), "source", InvalidArgument),
        (replace_samples(np.zeros(1_599, np.float32)), "source", OutOfRange),
        (replace_samples(np.zeros(480_001, np.float32)), "source", OutOfRange),
        (with_sample(np.nan), "source", InvalidArgument),
        (with_sample(-np.inf), "source", InvalidArgument),
        (replace_second(language="xxx"), "sequences[1].language", InvalidArgument),
        (replace_second(language="amh"), "sequences[1].language", InvalidArgument),
        (replace_second(speaker_id=4), "sequences[1].speaker_id", OutOfRange),
        (replace_second(speaker_id=-1), "sequences[1].speaker_id", OutOfRange),
        (replace_second(duration_factor=0.4), "sequences[1].duration_factor", OutOfRange),
        (replace_second(duration_factor=float("nan")), "sequences[1].duration_factor", OutOfRange),
    ],
)
def test_a_bad_one_is_refused_by_the_name_of_its_field(
    request_: Request, field: str, error: type[InvalidArgument]
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        validate(request_, EngineLimits(), FakeAbilities())
    assert caught.value.field == field
    assert type(caught.value) is error
