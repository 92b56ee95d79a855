"""Stages beside a manager that knows of its newest version only, which is what others read, and write.

What others write is therefore current. Only where the current version is not the newest (a pending one, a rollback) do
stages have to be kept, as a text: ``current=1 previous=2 seen=2``. ``seen`` is the newest version that this was said
of: one that is newer still is current.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, Self

from ..model import Stage

_SEEN = "seen"


class Kept(NamedTuple):
    """What was kept of a secret's stages. Versions are counted from 1, without gaps."""

    stages: Mapping[Stage, int]
    seen: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` gave; what is no such text says nothing."""
        pairs = dict(part.partition("=")[::2] for part in text.split())
        numbers = {key: int(number) for key, number in pairs.items() if number.isdecimal()}
        return cls({stage: numbers[stage] for stage in Stage if stage in numbers}, numbers.get(_SEEN, 0))

    def __str__(self) -> str:
        return " ".join(f"{key}={number}" for key, number in (*self.stages.items(), (_SEEN, self.seen)))

    def number(self, stage: Stage, newest: int) -> int:
        """Return the number of a stage; 0 where there is none."""
        current = self.stages.get(Stage.CURRENT, newest) if newest <= self.seen else newest
        if stage is Stage.CURRENT:
            return current
        if stage is Stage.PREVIOUS and newest > self.seen:
            return newest - 1 if newest - 1 > self.seen else self.stages.get(Stage.CURRENT, 0)
        return self.stages.get(stage, 0)

    def readable(self, newest: int, numbers: Collection[int]) -> dict[Stage, int]:
        """Return the stages whose versions are among ``numbers``; none where the current one is not."""
        found = {stage: number for stage in Stage if (number := self.number(stage, newest)) in numbers}
        return found if Stage.CURRENT in found else {}
