"""Measuring things side by side, and saying what came out."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: what was measured, what came out, and what was aimed at."""

    what: str
    figure: str
    aim: str = ""
    holds: bool | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of one topic."""

    title: str
    rows: Sequence[Row]


def alternate(works: Mapping[str, Work], rounds: int, calls: int = 1) -> dict[str, float]:
    """Return the median seconds of one call of each, measured in turns, so that a noise of the machine hits all."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            for _ in range(calls):
                work()
            times[name].append((time.perf_counter() - start) / calls)
    return {name: statistics.median(each) for name, each in times.items()}


def process(*command: str, environment: Mapping[str, str] | None = None, cwd: str | None = None) -> Work:
    """Return the work of running a process to its successful end."""

    def work() -> None:
        subprocess.run(command, check=True, capture_output=True, env=environment, cwd=cwd, stdin=subprocess.DEVNULL)

    return work


def ratio(what: str, ours: float, theirs: float, aim: float | None = None) -> Row:
    """Say how long ours takes for each second of theirs; the aim is a largest ratio."""
    share = ours / theirs
    text = f"{share:.2f} ({duration(ours)} : {duration(theirs)})"
    return Row(what, text, f"at most {aim:g}" if aim else "", share <= aim if aim else None)


def below(what: str, seconds: float, aim: float) -> Row:
    """Say how long something takes; the aim is a largest time."""
    return Row(what, duration(seconds), f"under {duration(aim)}", seconds < aim)


def duration(seconds: float) -> str:
    """Return a time in the unit that fits."""
    for unit, length in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
