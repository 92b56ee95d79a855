"""The numbers of versions that Azure gives none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from strongroom.model import Stage
from strongroom.stores.azure.versions import NUMBER, STAGES, numbered


def _version(letter: str, second: int, number: int = 0, stages: str = "") -> Any:
    tags = ({NUMBER: str(number)} if number else {}) | ({STAGES: stages} if stages else {})
    return SimpleNamespace(
        version=letter, created_on=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second), tags=tags
    )


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([_version("a", 0), _version("b", 1)], "ab"),
        ([_version("b", 1), _version("a", 0)], "ab"),
        ([_version("a", 0), _version("b", 1, 2), _version("c", 2)], "abc"),
        # Within a second: theirs came between ours, and Azure cannot tell.
        ([_version("c", 0, 3), _version("b", 0), _version("a", 0, 1)], "abc"),
        # Two of ours at once.
        ([_version("a", 0, 1), _version("b", 1, 2), _version("c", 2, 2)], "abc"),
        ([], ""),
    ],
)
def test_numbers(versions: list[Any], expected: str) -> None:
    found = numbered(versions)
    assert "".join(found.versions[number].version for number in sorted(found.versions)) == expected
    assert sorted(found.versions) == list(range(1, len(versions) + 1))


def test_the_last_word_on_stages_counts() -> None:
    found = numbered([
        _version("a", 0, 1, "current=1 seen=1"), _version("b", 1, 2, "current=1 pending=2 seen=2"), _version("c", 2),
    ])  # fmt: skip
    assert found.stages == {Stage.CURRENT: 3, Stage.PREVIOUS: 1, Stage.PENDING: 2}
