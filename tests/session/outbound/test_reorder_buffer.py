"""Order of results as a property: any interleaving in, the same order out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from translate_svc.session.outbound.reorder_buffer import ReorderBuffer
from translate_svc.session.settings.planned_sequence import LaneKey, LaneKind

KEYS = [LaneKey(kind, language) for kind in LaneKind for language in ("spa", "fra")]


def test_dropping_lets_the_next_go() -> None:
    left: list[tuple[int, str]] = []
    lanes: ReorderBuffer[str] = ReorderBuffer(lambda number, item: left.append((number, item)))
    for number in range(3):
        lanes.enter(number, [KEYS[0]])
        lanes.put(number, KEYS[0], f"{number}")
    lanes.drop(1)
    assert left == [(0, "0")]
    lanes.drop(0)
    assert left == [(0, "0"), (2, "2")]
    assert lanes.held() == 0


@given(st.data())
def test_any_interleaving_comes_out_in_order_and_whole(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 5), label="utterances")
    used = [
        data.draw(st.sets(st.sampled_from(KEYS), min_size=1), label=f"lanes of {number}")
        for number in range(count)
    ]
    left: list[tuple[int, tuple[LaneKey, int]]] = []
    lanes: ReorderBuffer[tuple[LaneKey, int]] = ReorderBuffer(
        lambda number, item: left.append((number, item))
    )
    pending = {
        (number, key): data.draw(st.integers(0, 3), label="items")
        for number in range(count)
        for key in used[number]
    }
    for number in range(count):
        lanes.enter(number, used[number])
    sent = dict.fromkeys(pending, 0)
    while pending:
        number, key = data.draw(st.sampled_from(sorted(pending, key=repr)), label="next")
        if sent[number, key] < pending[number, key]:
            lanes.put(number, key, (key, sent[number, key]))
            sent[number, key] += 1
        else:
            lanes.finish(number, key)
            del pending[number, key]
    assert all(lanes.is_complete(number) for number in range(count))
    assert lanes.held() == 0
    assert len(left) == sum(sent.values()), "nothing is lost and nothing doubled"
    for key in KEYS:
        of_lane = [(number, item[1]) for number, item in left if item[0] == key]
        assert of_lane == sorted(of_lane)
