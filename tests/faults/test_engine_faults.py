"""Faults of engine, detector and clock in a real server: bystanders notice nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from tests.cli.process import served
from tests.faults.bystanders import BystanderOutput, listen, speak
from tests.faults.faulty_server import DETECTOR_FAULT
from translate_svc.client import AsyncClient
from translate_svc.errors import TranslateSvcError, TranslationFailed
from translate_svc.types import Stage


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served("tests.faults.faulty_server") as found:
        yield found


@pytest.fixture(scope="module")
def undisturbed(address: str) -> BystanderOutput:
    heard = asyncio.run(speak(address))
    assert heard.complete
    assert len(heard.statuses) == 3
    return heard


async def ask(client: AsyncClient, text: str) -> str:
    """The translation of ``text``, or the name of the error that came in its place."""
    try:
        return (await client.translate(text=text, source="en", targets=["es"]).result()).text["spa"]
    except TranslateSvcError as error:
        return type(error).__name__


async def beside(address: str, *texts: str) -> tuple[list[BystanderOutput], set[str]]:
    """What two streams hear while others ask for ``texts`` over and over, and what those are answered."""
    answers: set[str] = set()

    async def keep_asking(text: str) -> None:
        async with AsyncClient(address) as client:
            while True:
                answers.add(await ask(client, text))

    asking = [asyncio.create_task(keep_asking(text)) for text in texts]
    heard = await asyncio.gather(speak(address), speak(address))
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    return list(heard), answers


@pytest.mark.parametrize("kind", ["raises", "memory"])
async def test_a_request_that_fails_in_any_stage_fails_alone(
    address: str, undisturbed: BystanderOutput, kind: str
) -> None:
    heard, answers = await beside(address, *(f"fault {stage.value} {kind}" for stage in Stage))
    assert answers == {TranslationFailed.__name__}
    for each in heard:
        each.assert_same(undisturbed)


async def test_results_that_are_not_finite_fail_alone(address: str, undisturbed: BystanderOutput) -> None:
    heard, answers = await beside(address, "fault decode nan", "fault text_to_unit nan")
    assert answers == {TranslationFailed.__name__}
    for each in heard:
        each.assert_same(undisturbed)


async def test_a_batch_that_fails_as_a_whole_costs_nobody_anything(
    address: str, undisturbed: BystanderOutput
) -> None:
    heard, answers = await beside(address, *(f"fault {stage.value} batch" for stage in Stage))
    assert TranslationFailed.__name__ not in answers
    for each in heard:
        each.assert_same(undisturbed)


async def test_the_detector_fails_one_stream_alone(address: str, undisturbed: BystanderOutput) -> None:
    async def provoke() -> None:
        async with (
            AsyncClient(address) as client,
            client.stream(targets=["es"], source="en", sample_rate_hz=16_000) as stream,
        ):
            await stream.send(np.full(16_000, DETECTOR_FAULT, np.float32))
            await listen(stream)

    provoking = [provoke() for _ in range(20)]
    heard, *failures = await asyncio.gather(speak(address), *provoking, return_exceptions=True)
    assert isinstance(heard, BystanderOutput)
    heard.assert_same(undisturbed)
    assert all(isinstance(each, TranslateSvcError) for each in failures)


@pytest.mark.parametrize("seconds", [10_800, -21_600])
async def test_setting_the_wall_clock_costs_nobody_anything(
    address: str, undisturbed: BystanderOutput, seconds: int
) -> None:
    heard, answers = await beside(address, f"fault clock {seconds}")
    assert TranslationFailed.__name__ not in answers
    for each in heard:
        each.assert_same(undisturbed)
