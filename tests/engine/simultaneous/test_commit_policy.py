"""The commit policies as tables: hypotheses in, committed and held words out.

A hypothesis is written as words of ``piece@frame``, a ``_`` for SentencePiece's mark of a space, and with
``~0.9`` behind it where the token is not certain. What stands before ``|`` is history. A text that the
decoder ended itself ends with ``</s>``.
"""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.engine.simultaneous.commit_policy import (
    AlignAtt,
    AlignAttAgreement,
    CommitDecision,
    CommitPolicy,
    HoldReason,
    Hypothesis,
    LocalAgreement,
)
from translate_svc.engine.simultaneous.loops import loop_start
from translate_svc.engine.simultaneous.words import starts_word

FRAMES = 20
NEAR_END, DISAGREES = HoldReason.NEAR_END, HoldReason.DISAGREES
INCOMPLETE, LOOP, END_OF_TEXT = HoldReason.INCOMPLETE_WORD, HoldReason.LOOP, HoldReason.END_OF_TEXT


def hypothesis(
    row: str,
    *,
    is_final: bool = False,
    spaced: bool = True,
    committed: int | None = None,
    frames: int = FRAMES,
) -> Hypothesis:
    """What ``row`` says (see above); a piece without a frame comes from frame 0."""
    before, bar, after = row.partition("|")
    history, new = (before.split(), after.split()) if bar else ([], before.split())
    ended = new[-1:] == ["</s>"]
    marked = [*history, *(new[:-1] if ended else new)]
    pieces = tuple(each.partition("@")[0].replace("_", "\u2581") for each in marked)
    frames_and_probabilities = [each.partition("@")[2].partition("~") for each in marked]
    return Hypothesis(
        token_ids=tuple(_token_id(piece) for piece in pieces),
        pieces=pieces,
        history_tokens=len(history),
        committed_tokens=len(history) if committed is None else committed,
        attended_frames=tuple(int(frame or 0) for frame, _, _ in frames_and_probabilities),
        frames=frames,
        ended=ended,
        log_probabilities=tuple(
            math.log(float(each or 1)) for _, _, each in frames_and_probabilities[len(history) :]
        ),
        is_final=is_final,
        spaced=spaced,
    )


def _token_id(piece: str) -> int:
    return int.from_bytes(piece.encode(), "big")


def decided(committed: int, held: int = 0, reason: HoldReason | None = None) -> CommitDecision:
    return CommitDecision(committed, held, reason)


ALIGN_ATT = [
    pytest.param("", decided(0), id="nothing"),
    pytest.param("_a@1 _b@3 </s>", decided(2), id="all of it is old enough"),
    pytest.param("_a@1 _b@15 _c@16 _d@2 </s>", decided(2, 2, NEAR_END), id="stops before the last frames"),
    pytest.param("_a@16 _b@1 </s>", decided(0, 2, NEAR_END), id="what follows an unsafe token is held"),
    pytest.param("_h@19 | _a@1 _b@17 </s>", decided(1, 1, NEAR_END), id="the history is not judged"),
    pytest.param("_a@1 _be@2 tter@17 _c@18 </s>", decided(1, 3, NEAR_END), id="no half words"),
    pytest.param("_a@1 _be@2", decided(1, 1, INCOMPLETE), id="the last word may go on"),
    pytest.param("_be@2 tt@3", decided(0, 2, INCOMPLETE), id="a word alone may go on"),
    pytest.param("_a@1 _be@2 tter@3 </s>", decided(3), id="the decoder says that it does not"),
    pytest.param("_a@1 _b@2 .@3 </s>", decided(1, 2, END_OF_TEXT), id="more of the sentence may be heard"),
    pytest.param("_a@1 ?@2 !@2 </s>", decided(0, 3, END_OF_TEXT), id="whatever closes it"),
    pytest.param("_a@1 .@2 _b@3 _c@17 </s>", decided(3, 1, NEAR_END), id="punctuation within is text"),
    pytest.param("_a@1 _3@2 .@2 5@3 _b@17", decided(4, 1, NEAR_END), id="a number is one word"),
    pytest.param("_3@2 .@2 5@17 _b@17", decided(0, 4, NEAR_END), id="and is not cut at its point"),
    pytest.param("_l@1 '@1 a@17 </s>", decided(0, 3, NEAR_END), id="nor is a word at its apostrophe"),
    pytest.param("_go@1 .@17 _b@18", decided(2, 1, NEAR_END), id="punctuation has no sound"),
    pytest.param("_a@1 _go@1 .@2 _b@17 </s>", decided(3, 1, NEAR_END), id="and goes with the word before it"),
    pytest.param("_a@1 _go@1 .@2", decided(1, 2, INCOMPLETE), id="which ends with a space"),
    pytest.param("_a@1 <0xE6>@2 <0x88>@3 <0x91>@17 _b@1", decided(0, 5, NEAR_END), id="no half letters"),
    pytest.param("_a@1 " + "_b@2 " * 5 + "</s>", decided(6), id="five times the same is said by people"),
    pytest.param("_a@1 " + "_b@2 " * 6, decided(2, 5, LOOP), id="trap 5: of a loop the first copy is said"),
    pytest.param("_a@1 _b@2 _c@2 _d@3 _e@3 | " + "_a@3 _b@4 _c@5 _d@5 _e@5 " * 2, decided(0, 10, LOOP),
                 id="trap 5: the same five tokens again, after them in the history"),
    pytest.param("_a@1 " + "_b@2 " * 6 + "_c@3 </s>", decided(8), id="what went on by itself is no loop"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "expected"), ALIGN_ATT)
def test_align_att(row: str, expected: CommitDecision) -> None:
    assert AlignAtt(4).decide(hypothesis(row), None) == expected


def test_a_sentence_is_closed_when_two_hypotheses_close_it() -> None:
    """A history of the last word without its full stop led nowhere: the decoder closed it in hypothesis after
    hypothesis, while the next sentence was spoken.
    """
    made, before = hypothesis("_h@0 | _a@1 .@2 </s>"), hypothesis("_h@0 _a@1 .@2 </s>")
    assert AlignAtt(4).decide(made, before) == decided(2)
    assert AlignAtt(4).decide(made, hypothesis("_h@0 _b@1 .@2 </s>")) == decided(0, 2, END_OF_TEXT)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param("\u6211@1 \u6211@2 \u4eec@17", decided(2, 1, NEAR_END), id="every token is a word"),
        pytest.param("\u6211@1 \u4eec@2", decided(2), id="also the last one"),
        pytest.param(
            "<0xE6>@1 <0x88>@1 <0x91>@1 <0xE4>@2 <0xBB>@17", decided(3, 2, NEAR_END), id="characters"
        ),
        pytest.param("\u6211@1 <0xE4>@2 <0xBB>@2", decided(1, 2, INCOMPLETE), id="one that lacks a byte"),
        pytest.param(
            "\u0e01@1 \u0e02@2 \u0e31@17", decided(1, 2, NEAR_END), id="a mark goes with its letter"
        ),
        pytest.param("\u6211@1 \u3002@2 </s>", decided(1, 1, END_OF_TEXT), id="its full stop"),
    ],
)
def test_languages_without_spaces(row: str, expected: CommitDecision) -> None:
    """Trap 3: a word that only ends with a space never ends."""
    assert AlignAtt(4).decide(hypothesis(row, spaced=False), None) == expected


AGREEMENT = [
    pytest.param("_a _b </s>", None, decided(0, 2, DISAGREES), id="the first hypothesis"),
    pytest.param("_a _b _c </s>", "_a _b _d </s>", decided(2, 1, DISAGREES), id="two words agree"),
    pytest.param("_a _be tter </s>", "_a _be ast </s>", decided(1, 2, DISAGREES), id="half a word does not"),
    pytest.param("_a _be tter </s>", "_a _be </s>", decided(1, 2, DISAGREES), id="nor does a longer one"),
    pytest.param("_a _be", "_a _be", decided(1, 1, INCOMPLETE), id="both were cut in the same word"),
    pytest.param("_a _b </s>", "_a _b _c </s>", decided(2), id="all of it"),
    pytest.param("_a _b . </s>", "_a _b . </s>", decided(3), id="both close the sentence"),
    pytest.param("_a _b . </s>", "_a _b </s>", decided(1, 2, DISAGREES), id="one of them does"),
    pytest.param("_h | _b _c </s>", "_h _b _c </s>", decided(2), id="behind what was committed"),
    pytest.param("_h | _c </s>", "_h _b </s>", decided(0, 1, DISAGREES), id="and nothing else"),
    pytest.param("_h | _c </s>", "_h </s>", decided(0, 1, DISAGREES), id="which may be nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "previous", "expected"), AGREEMENT)
def test_agreement(row: str, previous: str | None, expected: CommitDecision) -> None:
    before = None if previous is None else hypothesis(previous)
    assert LocalAgreement().decide(hypothesis(row), before) == expected


@pytest.mark.parametrize(
    ("row", "previous", "expected"),
    [
        pytest.param("_a@1 _b@2 _c@18 </s>", "_a _b _c </s>", decided(2, 1, NEAR_END), id="too near"),
        pytest.param("_a@1 _b@2 _c@3 </s>", "_a _x </s>", decided(1, 2, DISAGREES), id="disagrees"),
        pytest.param("_a@1 _b@2 </s>", None, decided(0, 2, DISAGREES), id="the first hypothesis"),
        pytest.param("_a@1 _b@2 </s>", "_a _b </s>", decided(2), id="both"),
    ],
)  # fmt: skip
def test_align_att_and_agreement(row: str, previous: str | None, expected: CommitDecision) -> None:
    before = None if previous is None else hypothesis(previous)
    assert AlignAttAgreement(4).decide(hypothesis(row), before) == expected


CALIBRATED = AlignAttAgreement(4, sure_probability=0.95, unsure_probability=0.85)


@pytest.mark.parametrize(
    ("row", "previous", "expected"),
    [
        pytest.param("_a@1~.96 _b@14~.96 </s>", None, decided(2), id="what is sure needs no agreement"),
        pytest.param("_a@1 _b@2 </s>", "_x </s>", decided(2), id="not even where there is another text"),
        pytest.param("_a@1 _b@15 </s>", None, decided(1, 1, DISAGREES), id="but some more frames behind it"),
        pytest.param("_a@1~.94 _b@2 </s>", None, decided(0, 2, DISAGREES), id="less sure ones need it"),
        pytest.param(
            "_be@1~.97 tter@2~.97 </s>", None, decided(0, 2, DISAGREES), id="a word is all its tokens"
        ),
        pytest.param("_a@1 ,@16~.1 _b@2 </s>", None, decided(3), id="punctuation does not count"),
        pytest.param("_a@1 _b@2 .@2 </s>", None, decided(1, 2, END_OF_TEXT), id="a close needs agreement"),
        pytest.param(
            "_a@12~.8 _b@13~.8 </s>", "_a _b </s>", decided(1, 1, NEAR_END), id="unsure ones wait longer"
        ),
        pytest.param("_a@12~.8 _b@13~.86 </s>", "_a _b </s>", decided(2), id="others do not"),
    ],
)
def test_how_sure_the_decoder_is(row: str, previous: str | None, expected: CommitDecision) -> None:
    before = None if previous is None else hypothesis(previous)
    assert CALIBRATED.decide(hypothesis(row), before) == expected


POLICIES: list[CommitPolicy] = [AlignAtt(4), LocalAgreement(), AlignAttAgreement(4), CALIBRATED]


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("_a@1 _be@19 tter@19 .@19 </s>", decided(4)),
        ("_a@1 _be@19", decided(2)),
        ("", decided(0)),
        ("_a@1 " + "_b@2 " * 6, decided(2, 5, LOOP)),
    ],
)
def test_a_final_hypothesis_is_committed_whole_but_for_a_loop(
    policy: CommitPolicy, row: str, expected: CommitDecision
) -> None:
    assert policy.decide(hypothesis(row, is_final=True), None) == expected


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_what_was_held_is_released_as_it_was_decoded(policy: CommitPolicy) -> None:
    """Trap 4: rejected tokens came out at the end of a stream as if they had been heard to their end. Here
    the last hypothesis is decided about anew, and only the caller who heard nothing since may ask for that.
    """
    last = hypothesis("_h@1 | _a@17 _b@18 .@19 </s>")
    assert policy.decide(last, last).held == 3 or isinstance(policy, LocalAgreement)
    assert policy.decide(dataclasses.replace(last, is_final=True), last) == decided(3)


@pytest.mark.parametrize(
    ("tokens", "start"),
    [
        ([], None), ([1], None), ([1, 2, 3], None),
        ([7] * 5, None), ([7] * 6, 1), ([1, *[7] * 6], 2),
        ([1, 2] * 3, None), ([1, 2] * 4, 2), ([9, *[1, 2] * 4, 1], 3),
        ([1, 2, 3, 4, 5] * 2, None), ([1, 2, 3, 4, 5] * 3, 5), ([*[1, 2, 3, 4, 5] * 3, 6], None),
    ],
)  # fmt: skip
def test_loops(tokens: list[int], start: int | None) -> None:
    assert loop_start(tokens) == start


PIECES = st.sampled_from(
    ["_a", "_b", "c", "'", ".", "_.", "_\u00bf", "<0xE6>", "<0x88>", "<0x91>", "\u6211", "_"]
)
TEXTS = st.lists(st.tuples(PIECES, st.integers(0, 29)), max_size=12)


@given(
    st.lists(st.tuples(TEXTS, st.booleans(), st.integers(0, 29)), max_size=6),
    st.sampled_from(POLICIES),
    st.booleans(),
)
def test_committed_text_only_grows_by_whole_words_whatever_the_hypotheses(
    texts: list[tuple[list[tuple[str, int]], bool, int]], policy: CommitPolicy, spaced: bool
) -> None:
    """Each hypothesis begins with all that was committed, as the decoder is made to write it."""
    committed: list[str] = []
    previous: Hypothesis | None = None
    for number, (new, ended, frames) in enumerate(texts):
        is_final = number == len(texts) - 1
        row = f"{' '.join(committed)} | {' '.join(f'{piece}@{at}' for piece, at in new)} {'</s>' * ended}"
        made = hypothesis(row, spaced=spaced, frames=frames, is_final=is_final)
        decision = policy.decide(made, previous)
        assert decision == policy.decide(made, previous), "no state"
        assert decision.committed >= 0
        assert decision.committed + decision.held == made.new_tokens
        assert (decision.reason is None) == (decision.held == 0)
        if is_final:
            assert decision.reason in (None, LOOP)
        elif decision.committed < made.new_tokens:
            # any text in place of the held tokens begins a word of its own
            at = decision.committed
            assert at == 0 or starts_word(made.new_pieces, at, spaced=spaced)
        committed += [piece for piece, _ in new[: decision.committed]]
        previous = made
