"""What is found in a text, and which of several things found in one place is told."""

from __future__ import annotations

from typing import NamedTuple

KNOWN = "known-value"


class Hit(NamedTuple):
    """A secret in a text. ``start`` and ``end`` are where it lies, or the run that hides it.

    ``rank`` says which of two in one place is told: 3 for a known value, 2 for a secret whose own form says what it is,
    0 for a generic rule, 1 for all others. ``secret`` names the store's secret.
    """

    rank: int
    start: int
    end: int
    rule: str
    description: str
    value: bytes
    encoding: tuple[str, ...] = ()
    secret: str = ""
    exact: bool = True


def resolved(hits: list[Hit]) -> list[Hit]:
    """Return the hits of which each is the best one in its place, in the order of places."""
    exact = _best([hit for hit in hits if hit.exact])
    hidden = _hidden_best([hit for hit in hits if not hit.exact])
    kept: list[Hit] = []
    lost: set[int] = set()
    first = 0
    for hit in exact:
        while first < len(hidden) and hidden[first].end <= hit.start:
            first += 1
        rivals = []
        for index in range(first, len(hidden)):
            if hidden[index].start >= hit.end:
                break
            if hidden[index].end > hit.start:
                rivals.append(index)
        if any(hidden[index].rank >= hit.rank for index in rivals):
            continue
        lost.update(rivals)
        kept.append(hit)
    kept += (hit for index, hit in enumerate(hidden) if index not in lost)
    return sorted(kept, key=lambda hit: hit.start)


def _best(hits: list[Hit]) -> list[Hit]:
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: hit.start):
        while kept and kept[-1].end > hit.start and _better(hit, kept[-1]):
            kept.pop()
        if not kept or kept[-1].end <= hit.start:
            kept.append(hit)
    return kept


def _better(hit: Hit, other: Hit) -> bool:
    return (hit.rank, bool(hit.encoding), len(hit.value)) > (other.rank, bool(other.encoding), len(other.value))


def _hidden_best(hits: list[Hit]) -> list[Hit]:
    """Return the hits in hidden texts, a value once for each place: what one rule says of it that ranks highest."""
    kept: list[Hit] = []
    last: dict[bytes, int] = {}
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.rank)):
        index = last.get(hit.value)
        if index is not None and kept[index].end > hit.start:
            if hit.rank > kept[index].rank:
                kept[index] = hit._replace(start=kept[index].start)
        else:
            last[hit.value] = len(kept)
            kept.append(hit)
    return kept
