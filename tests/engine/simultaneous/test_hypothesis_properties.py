"""Random speakers, failures and aborts of hypotheses on the real scheduler: no word is lost, nothing is
left.
"""

from __future__ import annotations

import gc
import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.fakes.fake_runner import FRAME_SAMPLES, FakeRunner, FakeTranslation
from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.events import (
    EngineEvent,
    RequestFinished,
    SequenceFinished,
    TokenDecoded,
    WaveformPiece,
)
from translate_svc.engine.options import EngineLimits, StepBudgets
from translate_svc.engine.plan import SequenceKey
from translate_svc.engine.request import HypothesisRequest, Request
from translate_svc.engine.scheduling.request_state import RequestState
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.scheduling.sequence import SequenceState
from translate_svc.engine.sequence_spec import SequenceSpec, TextGuards
from translate_svc.engine.simultaneous.commit_policy import (
    AlignAtt,
    AlignAttAgreement,
    CommitPolicy,
    LocalAgreement,
)
from translate_svc.engine.simultaneous.hypothesis import (
    HypothesisDecided,
    HypothesisTraits,
    SpeechCarriedOver,
)
from translate_svc.session.simultaneous_options import SimultaneousOptions
from translate_svc.session.utterances.hypothesis_builder import HypothesisBuilder
from translate_svc.types import SAMPLES_PER_UNIT, EncoderSource, Stage

# It computes for seconds; the rest is for a busy machine.
pytestmark = pytest.mark.timeout(600)

WORDS, TOKENS_A_STEP, STEP_SAMPLES = 60, 4, 8_192
TOKENIZER = FakeTokenizer(pieces=(*(f"\u2581w{number}" for number in range(WORDS)), "."))
WORD_IDS, STOP_ID = TOKENIZER.text_ids[:WORDS], TOKENIZER.text_ids[WORDS]
TRAITS = HypothesisTraits(FRAME_SAMPLES, predicting_row=True, context_units=3)
UNGUARDED = TextGuards(repetition_stop=False, length_stop=False, script_check=False)
SPECS = (SequenceSpec("spa", speech=True, guards=UNGUARDED), SequenceSpec("fra", guards=UNGUARDED))
LIVE_STAGES = {Stage.ENCODE, Stage.DECODE, Stage.TEXT_TO_UNIT}

policies = st.sampled_from([LocalAgreement(), AlignAtt(2), AlignAttAgreement(1)])
texts = st.tuples(*[st.lists(st.sampled_from(WORD_IDS), unique=True, min_size=4, max_size=40)] * 2)
failures = st.lists(st.sampled_from((None,) * 5 + tuple(Stage)), min_size=2, max_size=2)
limits = st.builds(
    EngineLimits,
    max_slots=st.integers(2, 6),
    max_slot_tokens=st.just(80),
    budgets=st.builds(
        StepBudgets,
        encode_frames=st.integers(20, 200),
        text_to_unit_tokens=st.integers(4, 40),
        vocode_units=st.integers(2, 30),
    ),
    first_piece_units=st.integers(1, 4),
    max_piece_units=st.integers(4, 9),
    initial_credit_pieces=st.integers(0, 3),
)


@dataclass
class Speaker:
    """One utterance with two targets; ``texts`` holds the text of each."""

    texts: tuple[tuple[int, ...], ...]
    builder: HypothesisBuilder
    steps: int = 0
    running: Request | None = None
    said: tuple[list[int], ...] = field(default_factory=lambda: ([], []))
    spoken_samples: int = 0
    speech_is_whole: bool = True
    failed: set[int] = field(default_factory=set)  # targets of the last hypothesis

    @property
    def ends(self) -> bool:
        assert self.running is not None
        return self.running.is_final


class SpeakersMachine(RuleBasedStateMachine):
    """The rules drive speakers, whose hypotheses share one scheduler. ``teardown`` checks that all was
    freed.
    """

    names = itertools.count()

    @initialize(limits=limits)
    def start(self, limits: EngineLimits) -> None:
        self.name = f"machine-{next(self.names)}"
        self.limits = limits
        self.scheduler = Scheduler(limits, TOKENIZER, TRAITS)
        self.translations: list[tuple[FakeTranslation, ...]] = []
        self.runner = FakeRunner(self._translation)
        self.speakers: dict[str, Speaker] = {}
        self.pieces: dict[str, int] = {}
        self.granted: dict[str, int] = {}
        self.aborted: set[str] = set()

    def _translation(self, source: EncoderSource, sequence: int) -> FakeTranslation:
        return self.translations[int(source[0])][sequence]

    # ------------------------------------------------------------------ what happens

    @rule(written=texts, policy=policies)
    def somebody_speaks(self, written: tuple[list[int], ...], policy: CommitPolicy) -> None:
        """Sentences of five words."""
        name = f"{self.name}/{next(self.names)}"
        stopped = [
            [token for at, word in enumerate(each) for token in ((word, STOP_ID) if at % 5 == 4 else (word,))]
            for each in written
        ]
        options = SimultaneousOptions(512, 6_144, policy, FRAME_SAMPLES, 1_600)
        self.speakers[name] = Speaker(
            tuple(map(tuple, stopped)), HypothesisBuilder(name, options, len(SPECS))
        )

    @rule(
        data=st.data(),
        is_final=st.sampled_from((False, False, False, True)),
        fails=failures,
        playback_pending=st.booleans(),
    )
    def hypothesis(
        self, data: st.DataObject, is_final: bool, fails: list[Stage | None], playback_pending: bool
    ) -> None:
        idle = [each for each in self.speakers.values() if each.running is None]
        if idle:
            speaker = data.draw(st.sampled_from(idle))
            speaker.running = self._request(speaker, is_final, fails, playback_pending and not is_final)
            speaker.failed = set()
            self.scheduler.add(speaker.running)

    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        """The engine has no room for a hypothesis: the next one starts from the same state."""
        idle = [each for each in self.speakers.values() if each.running is None]
        if idle:
            self._request(data.draw(st.sampled_from(idle)), False, [None, None])

    def _request(
        self, speaker: Speaker, is_final: bool, fails: list[Stage | None], playback_pending: bool = False
    ) -> Request:
        speaker.steps += 1
        number = len(self.translations)
        end = speaker.steps * STEP_SAMPLES
        first = max(0, end - 6_144 * 16)
        samples = np.full(end - first, number, np.float32)
        request = speaker.builder.hypothesis(
            samples,
            first,
            SPECS,
            is_final=is_final,
            source_times=False,
            playback_pending=(playback_pending, False),
        )
        assert isinstance(request, HypothesisRequest)
        heard = None if is_final else speaker.steps * TOKENS_A_STEP
        made = []
        for text, state, stage in zip(speaker.texts, request.hypothesis.sequences, fails, strict=True):
            assert text[: state.committed_tokens][
                -len(state.history_token_ids) :
            ] == state.history_token_ids or (not state.history_token_ids), "the history is what was said last"
            new = text[:heard][state.committed_tokens :]
            made.append(FakeTranslation((*state.history_token_ids, *new), 3, stage))
        self.translations.append(tuple(made))
        return request

    @rule(count=st.integers(1, 12))
    def steps(self, count: int) -> None:
        for _ in range(count):
            self._step()

    @rule(data=st.data(), in_flight=st.booleans())
    def clear(self, data: st.DataObject, in_flight: bool) -> None:
        """The speaker is gone, with the hypothesis that runs."""
        if self.speakers:
            self._step(data.draw(st.sampled_from(sorted(self.speakers))), in_flight=in_flight)

    @rule(data=st.data(), pieces=st.integers(1, 5))
    def grant(self, data: st.DataObject, pieces: int) -> None:
        running = [each.running.request_id for each in self.speakers.values() if each.running]
        if running:
            request_id = data.draw(st.sampled_from(running))
            self.granted[request_id] = self.granted.get(request_id, 0) + pieces
            self.scheduler.grant(request_id, 0, pieces)

    def _step(self, cleared: str | None = None, *, in_flight: bool = False) -> None:
        if cleared is not None and not in_flight:
            self._clear(cleared)
        plan = self.scheduler.schedule()
        result = self.runner.execute(plan) if plan else None
        if cleared is not None and in_flight:
            self._clear(cleared)
        for event in self.scheduler.update(plan, result) if result is not None else ():
            self._take(event)

    def _clear(self, name: str) -> None:
        speaker = self.speakers.pop(name)
        if speaker.running is not None:
            self.aborted.add(speaker.running.request_id)
            self.scheduler.abort(speaker.running.request_id)
            assert self.scheduler.phases(speaker.running.request_id) == ()

    # ------------------------------------------------------------------ what comes of it

    def _take(self, event: EngineEvent) -> None:
        assert event.request_id not in self.aborted, "an aborted hypothesis gets no further event"
        name = event.request_id.rpartition("/")[0]
        speaker = self.speakers[name]
        assert speaker.running is not None
        assert speaker.running.request_id == event.request_id
        match event:
            case HypothesisDecided() | SpeechCarriedOver():
                speaker.builder.record(event)
            case TokenDecoded():
                speaker.said[event.sequence].append(event.token_id)
            case WaveformPiece():
                self._take_piece(speaker, event)
            case SequenceFinished() if event.error:
                speaker.failed.add(event.sequence)
                speaker.speech_is_whole &= event.sequence != 0
            case RequestFinished():
                self._take_end(name, speaker)

    def _take_piece(self, speaker: Speaker, piece: WaveformPiece) -> None:
        if speaker.speech_is_whole:
            assert piece.start_samples == speaker.spoken_samples, "a gap or an overlap in the speech"
        speaker.spoken_samples = piece.start_samples + len(piece.samples)
        self.pieces[piece.request_id] = self.pieces.get(piece.request_id, 0) + 1
        credit = self.limits.initial_credit_pieces + self.granted.get(piece.request_id, 0)
        assert self.pieces[piece.request_id] <= credit, "a piece without credit"

    def _take_end(self, name: str, speaker: Speaker) -> None:
        if not speaker.ends:
            speaker.builder.finish_hypothesis()
            speaker.running = None
            return
        for target, (said, text) in enumerate(zip(speaker.said, speaker.texts, strict=True)):
            assert tuple(said) == text or target in speaker.failed, "the end commits everything"
        if speaker.speech_is_whole:
            assert speaker.spoken_samples == 3 * len(speaker.texts[0]) * SAMPLES_PER_UNIT
        del self.speakers[name]

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def nothing_is_lost_or_said_twice(self) -> None:
        for speaker in getattr(self, "speakers", {}).values():
            for said, text in zip(speaker.said, speaker.texts, strict=True):
                assert tuple(said) == text[: len(said)]

    @invariant()
    def slots_belong_to_what_runs(self) -> None:
        if not hasattr(self, "speakers"):
            return
        running = [each.running.request_id for each in self.speakers.values() if each.running]
        assert self.scheduler.live_requests == len(running)
        assert set(self.scheduler.slot_owners.values()) == {
            SequenceKey(request_id, index)
            for request_id in running
            for index, phase in enumerate(self.scheduler.phases(request_id))
            if phase in LIVE_STAGES
        }

    def teardown(self) -> None:
        """With credit all hypotheses end, and the engine has forgotten them."""
        if not hasattr(self, "speakers"):
            return
        for speaker in self.speakers.values():
            if speaker.running is not None:
                self.granted[speaker.running.request_id] = 10_000
                self.scheduler.grant(speaker.running.request_id, 0, 10_000)
        for _ in range(3_000):
            if not self.scheduler.has_work:
                break
            self._step()
        self.nothing_is_lost_or_said_twice()
        self.slots_belong_to_what_runs()
        assert not self.scheduler.has_work
        assert self.scheduler.slot_owners == {}
        assert (self.scheduler.live_requests, self.scheduler.waiting_requests) == (0, 0)
        if self._states_in_memory():
            gc.collect()
            assert not self._states_in_memory()

    def _states_in_memory(self) -> list[object]:
        states = [each for each in gc.get_objects() if isinstance(each, RequestState | SequenceState)]
        return [each for each in states if _request_id(each).startswith(f"{self.name}/")]


def _request_id(state: RequestState | SequenceState) -> str:
    return state.request.request_id if isinstance(state, RequestState) else state.key.request_id


TestSpeakers = SpeakersMachine.TestCase
TestSpeakers.settings = settings(
    max_examples=30,
    stateful_step_count=40,
)
