"""Stages beside a manager that knows of its newest version only: whoever writes, they are what the rule says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from strongroom.model import Stage, move_stage
from strongroom.stores.stages import Kept

_OURS = st.tuples(st.just("ours"), st.sampled_from((Stage.CURRENT, Stage.PENDING)), st.just(0))
_THEIRS = st.tuples(st.just("theirs"), st.just(Stage.CURRENT), st.just(0))
_MOVES = st.tuples(st.just("move"), st.sampled_from(list(Stage)), st.integers(1, 12))
_TAKEN = st.tuples(st.just("take away"), st.sampled_from((Stage.PREVIOUS, Stage.PENDING)), st.just(0))


@given(st.lists(_OURS | _THEIRS | _MOVES | _TAKEN, max_size=12))
def test_stages_are_what_the_rule_says(steps: list[tuple[str, Stage, int]]) -> None:
    newest, kept, expected = 1, Kept({}, 0), {Stage.CURRENT: 1}
    for who, stage, version in steps:
        if who == "theirs":
            newest += 1
            expected = move_stage(expected, Stage.CURRENT, newest)
            # Nobody told the manager of a version that becomes current by being written.
            found = kept.readable(newest, range(1, newest + 1))
            assert found == expected
            continue
        before = kept.readable(newest, range(1, newest + 1))
        newest += who == "ours"
        target = {"ours": newest, "move": min(version, newest)}.get(who)
        expected = move_stage(expected, stage, target)
        kept = Kept.parse(str(Kept(move_stage(before, stage, target), newest)))
        assert kept.readable(newest, range(1, newest + 1)) == expected


@given(st.text())
def test_any_text_may_be_there(text: str) -> None:
    kept = Kept.parse(text)
    assert Kept.parse(str(kept)) == kept
