"""Names, values and stages."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import InvalidName, InvalidValue
from strongroom.model import MAX_VALUE_BYTES, Name, Stage, Value, check_labels, move_stage

ALNUM = "abcXYZ019"


@pytest.mark.parametrize("text", ["a", "A9", "db_password", "db-password.v2", "a..b", "0", "x" * 64])
def test_names_that_docker_takes(text: str) -> None:
    assert Name(text) == text


@pytest.mark.parametrize(
    "text", ["", "-a", "a-", ".a", "a.", "_", "a b", "a/b", "../a", "x" * 65, "é", "a\n", "a\0", "$(id)", "a:b"]
)
def test_names_that_docker_refuses(text: str) -> None:
    with pytest.raises(InvalidName):
        Name(text)


@given(st.text(st.sampled_from(ALNUM + "-_."), max_size=70))
def test_name_rule(text: str) -> None:
    allowed = 0 < len(text) <= 64 and text[0] in ALNUM and text[-1] in ALNUM
    try:
        Name(text)
    except InvalidName:
        assert not allowed
    else:
        assert allowed


def test_value_bounds() -> None:
    assert len(Value(b"x" * MAX_VALUE_BYTES)) == MAX_VALUE_BYTES == 511_999
    for data in (b"", b"x" * (MAX_VALUE_BYTES + 1)):
        with pytest.raises(InvalidValue):
            Value(data)


def test_value_shows_itself_only_when_asked() -> None:
    value = Value(b"hunter2")
    assert value.reveal() == b"hunter2"
    shown = [repr(value), str(value), f"{value}", f"{value:>20}", f"{value!r}", "%s" % value, repr([value])]  # noqa: UP031
    assert not any("hunter2" in text for text in shown)
    for leak in (lambda: pickle.dumps(value), lambda: copy.copy(value), lambda: hash(value), lambda: vars(value)):
        with pytest.raises(TypeError):
            leak()


def test_values_compare_by_content() -> None:
    assert Value(b"a") == Value(b"a")
    assert Value(b"a") != Value(b"b")
    assert Value(b"a") != b"a"


@pytest.mark.parametrize("key", ["", "a b", "a\n", "\t"])
def test_label_keys(key: str) -> None:
    with pytest.raises(InvalidName):
        check_labels({key: "x"})


def test_moving_stages() -> None:
    one = {Stage.CURRENT: 1}
    two = move_stage(one, Stage.CURRENT, 2)
    assert two == {Stage.CURRENT: 2, Stage.PREVIOUS: 1}
    pending = move_stage(two, Stage.PENDING, 3)
    assert move_stage(pending, Stage.CURRENT, 3) == {Stage.CURRENT: 3, Stage.PREVIOUS: 2}
    assert move_stage(pending, Stage.PENDING, None) == two
    assert move_stage(two, Stage.CURRENT, 2) == two
    assert one == {Stage.CURRENT: 1}
