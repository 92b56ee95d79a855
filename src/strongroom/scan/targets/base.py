"""What every target is: something that yields pieces, and knows what a finding in them means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator

from ..model import Finding, Notice, Piece
from .reading import Reading


class Target(ABC):
    """Something that is looked at."""

    def __init__(self, name: str) -> None:
        """Take what a person calls it: ``image shop:1``."""
        self.name = name
        self._reading = Reading()

    @property
    def notices(self) -> list[Notice]:
        """What could not be read, or was cut short."""
        return self._reading.notices

    @abstractmethod
    def pieces(self) -> Iterator[Piece]:
        """Yield all that is looked at; each piece is read before the next one is asked for."""

    def findings(self, scan: Callable[[Iterable[Piece]], Iterable[Finding]]) -> list[Finding]:
        """Return what ``scan`` finds in the pieces, with what is only known after the last one."""
        return list(scan(self.pieces()))
