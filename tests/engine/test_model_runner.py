"""The runner on real modules: equal to transformers, unmoved by batch mates, former owners and poison."""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.checkpoints import (
    EOS,
    MAX_NEW_TOKENS,
    Driver,
    Job,
    Translated,
    checkpoint_folder,
    new_runner,
    oracle,
    utterances,
)
from translate_svc.engine.model_runner import ModelRunner
from translate_svc.engine.plan import (
    DecodeItem,
    EncodeItem,
    Failure,
    SequenceKey,
    StepPlan,
    StepResult,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.errors import DeviceLost, InvalidArgument
from translate_svc.models.checkpoint import Checkpoint

LANGUAGES = ("eng", "spa")


def jobs_of(name: str) -> list[Job]:
    """Every utterance, the first one into English, the second into Spanish, and so on; all in slot 0."""
    speakers = Checkpoint.open(checkpoint_folder(name)).speakers
    languages = itertools.cycle(LANGUAGES)
    return [
        Job(samples, language, speakers[language][0], slot=0)
        for samples, language in zip(utterances(name), languages, strict=False)
    ]


def assert_same(ours: Translated, theirs: Translated) -> None:
    assert ours.token_ids == theirs.token_ids
    assert ours.finished == theirs.finished
    np.testing.assert_array_equal(ours.units, theirs.units)
    assert len(ours.samples) == len(theirs.samples) == 320 * len(ours.units)
    np.testing.assert_allclose(ours.samples, theirs.samples, atol=1e-4)


@pytest.mark.parametrize(("name", "enough"), [("tiny", 5), ("starter", 4)])
def test_one_utterance_gives_what_transformers_gives(name: str, enough: int) -> None:
    driver = Driver(name)
    spoken = 0
    for job in jobs_of(name):
        theirs = oracle(name).translate(job.samples, job.language, job.speaker_id)
        (ours,) = driver.translate([job])
        assert ours.token_ids == theirs.token_ids
        assert ours.finished == theirs.finished
        if theirs.finished:
            assert_same(ours, theirs)
        spoken += len(theirs.units) > 0
    assert spoken >= enough, "too few utterances whose speech can be compared"


@pytest.mark.parametrize("name", ["tiny", "starter"])
def test_a_result_does_not_depend_on_its_batch_mates(name: str) -> None:
    alone = Driver(name)
    expected = [alone.translate([job])[0] for job in jobs_of(name)]
    rng = np.random.default_rng(3)
    together = Driver(name)
    for _ in range(3):
        chosen = rng.choice(len(expected), size=min(8, len(expected)), replace=False)
        slots = rng.permutation(8)
        fresh = jobs_of(name)
        jobs = [
            dataclasses.replace(fresh[each], slot=int(slot), start=int(rng.integers(0, 12)))
            for each, slot in zip(chosen, slots, strict=False)
        ]
        for each, ours in zip(chosen, together.translate(jobs), strict=True):
            assert_same(ours, expected[each])


def test_a_slot_tells_nothing_of_its_former_owner() -> None:
    jobs = jobs_of("tiny")
    lived_in, fresh = Driver("tiny", slots=1), Driver("tiny", slots=1)
    longest = max(jobs, key=lambda job: len(job.samples))
    shortest = min(jobs, key=lambda job: len(job.samples))
    lived_in.translate([longest])
    (after,) = lived_in.translate([dataclasses.replace(shortest, token_ids=[], fed=0)])
    (alone,) = fresh.translate([dataclasses.replace(shortest, token_ids=[], fed=0)])
    assert after.token_ids == alone.token_ids
    np.testing.assert_array_equal(after.samples, alone.samples)


def test_one_encoding_serves_several_targets() -> None:
    runner = shared_runner()
    samples = utterances("tiny")[0]
    runner.execute(StepPlan(encode=(EncodeItem("r", samples, (5, 2)),)))
    for sequence, (language, slot) in enumerate((("eng", 5), ("spa", 2))):
        theirs = oracle("tiny").translate(samples, language, 0).token_ids[:4]
        fed = [EOS, text_languages()[language], *theirs]
        said = []
        for position, token_id in enumerate(fed):
            item = DecodeItem(SequenceKey("r", sequence), slot, position, token_id)
            said.append(runner.execute(StepPlan(decode=(item,))).decoded[0].token_id)
        assert tuple(said[1:-1]) == theirs


# ---------------------------------------------------------------- poison


@functools.cache
def shared_runner() -> ModelRunner:
    """One for all tests that encode anew: an encoding wipes its slots, which is tested below."""
    return new_runner("tiny")


@functools.cache
def text_languages() -> dict[str, int]:
    return dict(Checkpoint.open(checkpoint_folder("tiny")).maps.text_languages)


class Scene:
    """Four sequences in slots 0 to 3, all of them fed ``fed`` tokens of their own translations."""

    def __init__(self, fed: int = 6) -> None:
        self.runner = shared_runner()
        self.model: Any = self.runner._model
        self.samples = utterances("tiny")[:4]
        self.keys = [SequenceKey(f"r{slot}", 0) for slot in range(4)]
        self.tokens: list[list[int]] = [[EOS, text_languages()["eng"]] for _ in range(4)]
        self.do(encode=self.encode_items())
        for position in range(fed):
            decoded = self.do(decode=self.decode_items(position)).decoded
            for row, each in zip(self.tokens, decoded, strict=True):
                if position >= 1:
                    row.append(each.token_id)

    def do(self, **items: Any) -> StepResult:
        result = self.runner.execute(StepPlan(**{stage: tuple(each) for stage, each in items.items()}))
        assert not result.failures
        return result

    def encode_items(self) -> list[EncodeItem]:
        return [
            EncodeItem(key.request_id, samples, (slot,))
            for slot, (key, samples) in enumerate(zip(self.keys, self.samples, strict=True))
        ]

    def decode_items(self, position: int) -> list[DecodeItem]:
        return [
            DecodeItem(key, slot, position, self.tokens[slot][position]) for slot, key in enumerate(self.keys)
        ]

    def text_to_unit_items(self, fed: int) -> list[TextToUnitItem]:
        return [
            TextToUnitItem(key, slot, tuple(self.tokens[slot][:fed]), "eng", 1.0)
            for slot, key in enumerate(self.keys)
        ]

    def vocode_items(self) -> list[VocodeItem]:
        rng = np.random.default_rng(0)
        return [
            VocodeItem(key, rng.integers(0, 60, 12 + slot // 2), 0, 12, "eng", slot)
            for slot, key in enumerate(self.keys)
        ]


def nan_in_samples(scene: Scene, victim: int) -> None:
    poisoned = scene.samples[victim].copy()
    poisoned[5_000] = np.nan
    scene.samples = tuple(poisoned if i == victim else s for i, s in enumerate(scene.samples))


def nan_in_source(scene: Scene, victim: int) -> None:
    scene.model._cache.layers[1].cross_values[victim, :, 2] = torch.nan


def nan_in_history(scene: Scene, victim: int) -> None:
    scene.model._cache.layers[0].self_keys[victim, :, 1] = torch.inf


def nan_in_states(scene: Scene, victim: int) -> None:
    scene.model._cache.states[victim, 3] = torch.nan


def nan_in_voice(scene: Scene, victim: int) -> None:
    """The embedding is replaced, not changed: the runner is shared."""
    vocoder = scene.model._vocoder
    vocoder.speaker_embedding = copy.deepcopy(vocoder.speaker_embedding)
    vocoder.speaker_embedding.weight[victim] = torch.nan


def answers(result: StepResult) -> dict[str, Any]:
    """Every answer by request, as something that compares."""
    found: dict[str, Any] = {each.request_id: each.encoder_frames for each in result.encoded}
    found |= {each.key.request_id: (each.token_id, each.log_probability) for each in result.decoded}
    found |= {each.key.request_id: each.units for each in result.units}
    found |= {each.key.request_id: each.samples for each in result.vocoded}
    return found


STAGES: dict[str, Callable[[Scene], dict[str, Any]]] = {
    "encode": lambda scene: {"encode": scene.encode_items()},
    "decode": lambda scene: {"decode": scene.decode_items(6)},
    "text_to_unit": lambda scene: {"text_to_unit": scene.text_to_unit_items(6)},
    "vocode": lambda scene: {"vocode": scene.vocode_items()},
}


@functools.cache
def healthy_answers(stage: str) -> dict[str, Any]:
    scene = Scene()
    return answers(scene.do(**STAGES[stage](scene)))


@functools.cache
def healthy_first_tokens() -> dict[str, int]:
    scene = Scene(fed=2)
    return {key.request_id: row[2] for key, row in zip(scene.keys, scene.tokens, strict=True)}


@pytest.mark.parametrize("victim", range(4))
@pytest.mark.parametrize(
    ("stage", "poison"),
    [
        ("encode", nan_in_samples),
        ("decode", nan_in_source),
        ("decode", nan_in_history),
        ("text_to_unit", nan_in_states),
        ("vocode", nan_in_voice),
    ],
)
def test_nan_fails_its_item_alone(stage: str, poison: Callable[[Scene, int], None], victim: int) -> None:
    expected, first_tokens = healthy_answers(stage), healthy_first_tokens()
    sick = Scene()
    healthy_voice = sick.model._vocoder.speaker_embedding
    with torch.no_grad():
        poison(sick, victim)
    try:
        items = {name: tuple(each) for name, each in STAGES[stage](sick).items()}
        result = sick.runner.execute(StepPlan(**items))
    finally:
        sick.model._vocoder.speaker_embedding = healthy_voice

    sequence = None if stage == "encode" else 0
    assert result.failures == (Failure(f"r{victim}", sequence, stage, "the result is not finite"),)
    found = answers(result)
    assert set(found) == set(expected) - {f"r{victim}"}
    for request_id, answer in found.items():
        np.testing.assert_allclose(answer, expected[request_id], atol=1e-5)
    if stage == "encode":  # what the mates hear is unharmed as well
        for position in (0, 1):
            mates = [item for item in sick.decode_items(position) if item.slot != victim]
            decoded = sick.do(decode=mates).decoded
        assert {each.key.request_id: each.token_id for each in decoded}.items() <= first_tokens.items()


@pytest.mark.parametrize("poison", [nan_in_source, nan_in_history, nan_in_states])
def test_the_next_owner_of_a_poisoned_slot_is_healthy(poison: Callable[[Scene, int], None]) -> None:
    sick = Scene()
    with torch.no_grad():
        poison(sick, 2)
    sick.runner.execute(StepPlan(decode=tuple(sick.decode_items(6))))
    newcomer, twin = SequenceKey("new", 0), SequenceKey("twin", 0)
    sick.do(encode=[EncodeItem("new", sick.samples[0], (2,)), EncodeItem("twin", sick.samples[0], (6,))])
    fed = tuple(sick.tokens[0][:6])
    for position, token_id in enumerate(fed):
        new = sick.do(decode=[DecodeItem(newcomer, 2, position, token_id)]).decoded[0]
        other = sick.do(decode=[DecodeItem(twin, 6, position, token_id)]).decoded[0]
        assert (new.token_id, new.log_probability) == (other.token_id, other.log_probability)
    new_units = sick.do(text_to_unit=[TextToUnitItem(newcomer, 2, fed, "eng", 1.0)]).units[0]
    other_units = sick.do(text_to_unit=[TextToUnitItem(twin, 6, fed, "eng", 1.0)]).units[0]
    np.testing.assert_array_equal(new_units.units, other_units.units)


@pytest.mark.parametrize("stage", list(STAGES))
def test_an_item_that_raises_fails_alone(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    compute = getattr(scene.model, stage)
    calls = []

    def raising(*args: Any, **kwargs: Any) -> Any:
        calls.append(len(args[0]))
        if any(guilty(each) for each in args[0]):
            raise RuntimeError("a caller's words")
        return compute(*args, **kwargs)

    def guilty(each: Any) -> bool:
        if stage == "encode":
            return each is scene.samples[1]
        return {"decode": each, "text_to_unit": getattr(each, "slot", None)}.get(stage) == 1 or (
            stage == "vocode" and each.voice.speaker_id == 1
        )

    monkeypatch.setattr(scene.model, stage, raising)
    items = {name: tuple(each) for name, each in STAGES[stage](scene).items()}
    result = scene.runner.execute(StepPlan(**items))
    assert [failure.request_id for failure in result.failures] == ["r1"]
    assert result.failures[0].error == "RuntimeError", "messages may quote a caller"
    assert set(answers(result)) == {"r0", "r2", "r3"}
    assert calls == [4, 2, 1, 1, 2]


@pytest.mark.parametrize(
    "error", [torch.AcceleratorError("gone"), RuntimeError("CUDA error: an illegal address")]
)
def test_a_lost_device_is_no_items_fault(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()

    def lost(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(scene.model, "decode", lost)
    with pytest.raises(DeviceLost):
        scene.runner.execute(StepPlan(decode=tuple(scene.decode_items(6))))


def test_out_of_memory_is_no_lost_device(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    compute = scene.model.encode

    def small(waveforms: Any, slots: Any) -> Any:
        if len(waveforms) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute(waveforms, slots)

    monkeypatch.setattr(scene.model, "encode", small)
    assert len(scene.do(encode=scene.encode_items()).encoded) == 4


# ---------------------------------------------------------------- what the plan must not ask


def decode_item(scene: Scene, **changes: Any) -> StepPlan:
    return StepPlan(decode=(dataclasses.replace(scene.decode_items(6)[1], **changes),))


def unit_item(scene: Scene, **changes: Any) -> StepPlan:
    return StepPlan(text_to_unit=(dataclasses.replace(scene.text_to_unit_items(6)[1], **changes),))


def vocode_item(scene: Scene, **changes: Any) -> StepPlan:
    return StepPlan(vocode=(dataclasses.replace(scene.vocode_items()[1], **changes),))


def encode_item(scene: Scene, **changes: Any) -> StepPlan:
    return StepPlan(encode=(dataclasses.replace(scene.encode_items()[1], **changes),))


@pytest.mark.parametrize(
    ("plan", "changes", "said"),
    [
        (decode_item, {"key": SequenceKey("r1", 1)}, "slot 1 does not hold this sequence"),
        (decode_item, {"slot": 2}, "slot 2 does not hold this sequence"),
        (decode_item, {"slot": 7}, "slot 7 does not hold this sequence"),
        (decode_item, {"slot": 8}, "slot 8 does not hold this sequence"),
        (decode_item, {"position": 5}, "position 5 is fed after 6 tokens"),
        (decode_item, {"position": 7}, "position 7 is fed after 6 tokens"),
        (decode_item, {"token_id": 100}, "token_id is outside the vocabulary"),
        (decode_item, {"token_id": -1}, "token_id is outside the vocabulary"),
        (unit_item, {"key": SequenceKey("r2", 0)}, "slot 1 does not hold this sequence"),
        (unit_item, {"token_ids": (3, 97, 4, 5, 6, 7)}, "token_ids are not what was fed"),
        (unit_item, {"token_ids": (3, 97)}, "token_ids are not what was fed"),
        (unit_item, {"language": "fra"}, "language 'fra' has no speech"),
        (unit_item, {"duration_factor": 0.0}, "duration_factor must be a positive number"),
        (unit_item, {"duration_factor": float("nan")}, "duration_factor must be a positive number"),
        (unit_item, {"duration_factor": 1e4}, "the text has more than 1024 units"),
        (vocode_item, {"language": "xyz"}, "language 'xyz' has no speech"),
        (vocode_item, {"speaker_id": 6}, "speaker_id 6 is not in [0, 6)"),
        (vocode_item, {"speaker_id": -1}, "speaker_id -1 is not in [0, 6)"),
        (vocode_item, {"end_unit": 13}, "units [0, 13) of 12 do not exist"),
        (vocode_item, {"start_unit": 12}, "units [12, 12) of 12 do not exist"),
        (vocode_item, {"units": np.full(12, 60)}, "units must lie in [0, 60)"),
        (vocode_item, {"units": np.full(12, -3)}, "units must lie in [0, 60)"),
        (encode_item, {"slots": ()}, "slots () do not all exist"),
        (encode_item, {"slots": (8,)}, "slots (8,) do not all exist"),
        (encode_item, {"samples": np.zeros(559, np.float32)}, "samples: shape [559], expected"),
        (encode_item, {"samples": np.zeros(160_001, np.float32)}, "samples: shape [160001], expected"),
        (encode_item, {"samples": np.zeros((1, 16_000), np.float32)}, "samples: shape [1, 16000], expected"),
    ],
)
def test_an_impossible_item_is_answered_by_a_failure(
    plan: Callable[..., StepPlan], changes: dict[str, Any], said: str
) -> None:
    scene = Scene()
    result = scene.runner.execute(plan(scene, **changes))
    (failure,) = result.failures
    assert said in failure.error
    assert not answers(result)
    if plan is not encode_item:
        assert not scene.runner.execute(plan(scene)).failures, "the right item still works"


def test_two_items_of_one_slot_in_a_step_both_fail() -> None:
    scene = Scene()
    item = scene.decode_items(6)[0]
    result = scene.runner.execute(StepPlan(decode=(item, item, *scene.decode_items(6)[1:])))
    assert [failure.error for failure in result.failures] == ["slot 0 is fed twice in one step"] * 2
    assert set(answers(result)) == {"r1", "r2", "r3"}


def test_a_failed_encoding_evicts_the_former_owner() -> None:
    scene = Scene()
    nan_in_samples(scene, 0)
    item = EncodeItem("new", scene.samples[0], (1,))
    assert scene.runner.execute(StepPlan(encode=(item,))).failures
    result = scene.runner.execute(StepPlan(decode=(scene.decode_items(6)[1],)))
    assert result.failures[0].error == "slot 1 does not hold this sequence"


def test_the_cache_ends_at_max_tokens() -> None:
    driver = Driver("tiny")
    longest = max(jobs_of("tiny"), key=lambda job: len(job.samples))
    (translated,) = driver.translate([longest])
    assert not translated.finished
    assert len(translated.token_ids) == MAX_NEW_TOKENS
    item = DecodeItem(SequenceKey("1-0", 0), 0, MAX_NEW_TOKENS + 2, 5)
    result = driver.runner.execute(StepPlan(decode=(item,)))
    assert "is beyond the cache" in result.failures[0].error


# ---------------------------------------------------------------- the rest of the contract


def test_every_item_is_answered_once_and_every_stage_reported() -> None:
    scene = Scene()
    plan = StepPlan(
        encode=(EncodeItem("new", scene.samples[0], (6, 7)),),
        decode=(*scene.decode_items(6)[:2], dataclasses.replace(scene.decode_items(6)[2], position=0)),
        text_to_unit=(scene.text_to_unit_items(6)[3],),
        vocode=tuple(scene.vocode_items()),
    )
    result = scene.runner.execute(plan)
    assert [each.request_id for each in result.encoded] == ["new"]
    assert [each.key.request_id for each in result.decoded] == ["r0", "r1"]
    assert [each.key.request_id for each in result.units] == ["r3"]
    assert [each.key.request_id for each in result.vocoded] == ["r0", "r1", "r2", "r3"]
    assert [each.request_id for each in result.failures] == ["r2"]
    assert [(each.stage, each.batch_size) for each in result.stages] == [
        ("encode", 1),
        ("decode", 3),
        ("text_to_unit", 1),
        ("vocode", 4),
    ]
    assert all(each.duration_ms > 0 for each in result.stages)


def test_an_empty_translation_gives_no_units() -> None:
    """transformers crashes here: a convolution larger than its input."""
    scene = Scene(fed=2)
    made = scene.do(text_to_unit=scene.text_to_unit_items(2)).units
    assert [len(each.units) for each in made] == [0, 0, 0, 0]
    assert all(each.character_durations == () for each in made)


def test_source_time_only_where_asked_and_within_the_source() -> None:
    scene = Scene()
    items = [
        dataclasses.replace(item, attention=slot % 2 == 0) for slot, item in enumerate(scene.decode_items(6))
    ]
    decoded = scene.do(decode=items).decoded
    assert [each.source_ms is None for each in decoded] == [False, True, False, True]
    for each, samples in zip(decoded, scene.samples, strict=True):
        assert each.source_ms is None or 0 <= each.source_ms <= len(samples) / 16


def test_attention_for_one_changes_nobodys_result() -> None:
    expected = healthy_answers("decode")
    asking = Scene()
    items = [dataclasses.replace(item, attention=True) for item in asking.decode_items(6)]
    assert answers(asking.do(decode=items)) == expected


def test_log_probability_is_that_of_the_softmax() -> None:
    scene = Scene(fed=2)
    model = oracle("tiny").model
    samples = scene.samples[0]
    decoded = scene.do(decode=scene.decode_items(2)).decoded[0]
    inputs = oracle("tiny").inputs(samples)
    with torch.no_grad():
        logits = model(**inputs, decoder_input_ids=torch.tensor([scene.tokens[0][:3]])).logits[0, -1]
    best = logits.log_softmax(0).max(0)
    assert decoded.token_id == int(best.indices)
    assert decoded.log_probability == pytest.approx(float(best.values), abs=1e-4)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"max_tokens": 2}, "max_tokens"),
        ({"max_tokens": 257}, "max_tokens"),
        ({"alignment_layer": 3}, "alignment_layer"),
        ({"alignment_layer": -1}, "alignment_layer"),
    ],
)
def test_limits_that_the_checkpoint_cannot_hold_are_refused(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument, match=field):
        new_runner("tiny", **options)
